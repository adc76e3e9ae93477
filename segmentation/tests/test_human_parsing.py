"""Human parsing sets: fixture trees of the official layouts, and their classes as ours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.human_parsing import SETS, Classes, class_numbers, human_parsing_set
from segmentation.data.labels import IGNORE
from segmentation.data.people import PEOPLE_CLASSES
from vision_shared.inputs import InputError

NAMES = {"train": ("1_1", "2_2"), "val": ("3_3",)}
PLACES = {  # images, masks and list of a split, below the root
    "person_part": (
        "VOCdevkit/VOC2010/JPEGImages",
        "pascal_person_part/pascal_person_part_gt",
        "pascal_person_part/pascal_person_part_trainval_list/{split}.txt",
    ),
    "lip": (
        "TrainVal_images/{split}_images",
        "TrainVal_parsing_annotations/{split}_segmentations",
        "TrainVal_images/{split}_id.txt",
    ),
    "cihp": (
        "instance-level_human_parsing/{part}/Images",
        "instance-level_human_parsing/{part}/Category_ids",
        "instance-level_human_parsing/{part}/{split}_id.txt",
    ),
    "atr": ("humanparsing/JPEGImages", "humanparsing/SegmentationClassAug", None),
}


def make_tree(root: Path, data: str, prefix: str = "") -> Path:
    """Masks hold every class of the set in a row."""
    values = np.arange(len(SETS[data].classes), dtype=np.uint8)[None].repeat(2, 0)
    for split, names in NAMES.items():
        part = {"train": "Training", "val": "Validation"}[split]
        images, masks, listed = (
            root / prefix / place.format(split=split, part=part) if place else None
            for place in PLACES[data]
        )
        assert images is not None and masks is not None
        for folder in (images, masks):
            folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.new("RGB", values.shape[::-1]).save(images / f"{name}.jpg")
            Image.fromarray(values).save(masks / f"{name}.png")
        if listed:
            listed.parent.mkdir(parents=True, exist_ok=True)
            line = "/JPEGImages/{0}.jpg /gt/{0}.png\n" if data == "person_part" else "{0}\n"
            listed.write_text("".join(line.format(name) for name in names))
    return root


@pytest.mark.parametrize("data", ["person_part", "lip", "cihp"])
def test_official_lists_say_what_is_in_a_split(tmp_path: Path, data: str) -> None:
    root = make_tree(tmp_path, data)
    for split, names in NAMES.items():
        pictures = human_parsing_set(data, root, split)
        pictures.check()
        assert [sample.name for sample in pictures.samples] == list(names)
        mask = pictures.read(0)[1]
        assert mask[0].tolist() == list(range(len(SETS[data].classes)))


def test_atr_without_lists_has_every_image_once(tmp_path: Path) -> None:
    root = make_tree(tmp_path, "atr")
    found = {s: [x.name for x in human_parsing_set("atr", root, s).samples] for s in NAMES}
    assert found == {"train": ["2_2", "3_3"], "val": ["1_1"]}


def test_archive_unpacked_into_a_folder_of_its_name(tmp_path: Path) -> None:
    make_tree(tmp_path, "lip")
    for name in ("TrainVal_images", "TrainVal_parsing_annotations"):
        (tmp_path / name).rename(tmp_path / "inside")
        (tmp_path / name).mkdir()
        (tmp_path / "inside").rename(tmp_path / name / name)
    assert len(human_parsing_set("lip", tmp_path, "train")) == 2


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        ("lip", "parts", "background hat hair - glasses upper dress upper - lower dress upper "
         "dress face skin skin skin skin shoes shoes"),
        ("cihp", "parts", "background hat hair - glasses upper dress upper - lower skin upper "
         "dress face skin skin skin skin shoes shoes"),
        ("atr", "parts", "background hat hair glasses upper dress lower dress lower shoes shoes "
         "face skin skin skin skin bag upper"),
        ("person_part", "person", "background" + 6 * " person"),
    ],
)  # fmt: skip
def test_classes_become_ours(tmp_path: Path, data: str, kind: Classes, expected: str) -> None:
    pictures = human_parsing_set(data, make_tree(tmp_path, data), "train", kind)
    assert pictures.classes == PEOPLE_CLASSES[kind]
    names = [*pictures.classes.names, *["?"] * 255]
    names[IGNORE] = "-"
    assert [names[value] for value in pictures.read(0)[1][0]] == expected.split()


def test_ignored_pixels_stay_so() -> None:
    numbers = class_numbers(SETS["lip"].classes, PEOPLE_CLASSES["person"])
    assert numbers[IGNORE] == IGNORE


def test_body_parts_are_no_clothes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="parts of the body"):
        human_parsing_set("person_part", make_tree(tmp_path, "person_part"), "train", "parts")


@pytest.mark.parametrize("data", list(PLACES))
def test_absent_data_says_where_to_get_it(tmp_path: Path, data: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"not found: get .* at http") as error:
        human_parsing_set(data, tmp_path, "train")
    assert str(tmp_path) in str(error.value)
