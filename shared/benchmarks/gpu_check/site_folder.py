"""The environment of the steps: gathered wheels, our sources, and the names of our tasks."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECTS = ("shared", "shared/people", "voxel-flow", "segmentation", "face-attributes", "fashion")


def environment(root: Path, work: Path) -> dict[str, str]:
    """Return the variables under which a process imports all of ours, installed or not."""
    site = work / "site"
    site.mkdir()
    wheels = sorted((root / ".gpu" / "wheels").glob("*.whl"))
    if wheels and sys.version_info[:2] == (3, 12):
        how = ["--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--target", str(site)]
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *how, *wheels], check=True)
    for project in PROJECTS:
        register(root / project / "pyproject.toml", site)
    paths = [str(root / project / "src") for project in PROJECTS]
    ours = root / "shared" / "benchmarks"
    paths += [str(ours), str(ours / "gpu_check"), str(site), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONSAFEPATH": "1",  # the projects' folders have names of packages
        "PYTHONUNBUFFERED": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(work / "inductor"),
        "TRITON_CACHE_DIR": str(work / "triton"),
    }


def register(project: Path, site: Path) -> None:
    """Say that a project is installed, so that its tasks are found by their entry points."""
    facts = tomllib.loads(project.read_text())["project"]
    folder = site / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    folder.mkdir()
    lines = ("Metadata-Version: 2.1", f"Name: {facts['name']}", f"Version: {facts['version']}")
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    groups = facts.get("entry-points", {})
    text = [
        f"[{name}]\n" + "\n".join(f"{k} = {v}" for k, v in g.items()) for name, g in groups.items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(text) + "\n")
