import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from face_attributes.check_data import main
from face_attributes.data.registry import DATA_SETS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six pictures of 20x30 pixels with two attributes and a box."""
    (tmp_path / "images").mkdir()
    names = [f"p{number}.jpg" for number in range(6)]
    for name in names:
        Image.new("RGB", (20, 30)).save(tmp_path / "images" / name)
    rows = "".join(f"{name},1,{number % 3 - 1}\n" for number, name in enumerate(names))
    (tmp_path / "attributes.csv").write_text("image,Smiling,Male\n" + rows)
    boxes = "".join(f"{name},2,3,10,15\n" for name in names)
    (tmp_path / "boxes.csv").write_text("image,x_1,y_1,width,height\n" + boxes)
    return tmp_path


def test_whole_data_set_is_summed_up_by_attribute(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folder", str(root)]) == 0
    out = capsys.readouterr().out
    cells = [line.split() for line in out.splitlines()]
    assert ["Smiling", "6", "0", "0", "100.0%"] in cells
    assert ["Male", "2", "2", "2", "50.0%"] in cells
    assert "5 train, 1 val, 0 test; 0 people; 6 boxes" in out
    assert f"{root}: no faults" in out


def test_every_fault_is_named_in_a_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, boxes = root / "images", root / "boxes.csv"
    (images / "p0.jpg").unlink()
    (images / "p1.jpg").write_text("no picture")
    data = (images / "p2.jpg").read_bytes()
    (images / "p2.jpg").write_bytes(data[:-60])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 30)).save(images / "p3.jpg", exif=exif)
    boxes.write_text(
        boxes.read_text().replace("p4.jpg,2", "p4.jpg,90").replace("p5.jpg,2", "p5.jpg")
    )
    assert main(["folder", str(root)]) == 2
    lines = capsys.readouterr().out.splitlines()
    for line, (path, words) in zip(
        lines,
        [
            (f"{boxes}:7", "expected 5 fields, got 4"),
            (images / "p0.jpg", f"no such image, but {root}/attributes.csv:2 lists it"),
            (images / "p1.jpg", "not an image"),
            (images / "p2.jpg", "a damaged image"),
            (images / "p3.jpg", "turned by its EXIF orientation (6)"),
            (f"{boxes}:6", "a box of 10x15 pixels at (90, 3) outside its image"),
        ],
        strict=False,
    ):
        assert line.startswith(f"{path}: ") and words in line
    assert f"{root}: 6 faults" in lines


def test_grey_cmyk_and_16_bit_pictures_are_no_fault(root: Path) -> None:
    for name, mode in (("p0.jpg", "L"), ("p1.jpg", "CMYK")):
        Image.new(mode, (20, 30)).save(root / "images" / name)
    table = root / "attributes.csv"
    (root / "boxes.csv").unlink()
    table.write_text(table.read_text() + "p6.png,1,1\n")
    Image.fromarray(np.zeros((30, 20), np.uint16)).save(root / "images" / "p6.png")
    assert main(["folder", str(root)]) == 0


def test_every_root_is_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["folder", str(root / "nowhere"), str(root)]) == 2
    out = capsys.readouterr().out
    assert f"{root / 'nowhere' / 'attributes.csv'}: not found: expected" in out
    assert f"{root / 'nowhere'}: 1 fault\n" in out and f"{root}: no faults" in out


def test_names_and_places_are_those_of_the_configs() -> None:
    configs = {
        path.name.removesuffix(".yaml"): Path(config.folder)
        for path in resources.files("face_attributes.conf").joinpath("data").iterdir()
        if "root" in (config := OmegaConf.create(path.read_text()))  # others build on one of these
    }
    assert {data_set.config: data_set.root for data_set in DATA_SETS.values()} == configs


def test_pictures_without_a_row_are_a_fault(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (10, 9, 11, 12):
        Image.new("RGB", (20, 30)).save(root / "images" / f"x{number}.jpg")
    (root / "images" / "._p0.jpg").write_bytes(b"of macOS")
    assert main(["folder", str(root)]) == 2
    out = capsys.readouterr().out
    names = ", ".join(f"{root}/images/x{number}.jpg" for number in (9, 10, 11))
    assert f"{names} and 1 other: no row in {root}/attributes.csv\n" in out
    assert f"{root}: 1 fault\n" in out


@pytest.mark.parametrize("data", ["celeba", "celeba-wild", "lfwa", "lfwa-73"])
def test_missing_data_set_says_where_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str
) -> None:
    assert main([data, str(tmp_path)]) == 2
    assert "at http" in capsys.readouterr().out


def test_bad_argument_is_one_line_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from face_attributes.check_data import main\n"
        "try: main(['mnist'])\nfinally: print([m for m in ('cv2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == "[]\n"
    assert len(done.stderr.splitlines()) == 1 and "mnist" in done.stderr
