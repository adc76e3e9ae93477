from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.class_file import read_class_file
from segmentation.data.folder import folder_set
from segmentation.data.labels import CREAM, VOC
from segmentation.data.masks import write_mask
from vision_shared.inputs import InputError

COLOURED = "ground 10 20 30\ntall tree 0 200 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten images; the mask of each holds 0, 1 and 255."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.txt").write_text("ground\ntall tree\n")
    for number in range(1, 11):
        Image.new("RGB", (3, 1)).save(tmp_path / "images" / f"p{number}.jpg")
        Image.fromarray(np.array([[0, 1, 255]], np.uint8)).save(tmp_path / f"masks/p{number}.png")
    return tmp_path


def names(root: Path, split: str) -> list[str]:
    return [sample.name for sample in folder_set(root, split).samples]


def test_pictures_and_masks_are_paired_by_name(root: Path) -> None:
    part = folder_set(root, "val")
    assert part.classes.names == ("ground", "tall tree")
    assert part.classes.palette == VOC.palette[:2]
    assert part.read(1)[1].tolist() == [[0, 1, 255]]
    part.check()


def test_last_fifth_in_natural_order_validates(root: Path) -> None:
    assert names(root, "train") == [f"p{number}" for number in range(1, 9)]
    assert names(root, "val") == ["p9", "p10"]


def test_lists_take_the_place_of_the_order(root: Path) -> None:
    (root / "train.txt").write_text("p7\np2\n")
    assert names(root, "train") == ["p7", "p2"]
    with pytest.raises(FileNotFoundError, match=r"val\.txt: not found: expected both lists"):
        names(root, "val")
    (root / "val.txt").write_text("p1\nq1\n")
    with pytest.raises(InputError, match=r"q1\.jpg: no such file, but the data set lists it"):
        folder_set(root, "val").check()


@pytest.mark.parametrize("name", ["weed ({}) =1", "bäcker_{}"])
@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_lists_take_any_name_with_a_byte_order_mark(root: Path, name: str, suffix: str) -> None:
    for number in (1, 2):
        (root / f"images/p{number}.jpg").rename(root / f"images/{name.format(number)}.jpg")
        (root / f"masks/p{number}.png").rename(root / f"masks/{name.format(number)}.png")
    (root / "train.txt").write_text(f"{name.format(1)}{suffix}\r\n", "utf-8-sig", newline="")
    (root / "val.txt").write_text(f"\n {name.format(2)}{suffix} \n", "utf-8-sig")
    folder_set(root, "train").check()
    folder_set(root, "val").check()


def test_black_and_white_masks_are_two_classes(root: Path) -> None:
    for path in (root / "masks").iterdir():
        Image.fromarray(np.array([[0, 255, 0]], np.uint8)).save(path)
    Image.new("L", (3, 1)).save(root / "masks" / "p1.png")
    assert folder_set(root, "val").read(0)[1].tolist() == [[0, 1, 0]]
    Image.new("L", (3, 1), 1).save(root / "masks" / "p2.png")  # so 255 is ignored
    assert folder_set(root, "val").read(0)[1].tolist() == [[0, 255, 0]]
    (root / "masks" / "p2.png").unlink()
    (root / "classes.txt").write_text("ground\ntree\nsky\n")
    assert folder_set(root, "val").read(0)[1].tolist() == [[0, 255, 0]]


def test_colours_of_the_class_file_stand_for_classes(root: Path) -> None:
    pixels = np.array([[(0, 200, 0), (10, 20, 30), CREAM]], np.uint8)
    Image.fromarray(pixels).save(root / "masks" / "p1.png")
    with pytest.raises(InputError, match=r"p1\.png: a colour image.*give every class its colour"):
        folder_set(root, "train").read(0)
    (root / "classes.txt").write_text(COLOURED)
    part = folder_set(root, "train")
    assert part.read(0)[1].tolist() == [[1, 0, 255]]
    assert part.read(1)[1].tolist() == [[0, 1, 255]]  # numbers do as before


