"""Pages of the documentation site: every Markdown file where it lies, and one of each room's API.

A hook of MkDocs. Links between the files work on the site as they do in the repository.
"""

import subprocess
from collections import defaultdict
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
SHOWN = ("*.md", "*.png", "*.jpg", "*.gif", "CITATION.cff", "LICENSE")
SOURCES = {
    "vision_shared": ROOT / "shared/src",
    "synthetic_people": ROOT / "shared/people/src",
    "face_attributes": ROOT / "face-attributes/src",
    "fashion": ROOT / "fashion/src",
    "segmentation": ROOT / "segmentation/src",
    "voxel_flow": ROOT / "voxel-flow/src",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in the rooms of the API in the navigation."""
    assert config.nav is not None
    rooms = [{package: [_uri(room) for room in _rooms(package)]} for package in SOURCES]
    config.nav = [{"API": rooms} if item == {"API": "API"} else item for item in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of the folder `docs` by those of the repository, and add the API's."""
    for file in list(files.documentation_pages()) + list(files.media_files()):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *SHOWN],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if not name.startswith(".github"):
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for package in SOURCES:
        for room, modules in _rooms(package).items():
            text = "\n\n".join([f"# {room}", *(f"::: {module}" for module in modules)])
            files.append(File.generated(config, _uri(room), content=text))
    return files


def _uri(room: str) -> str:
    return f"api/{room}.md"


def _rooms(package: str) -> dict[str, list[str]]:
    """The modules of a package by the folder that they lie in, as dotted names."""
    rooms: dict[str, list[str]] = defaultdict(list)
    source = SOURCES[package]
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        if any(part.startswith("_") for part in parts):
            continue
        rooms[".".join(parts[:-1])].append(".".join(parts))
    return rooms
