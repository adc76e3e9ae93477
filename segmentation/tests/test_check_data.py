import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from segmentation.check_data import main
from segmentation.data.registry import DATA_SETS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images of 4x2 pixels, masks of classes 0 and 1; the last one validates."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.txt").write_text("ground\ntree\n")
    for number in range(6):
        Image.new("RGB", (4, 2)).save(tmp_path / "images" / f"p{number}.png")
        mask = np.repeat(np.array([[0], [1]], np.uint8), 4, axis=1)
        Image.fromarray(mask).save(tmp_path / "masks" / f"p{number}.png")
    return tmp_path


def test_whole_data_set_is_summed_up_by_class(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folder", str(root)]) == 0
    out = capsys.readouterr().out
    cells = [line.split() for line in out.splitlines()]
    for pixels, pictures in (("20", "5"), ("4", "1")):  # train, val
        assert ["0", "ground", pixels, "50.00%", pictures] in cells
        assert ["1", "tree", pixels, "50.00%", pictures] in cells
    assert ["255", "ignored", "0", "0.00%", "0"] in cells
    assert f"{root}: no faults" in out


def test_every_fault_is_named_in_a_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "masks" / "p0.png").unlink()
    (root / "masks" / "p1.png").write_bytes(b"")
    (root / "images" / "p1.png").write_text("no image")
    Image.new("L", (3, 2)).save(root / "masks" / "p2.png")
    Image.fromarray(np.full((2, 4), 9, np.uint8)).save(root / "masks" / "p3.png")
    Image.new("RGB", (4, 2)).save(root / "masks" / "p4.png")
    assert main(["folder", str(root)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:6]] == [
        str(root / name)
        for name in (
            *("masks/p0.png", "images/p1.png", "masks/p1.png"),
            *("masks/p2.png", "masks/p3.png", "masks/p4.png"),
        )
    ]
    for line, words in zip(
        lines,
        ["no such file", "not an image", "an empty", "3x2 pixels", "holds 9", "a colour image"],
        strict=False,
    ):
        assert words in line
    assert f"{root}: 6 faults" in lines
    assert any(line.split()[:2] == ["0", "ground"] for line in lines)


def test_every_missing_list_entry_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "train.txt").write_text("p0\nq1\nq2\n")
    (root / "val.txt").write_text("p3\n")
    assert main(["folder", str(root)]) == 2
    out = capsys.readouterr().out
    assert all(f"q{n}.jpg: no such file" in out for n in (1, 2))
    assert f"{root}: 5 faults\n" in out  # and their masks, and the images that no list names


def test_every_root_is_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["folder", str(root / "nowhere"), str(root)]) == 2
    out = capsys.readouterr().out
    assert f"{root / 'nowhere' / 'images'}: not found: expected " in out
    assert f"{root / 'nowhere'}: 2 faults\n" in out
    assert f"{root}: no faults" in out


def test_names_and_places_are_those_of_the_configs() -> None:
    configs = {
        path.name.removesuffix(".yaml"): Path(config.folder)
        for path in resources.files("segmentation.conf").joinpath("data").iterdir()
        if "root" in (config := OmegaConf.create(path.read_text()))  # others build on one of these
    }
    assert {d.config or name: d.root for name, d in DATA_SETS.items()} == configs


def test_class_without_a_pixel_in_a_split_is_a_fault(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (4, 2)).save(root / "masks" / "p5.png")
    assert main(["folder", str(root)]) == 2
    out = capsys.readouterr().out
    assert f"{root}: no pixel of 'tree' in the masks of folder val\n" in out
    assert f"{root}: 1 fault\n" in out


def test_black_and_white_masks_are_two_classes_and_said(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / "masks").iterdir():
        Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 4, axis=1)).save(path)
    assert main(["folder", str(root)]) == 0
    out = capsys.readouterr().out
    assert f"{root / 'masks'}: hold 0 and 255 alone, read as ground and tree\n" in out
    assert ["1", "tree", "20", "50.00%", "5"] in [line.split() for line in out.splitlines()]


def test_files_that_no_split_reads_are_a_fault(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "train.txt").write_text("p0\np1.png\n")
    (root / "val.txt").write_text("p2\n")
    Image.new("L", (4, 2)).save(root / "masks" / "extra.png")
    assert main(["folder", str(root)]) == 2
    out = capsys.readouterr().out
    unused = ", ".join(str(root / "images" / f"p{n}.png") for n in (3, 4, 5))
    assert f"{unused}: in neither train.txt nor val.txt\n" in out
    assert f"{root / 'masks' / 'extra.png'}: no image of that name\n" in out


@pytest.mark.parametrize("data", ["voc", "sbd", "coco", "cityscapes", "people"])
def test_missing_data_set_says_where_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str
) -> None:
    assert main([data, str(tmp_path)]) == 2
    faults = [line for line in capsys.readouterr().out.splitlines() if ": not found: get " in line]
    assert len(faults) >= 2  # one for each part


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["imagenet"], "argument DATA: invalid choice: 'imagenet'"),
        ([], "the following arguments are required: DATA"),
    ],
)
def test_wrong_arguments_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("check_data: ") and message in captured.err
    assert captured.err.count("\n") == 1 and not captured.out


def test_arguments_are_read_before_anything_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "segmentation.check_data"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "usage: check_data" in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"numpy", "torch", "cv2", "PIL", "scipy"}