def test_ignored_pixels_may_have_a_colour_of_their_own(root: Path) -> None:
    (root / "classes.txt").write_text("__ignore__ 255 0 255\n" + COLOURED)
    pixels = np.array([[(0, 200, 0), (10, 20, 30), (255, 0, 255)]], np.uint8)
    Image.fromarray(pixels).save(root / "masks" / "p1.png")
    assert folder_set(root, "train").read(0)[1].tolist() == [[1, 0, 255]]


def test_class_files_say_the_same_in_text_and_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("__ignore__ 255 0 255\n" + COLOURED)
    yaml = "__ignore__: [255, 0, 255]\nground: [10, 20, 30]\ntall tree: [0, 200, 0]\n"
    (tmp_path / "a.yaml").write_text(yaml)
    (tmp_path / "b.txt").write_text("\ufeff__ignore__\nground\n\ntall tree\n", "utf-8")
    (tmp_path / "b.yaml").write_text("- ground\n- tall tree\n")
    coloured = read_class_file(tmp_path / "a.txt")
    assert coloured == read_class_file(tmp_path / "a.yaml")
    assert coloured.classes.names == ("ground", "tall tree")
    assert coloured.classes.palette == ((10, 20, 30), (0, 200, 0))
    assert (coloured.coloured, coloured.ignored) == (True, (255, 0, 255))
    plain = read_class_file(tmp_path / "b.txt")
    assert plain == read_class_file(tmp_path / "b.yaml")
    assert (plain.classes.names, plain.coloured) == (("ground", "tall tree"), False)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "expected 1 to 255 classes, got 0"),
        ("a.txt", "tree\n", "one class, 'tree', and nothing to tell it from: add background"),
        ("a.txt", "tree\ntree\n", "expected every class once, got 'tree' again"),
        ("a.txt", "ground 0 0 0\ntree\n", "class 'tree' has no colour, but others have"),
        ("a.txt", "ground 0 0 300\n", r"colour \[0, 0, 300\], not within 0 to 255"),
        ("a.txt", "a 1 1 1\nb 1 1 1\n", r"colour \(1, 1, 1\) stands for two classes"),
        ("a.yaml", "no: [0, 0, 0]\n", "class False is no text: write its name in quotes"),
        ("a.yaml", "tree: green\n", "colour 'green', not three numbers"),
        ("a.yaml", "tree: [0, 0\n", "not YAML that can be read"),
        ("a.yaml", "3\n", "neither a list of names nor names with colours"),
    ],
)
def test_unusable_class_files_are_named_in_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_class_file(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_missing_parts_name_the_layout(root: Path) -> None:
    (root / "classes.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"classes\.txt: not found: expected .*images, masks"
    ):
        folder_set(root, "train")
    with pytest.raises(FileNotFoundError, match="images: not found: expected"):
        folder_set(root / "masks", "train")


def test_pictures_that_cannot_be_paired_are_refused(root: Path) -> None:
    Image.new("RGB", (3, 1)).save(root / "images" / "p1.png")
    with pytest.raises(InputError, match=r"p1\.png: p1\.jpg would have the same mask"):
        folder_set(root, "train")
    for path in (root / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="images: no image in it"):
        folder_set(root, "train")
    Image.new("RGB", (3, 1)).save(root / "images" / "p1.png")
    with pytest.raises(InputError, match="images: one image, expected one to train and one to"):
        folder_set(root, "train")


def test_missing_and_outside_masks_are_named(root: Path) -> None:
    (root / "masks" / "p2.png").unlink()
    write_mask(root / "masks" / "p1.png", np.array([[0, 1, 2]], np.uint8), VOC)
    part = folder_set(root, "train")
    with pytest.raises(
        InputError, match=r"p1\.png: holds 2, expected 0 to 1 \(ground to tall tree"
    ):
        part.read(0)
    with pytest.raises(InputError, match=r"p2\.png: no such file, but the data set lists it"):
        part.check()
