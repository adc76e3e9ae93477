"""In-shop, Consumer-to-shop, Fashion Landmark Detection and DeepFashion2 as they are released."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashion.data.deepfashion.deepfashion2 import KINDS
from fashion.data.garments import Garments
from fashion.data.registry import load_garments, read_garments
from fashion.data.taxonomy import (
    ABSENT,
    CONSUMER,
    GALLERY,
    MIRRORED,
    OCCLUDED,
    QUERY,
    SHOP,
    SLOTS_OF_TYPE,
    UNKNOWN,
    VISIBLE,
)
from vision_shared.inputs import InputError

UPPER = "0 1 2  0 3 4  0 5 6  1 7 8  2 0 0  0 9 10"
LOWER = "0 1 2  0 3 4  0 5 6  1 7 8"

TRAIN, QUERY_1, GALLERY_1, GALLERY_2 = (
    "img/WOMEN/Blouses_Shirts/id_00000001/02_1_front.jpg",
    "img/MEN/Denim/id_00000002/02_1_front.jpg",
    "img/MEN/Denim/id_00000002/02_7_additional.jpg",
    "img/MEN/Denim/id_00000002/03_1_front.jpg",
)
INSHOP = {
    "Eval/list_eval_partition.txt": (
        "4\nimage_name item_id evaluation_status\n"
        f"{TRAIN}              id_00000001 train \n{QUERY_1}   id_00000002 query\n"
        f"{GALLERY_1}   id_00000002 gallery\n{GALLERY_2}   id_00000002 gallery\n"
    ),
    "Anno/list_bbox_inshop.txt": (
        "4\nimage_name clothes_type pose_type x_1 y_1 x_2 y_2\n"
        f"{TRAIN}  1 1 050 049 208 248\n{QUERY_1} 2 6 1 2 30 40\n"
        f"{GALLERY_1} 2 5 1 2 30 40\n{GALLERY_2} 2 1 1 2 30 40\n"
    ),
    "Anno/list_landmarks_inshop.txt": (
        "4\nimage_name clothes_type variation_type landmark_visibility_1\n"
        f"{TRAIN}  1 3  {UPPER}\n{QUERY_1} 2 1 {LOWER}\n"
        f"{GALLERY_1} 2 5 {LOWER}\n{GALLERY_2} 2 1 {LOWER}\n"
    ),
    "Anno/attributes/list_attr_cloth.txt": "2\nattribute_name\nknit top\nmini\n",
    "Anno/attributes/list_attr_items.txt": (
        "2\nitem_id attribute_labels\nid_00000002   1 -1\nid_00000001  -1  1\n"
    ),
    "Anno/list_item_inshop.txt": "2\nid_00000001\nid_00000002\n",
}

CONSUMER_1, SHOP_1, CONSUMER_2, SHOP_2, CONSUMER_3, SHOP_3 = (
    f"img/TOPS/T_Shirt/id_0000000{item}/{name}"
    for item in (1, 2, 3)
    for name in ("comsumer_01.jpg", "shop_01.jpg")
)
C2S_COLUMNS = "image_pair_name_1 image_pair_name_2 item_id evaluation_status"
C2S = {
    "Eval/list_eval_partition.txt": (
        f"4\n{C2S_COLUMNS}\n{CONSUMER_1} {SHOP_1} id_00000001 train\n"
        f"{CONSUMER_2} {SHOP_2} id_00000002 val\n{CONSUMER_3} {SHOP_3} id_00000003 test\n"
        f"{CONSUMER_3.replace('_01', '_02')} {SHOP_3} id_00000003 test \n"
    ),
    "Anno/list_bbox_consumer2shop.txt": (
        "7\nimage_name clothes_type source_type x_1 y_1 x_2 y_2\n"
        + "".join(f"{name} 1 1 1 2 30 40\n" for name in (SHOP_1, SHOP_2, SHOP_3))
        + "".join(f"{name} 1 2 1 2 30 40\n" for name in (CONSUMER_1, CONSUMER_2, CONSUMER_3))
        + f"{CONSUMER_3.replace('_01', '_02')} 1 2 5 6 30 40\n"
    ),
    "Anno/list_attr_type.txt": "2\nattribute_type_name attribute_type\ncolour  1\ncut of it  2\n",
    "Anno/list_attr_items.txt": (
        "3\nitem_id labels\nid_00000001 1 -1 0\nid_00000002 -1 -1 -1\nid_00000003 0 1 1\n"
    ),
}
C2S_ATTRIBUTES = (
    "3\r\nattribute_name_chinese   attribute_name   attribute_type\r\n"
    "红 色   dark red   1\r\nV领   V neck   2\r\n宽松   loose   2\r\n"
).encode("utf-8-sig")


def make(root: Path, lists: dict[str, str], changes: dict[str, str | None] | None = None) -> Path:
    """The lists of a benchmark and its images of 256x256 pixels; None leaves a list out."""
    for name, text in (lists | (changes or {})).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    words = (root / "Eval" / "list_eval_partition.txt").read_text().split()
    for name in {word for word in words if word.startswith("img/")}:
        (root / "Img" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (256, 256)).save(root / "Img" / name)
    return root


def consumer2shop(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    make(root, C2S, changes)
    (root / "Anno" / "list_attr_cloth.txt").write_bytes(C2S_ATTRIBUTES)
    return root


def load(name: str, root: Path) -> Garments:
    return load_garments(name, root, root / "cache")


def faults_of(name: str, root: Path) -> list[str]:
    faults: list[str] = []
    read_garments(name, root, faults.append)
    return faults


def test_inshop_has_items_series_roles_and_categories(tmp_path: Path) -> None:
    garments = load("inshop", make(tmp_path, INSHOP))
    columns = garments.columns
    assert columns.splits.tolist() == [0, 2, 2, 2]
    assert columns.roles.tolist() == [UNKNOWN, QUERY, GALLERY, GALLERY]
    assert columns.items.tolist() == [1, 2, 2, 2] and columns.series.tolist() == [2, 2, 2, 3]
    assert columns.domains.tolist() == [SHOP] * 4
    assert garments.vocabulary.categories == ("MEN/Denim", "WOMEN/Blouses_Shirts")
    assert columns.categories.tolist() == [1, 0, 0, 0]
    assert columns.types.tolist() == [0, 1, 1, 1] and columns.variations.tolist() == [3, 1, 5, 1]
    assert columns.boxes[0].tolist() == [50, 49, 208, 248]
    assert columns.states[0].tolist() == [0, 0, 0, 1, 3, 3, 2, 0]
    garments.check()


@pytest.mark.parametrize("folder", ["Anno/attributes", "Anno"])
def test_inshop_attributes_are_those_of_the_item_wherever_they_lie(
    tmp_path: Path, folder: str
) -> None:
    make(tmp_path, INSHOP)
    for name in ("list_attr_cloth.txt", "list_attr_items.txt"):
        (tmp_path / "Anno" / "attributes" / name).rename(tmp_path / folder / name)
    garments = load("inshop", tmp_path)
    assert garments.vocabulary.attributes == ("knit top", "mini")
    assert garments.vocabulary.attribute_types == ()
    assert garments.labels[:].tolist() == [[-1, 1], [1, -1], [1, -1], [1, -1]]


def test_inshop_attributes_and_landmarks_may_be_missing(tmp_path: Path) -> None:
    absent = [name for name in INSHOP if "attr" in name or "landmarks" in name]
    garments = load("inshop", make(tmp_path, INSHOP, dict.fromkeys(absent)))
    assert garments.labels[:].shape == (4, 0) and garments.vocabulary.attributes == ()
    assert (garments.columns.states == ABSENT).all()
    assert garments.columns.types.tolist() == [0, 1, 1, 1]  # from the boxes


def test_query_without_an_answer_in_the_gallery_is_refused(tmp_path: Path) -> None:
    text = INSHOP["Eval/list_eval_partition.txt"].replace(
        "id_00000002 gallery", "id_00000001 train"
    )
    root = make(tmp_path, INSHOP, {"Eval/list_eval_partition.txt": text})
    with pytest.raises(InputError, match=r"partition\.txt:4: the query img/MEN/Denim.*shows an i"):
        load("inshop", root)


def test_faults_of_inshop_are_reported(tmp_path: Path) -> None:
    changes: dict[str, str | None] = {
        "Eval/list_eval_partition.txt": INSHOP["Eval/list_eval_partition.txt"]
        .replace("id_00000001 train", "number1 train")
        .replace("4\n", "5\n", 1),
        "Anno/list_bbox_inshop.txt": INSHOP["Anno/list_bbox_inshop.txt"].replace("2 6 1", "2 7 1"),
        "Anno/list_landmarks_inshop.txt": INSHOP["Anno/list_landmarks_inshop.txt"].replace(
            " 1 3 ", " 1 6 "
        ),
    }
    root = make(tmp_path, INSHOP, changes)
    partition = root / "Eval" / "list_eval_partition.txt"
    assert faults_of("inshop", root) == [
        f"{partition}:1: says 5 rows, but 4 follow: get the file again",
        f"{partition}:3: expected an item as id_00000001, got 'number1'",
        f"{root}/Anno/list_bbox_inshop.txt:4: pose type 7, expected 1 to 6",
        f"{root}/Anno/list_landmarks_inshop.txt:3: variation type 6, expected 1 to 5",
    ]


def test_pictures_of_pairs_are_listed_once_with_domain_and_role(tmp_path: Path) -> None:
    garments = load("consumer2shop", consumer2shop(tmp_path))
    assert len(garments) == 7
    columns = garments.columns
    assert columns.items.tolist() == [1, 1, 2, 2, 3, 3, 3]
    assert columns.splits.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert columns.domains.tolist() == [CONSUMER, SHOP, CONSUMER, SHOP, CONSUMER, SHOP, CONSUMER]
    roles = [UNKNOWN, UNKNOWN, QUERY, GALLERY, QUERY, GALLERY, QUERY]
    assert columns.roles.tolist() == roles
    assert garments.vocabulary.categories == ("TOPS/T_Shirt",)
    garments.check()


def test_attributes_with_byte_order_mark_and_crlf_have_english_names(tmp_path: Path) -> None:
    garments = load("consumer2shop", consumer2shop(tmp_path))
    words = garments.vocabulary
    assert words.attributes == ("dark red", "V neck", "loose")
    assert words.attribute_types == (0, 1, 1)
    assert words.type_names == ("colour", "cut of it")
    assert garments.labels[:].tolist() == [
        *[[1, -1, 0]] * 2,
        *[[-1, -1, -1]] * 2,
        *[[0, 1, 1]] * 3,
    ]


def test_faults_of_pairs_are_reported(tmp_path: Path) -> None:
    other = f"{CONSUMER_3} {SHOP_2} id_00000003 test\n"
    text = C2S["Eval/list_eval_partition.txt"] + other
    boxes = C2S["Anno/list_bbox_consumer2shop.txt"].replace(f"{SHOP_2} 1 1", f"{SHOP_2} 1 3")
    changes: dict[str, str | None] = {
        "Eval/list_eval_partition.txt": text,
        "Anno/list_bbox_consumer2shop.txt": boxes,
    }
    root = consumer2shop(tmp_path, changes)
    partition = root / "Eval" / "list_eval_partition.txt"
    assert faults_of("consumer2shop", root) == [
        f"{partition}:7: {SHOP_2} is id_00000003 test, but id_00000002 val in {partition}:4",
        f"{root}/Anno/list_bbox_consumer2shop.txt:4: source type 3, expected 1 (shop) or 2 "
        "(consumer)",
        f"{partition}:4: the query {CONSUMER_2} shows an item that no image of the gallery "
        "shows: list one, or leave the query out",
    ]


def fld(root: Path, landmarks: str) -> Path:
    names = [f"img/img_0000000{i}.jpg" for i in (1, 2)]
    lists = {
        "Eval/list_eval_partition.txt": (
            f"2\nimage_name evaluation_status\n{names[0]} train\n{names[1]} val\n"
        ),
        "Anno/list_bbox.txt": (
            f"2\nimage_name x_1 y_1 x_2 y_2\n{names[0]} 1 2 30 40\n{names[1]} 1 2 30 40\n"
        ),
        "Anno/list_landmarks.txt": landmarks.format(*names),
    }
    return make(root, lists)


def test_landmark_detection_has_a_variation_behind_the_type(tmp_path: Path) -> None:
    text = "2\nname type variation\n{1}  2 4  " + LOWER + " \n{0} 1 5 " + UPPER + "\n"
    garments = load("fld", fld(tmp_path, text))
    assert garments.columns.variations.tolist() == [5, 4]
    assert garments.columns.types.tolist() == [0, 1]
    assert garments.columns.landmarks[1, 7].tolist() == [7, 8]
    assert garments.columns.states[1, 7] == OCCLUDED
    assert garments.vocabulary.categories == ()


def test_list_without_variations_is_refused_as_another_benchmarks(tmp_path: Path) -> None:
    text = "2\nname type\n{0}  2  " + LOWER + "\n{1} 2 " + LOWER + "\n"
    with pytest.raises(InputError, match=r"landmarks\.txt:3: expected clothes type, variation ty"):
        load("fld", fld(tmp_path, text))


def deepfashion2(root: Path, part: str, number: int, document: dict[str, Any]) -> Path:
    for folder in ("train", "validation"):
        for inside in ("image", "annos"):
            (root / folder / inside).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (90, 120)).save(root / part / "image" / f"{number:06d}.jpg")
    path = root / part / "annos" / f"{number:06d}.json"
    path.write_text(json.dumps(document))
    return path


def item(category: int, style: int, **changes: Any) -> dict[str, Any]:
    number = KINDS[category - 1].num_landmarks
    landmarks = [value for i in range(1, number + 1) for value in (i, 2 * i, 2)]
    box = [10, 20, 80, 110]
    known = {"category_id": category, "style": style, "bounding_box": box, "landmarks": landmarks}
    return known | changes


def test_garments_of_one_picture_are_rows_with_items(tmp_path: Path) -> None:
    pair = {"pair_id": 7, "item1": item(1, 1), "item2": item(9, 0), "source": "user"}
    deepfashion2(tmp_path, "validation", 1, pair)
    deepfashion2(tmp_path, "validation", 2, pair | {"source": "shop"})
    deepfashion2(tmp_path, "train", 1, pair)
    garments = load("deepfashion2", tmp_path)
    columns = garments.columns
    assert [garments.name(i) for i in (0, 1, 2)] == [
        "train/image/000001.jpg",
        "train/image/000001.jpg",
        "validation/image/000001.jpg",
    ]
    assert columns.splits.tolist() == [0, 0, 2, 2, 2, 2]
    assert columns.items.tolist() == [0, UNKNOWN, 1, UNKNOWN, 1, UNKNOWN]  # a style of 0 has none
    assert columns.roles.tolist() == [UNKNOWN, UNKNOWN, QUERY, UNKNOWN, GALLERY, UNKNOWN]
    assert columns.categories[:2].tolist() == [0, 8] and columns.types[:2].tolist() == [0, 1]
    garments.check()


def test_visibility_codes_are_opposite(tmp_path: Path) -> None:
    skirt = item(9, 1)
    skirt["landmarks"][2::3] = [2, 2, 1, 2, 0, 2, 2, 2]
    deepfashion2(tmp_path, "train", 1, {"pair_id": 1, "item1": skirt, "source": "shop"})
    columns = load("deepfashion2", tmp_path).columns
    assert columns.states[0, 4:].tolist() == [VISIBLE, OCCLUDED, ABSENT, VISIBLE]
    assert columns.landmarks[0, 4:].tolist() == [[1, 2], [3, 6], [0, 0], [7, 14]]


def test_pairs_of_slots_mirror_each_other_and_belong_to_the_type() -> None:
    assert sum(kind.num_landmarks for kind in KINDS) == 294
    for kind in KINDS:
        assert set(kind.slots) <= set(SLOTS_OF_TYPE[kind.type])
        assert {MIRRORED[slot] for slot in kind.slots} == set(kind.slots)
        assert len(set(kind.slots.values())) == len(kind.slots)
        assert max(kind.slots.values()) <= kind.num_landmarks


def test_faults_of_annotations_are_reported(tmp_path: Path) -> None:
    good = {"pair_id": 1, "item1": item(9, 1), "source": "shop"}
    codes = item(9, 1)
    codes["landmarks"][2] = 3
    bad = [
        (good | {"source": "web"}, "expected an object with a source of shop or user"),
        (good | {"pair_id": "1"}, "expected pair_id to be a number, got '1'"),
        (good | {"item1": item(9, 1) | {"category_id": 14}}, "category_id 14, expected 1 to 13"),
        (good | {"item1": item(9, 1) | {"style": "1"}}, "style '1', expected a number"),
        (good | {"item1": item(9, 1, bounding_box=[5, 5, 5, 9])}, "bounding_box [5, 5, 5, 9]"),
        (good | {"item1": item(9, 1, landmarks=[1, 2, 2])}, "expected 8 landmarks for category_id"),
        (good | {"item1": codes}, "visibility 3, expected 2 (visible), 1 (occluded) or 0"),
    ]
    paths = [deepfashion2(tmp_path, "train", i, document) for i, (document, _) in enumerate(bad)]
    paths.append(deepfashion2(tmp_path, "train", 90, good))
    paths[-1].with_stem("000091").write_text("{")
    faults = faults_of("deepfashion2", tmp_path)
    assert len(faults) == len(bad) + 1 and "no JSON" in faults[-1]
    for fault, path, (_, words) in zip(faults, paths, bad, strict=False):
        assert fault.startswith(f"{path}: ") and words in fault


def test_places_are_pixels_of_the_picture(tmp_path: Path) -> None:
    garments = load("inshop", make(tmp_path, INSHOP))
    garments.columns.boxes[0] = (-5, 40, 300, 250)
    garments.columns.landmarks[0, 0] = (260, 20)
    garment = garments.read(0)
    assert garment.box.tolist() == [0, 40, 256, 250]  # clamped to the image
    assert garment.landmarks[0].tolist() == [256, 20]
    garments.columns.boxes[0] = (300, 40, 400, 250)
    with pytest.raises(InputError, match=r"partition\.txt:3: the box 300 40 400 250 lies outside"):
        garments.read(0)
    assert np.isfinite(garment.box).all()
