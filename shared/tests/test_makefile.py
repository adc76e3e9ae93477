"""The Makefile where names hold blanks: of the checkout, and of files."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout below a folder with blanks, whose python prints its arguments."""
    root = tmp_path / "My Projects (1)"
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    shutil.copy(MAKEFILE, root)
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    for name in ("shared", "voxel-flow", "segmentation", "face-attributes", "fashion"):
        (root / name).mkdir()
        (root / name / "pyproject.toml").touch()
    for name in ("constraints.txt", ".venv/.ready", "my clip (1).mp4", "a.mp4", "b.mp4"):
        (root / name).touch()
    return root


def make(root: Path, *arguments: str) -> str:
    command = ["make", "--silent", "--old-file=.venv/.ready", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("my clip (1).mp4", "<my clip (1).mp4>"),
        ("a.mp4 b.mp4", "<a.mp4><b.mp4>"),
        ("'my clip (1).mp4' a.mp4", "<my clip (1).mp4><a.mp4>"),
        ("?.mp4", "<a.mp4><b.mp4>"),
    ],
)
def test_input_is_a_file_with_blanks_or_several(checkout: Path, given: str, inputs: str) -> None:
    arguments = ("predict", "TASK=fashion", f"INPUT={given}", "OUTPUT=my out", "CKPT=a b.ckpt")
    assert make(checkout, *arguments) == (
        f"<-m><fashion.predict><--checkpoint><a b.ckpt>{inputs}<-o><my out>"
    )


def test_arguments_keep_their_quotes(checkout: Path) -> None:
    arguments = ("train", "TASK=fashion", "ARGS='data.folder=\"/a (b)\"' seed=1")
    assert make(checkout, *arguments) == '<-m><fashion.train><data.folder="/a (b)"><seed=1>'
