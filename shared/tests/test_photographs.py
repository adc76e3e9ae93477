"""Photographs of packages: found where they lie, or named with the command that gets them."""

import json
from pathlib import Path

import pytest

from vision_shared.photographs import find_photographs


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    packages = {name: {"get": f"get {name} into DIR/{name}", "roots": []} for name in "abc"}
    packages["b"]["roots"] = [str(tmp_path / "installed")]
    rows = [
        {"package": "a", "file": "x/1.jpg", "split": "development"},
        {"package": "b", "file": "2.jpg", "split": "test", "faces": 3},
        {"package": "c", "file": "3.jpg", "split": "test"},
    ]
    for file in ("DIR/a/x/1.jpg", "installed/2.jpg"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"packages": packages, "photographs": rows}))
    return path


def test_photographs_are_found_in_a_folder_and_where_they_are_installed(
    listing: Path, tmp_path: Path
) -> None:
    found = list(find_photographs(listing, tmp_path / "DIR"))
    assert [path for _, path in found] == [
        tmp_path / "DIR/a/x/1.jpg",
        tmp_path / "installed/2.jpg",
    ]
    assert found[1][0]["faces"] == 3


def test_a_split_leaves_the_other_out_and_missing_packages_are_named(
    listing: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    found = list(find_photographs(listing, tmp_path / "DIR", split="test"))
    assert [row["package"] for row, _ in found] == ["b"]
    assert f"get c into {tmp_path}/DIR/c" in capsys.readouterr().err


def test_files_of_an_installed_module_are_found(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    row = {"package": "scikit-image", "file": "skimage/data/astronaut.png", "split": "development"}
    packages = {"scikit-image": {"get": "pip install scikit-image", "roots": []}}
    path.write_text(json.dumps({"packages": packages, "photographs": [row]}))
    assert [file.name for _, file in find_photographs(path)] == ["astronaut.png"]
