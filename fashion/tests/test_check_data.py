"""The command that names every fault of a data set."""

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from fashion.check_data import main
from fashion.data.registry import ROOTS


@pytest.fixture
def garments(rendered: Path, tmp_path: Path) -> Path:
    """A copy of the rendered people, to be spoilt."""
    return Path(shutil.copytree(rendered, tmp_path / "garments", symlinks=True))


def test_names_and_places_are_those_of_the_configs() -> None:
    configs = {
        path.name.removesuffix(".yaml"): Path(config.folder)
        for path in resources.files("fashion.conf").joinpath("data").iterdir()
        if "root" in (config := OmegaConf.create(path.read_text()))  # others build on one of these
    }
    assert configs == ROOTS


def test_item_list_and_pictures_have_to_agree(
    garments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = garments / "inshop"
    assert main(["inshop", str(root)]) == 0
    path = root / "Anno" / "list_item_inshop.txt"
    lines = path.read_text().split()
    path.write_text("\n".join([lines[0], *lines[2:], "id_99999999"]) + "\n")
    capsys.readouterr()
    assert main(["inshop", str(root)]) == 2
    out = capsys.readouterr().out
    assert f"{path}: {lines[1]}: not in it, but the partition has images of it" in out
    assert f"{path}: id_99999999: without an image in the partition" in out


def test_pictures_without_a_row_are_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{name}.jpg")
    (tmp_path / "items.csv").write_text("image,item\na.jpg,x\n")
    assert main(["folder", str(tmp_path)]) == 2
    assert f"{tmp_path}/b.jpg: no row in {tmp_path}/items.csv\n" in capsys.readouterr().out
    (tmp_path / "items.csv").unlink()
    assert main(["folder", str(tmp_path)]) == 0


def test_whole_data_set_is_summed_up(rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people", str(rendered)]) == 0
    out = capsys.readouterr().out
    cells = [line.split() for line in out.splitlines()]
    assert any(row[:1] == ["train"] and row[2] == "4" for row in cells)
    assert any(row[:1] == ["denim"] for row in cells)
    assert f"{rendered}: no faults" in out


def test_every_fault_is_named_in_a_line(garments: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = garments / "consumer2shop"
    pictures = sorted((garments / "img").rglob("comsumer_0*.jpg"))
    pictures[0].unlink()
    pictures[1].write_text("no image")
    landmarks = root / "Anno" / "list_landmarks_consumer2shop.txt"
    lines = landmarks.read_text().splitlines()
    lines[4] = lines[4].rstrip().rpartition(" ")[0]
    landmarks.write_text("\n".join(lines) + "\n")
    assert main(["consumer2shop", str(root)]) == 2
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{landmarks}:5: expected clothes type, variation type and")
    assert f"{root}/img/{pictures[0].relative_to(garments / 'img')}: no such image" in out[1]
    assert "partition.txt:" in out[1] and "not an image" in out[2]
    assert f"{root}: 3 faults" in out


def test_missing_data_set_says_where_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deepfashion2", str(tmp_path)]) == 2
    assert "https://" in capsys.readouterr().out


def test_bad_argument_is_one_line_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from fashion.check_data import main\n"
        "try: main(['mnist'])\nfinally: print([m for m in ('cv2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == "[]\n"
    assert len(done.stderr.splitlines()) == 1 and "mnist" in done.stderr
