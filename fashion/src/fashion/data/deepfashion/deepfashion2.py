"""DeepFashion2 (Ge et al., CVPR 2019): several garments an image, a JSON file an image.

train/image/000001.jpg       train/annos/000001.json
validation/image/000001.jpg  validation/annos/000001.json      our split ``test``

Its visibility codes are opposite to DeepFashion's: 2 visible, 1 occluded, 0 not labelled. Two
garments are one item if they share pair_id and a style above 0; consumers' ones are queries, shops'
the gallery. Of its 294 landmarks those are taken that stand where our slots are. Which these are is
not written down: they follow from the order of the contours and from which landmarks mirror each
other. Dresses have no waistline then.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fashion.data.deepfashion.files import Files
from fashion.data.garments import Garments, Vocabulary, encoded, unknown_columns
from fashion.data.labels import Labels
from fashion.data.taxonomy import (
    ABSENT,
    CONSUMER,
    GALLERY,
    OCCLUDED,
    QUERY,
    SHOP,
    SPLITS,
    UNKNOWN,
    VISIBLE,
)
from vision_shared.faults import Report
from vision_shared.inputs import InputError

PAGE = "https://github.com/switchablenorms/DeepFashion2"
FOLDERS = {"train": "train", "test": "validation"}
SOURCES = {"shop": SHOP, "user": CONSUMER}
STATE_OF_CODE = {2: VISIBLE, 1: OCCLUDED, 0: ABSENT}


class Kind(NamedTuple):
    """A category: its name, garment type, number of landmarks, and which of these, counted from 1,
    are in which of our slots."""

    name: str
    type: int
    num_landmarks: int
    slots: dict[int, int]


def _slots(*pairs: tuple[int, int, int]) -> dict[int, int]:
    return {first + side: numbers[side] for first, *numbers in pairs for side in range(2)}


NECK = (0, 2, 6)
WAIST = (4, 1, 3)
KINDS = (
    Kind("short sleeve top", 0, 25, _slots(NECK, (2, 9, 23), (6, 15, 17))),
    Kind("long sleeve top", 0, 33, _slots(NECK, (2, 11, 29), (6, 19, 21))),
    Kind("short sleeve outwear", 0, 31, _slots(NECK, (2, 9, 23), (6, 15, 17))),
    Kind("long sleeve outwear", 0, 39, _slots(NECK, (2, 11, 29), (6, 19, 21))),
    Kind("vest", 0, 15, _slots(NECK, (6, 10, 12))),
    Kind("sling", 0, 15, _slots(NECK, (6, 10, 12))),
    Kind("shorts", 1, 10, _slots(WAIST, (6, 5, 9))),
    Kind("trousers", 1, 14, _slots(WAIST, (6, 6, 12))),
    Kind("skirt", 1, 8, _slots(WAIST, (6, 5, 7))),
    Kind("short sleeve dress", 2, 29, _slots(NECK, (2, 9, 27), (6, 17, 19))),
    Kind("long sleeve dress", 2, 37, _slots(NECK, (2, 11, 33), (6, 21, 23))),
    Kind("vest dress", 2, 19, _slots(NECK, (6, 12, 14))),
    Kind("sling dress", 2, 19, _slots(NECK, (6, 12, 14))),
)
"""In the order of category_id, which counts from 1."""


def find_deepfashion2(root: Path) -> Files:
    """Find the folders, as lists named train and test.

    Raises:
        FileNotFoundError: one is not there; says where to get it.
    """
    folders = {split: root / folder / "annos" for split, folder in FOLDERS.items()}
    for path in folders.values():
        if not path.is_dir():
            raise FileNotFoundError(
                f"{path}: not found: get DeepFashion2 at {PAGE} and unpack train and validation "
                f"there, each with its folders image and annos"
            )
    return Files(root, folders)


def read_deepfashion2(files: Files, report: Report) -> Garments:
    """Read the annotations of all images; a garment is a row.

    Raises:
        InputError: there is none.
    """
    found = [
        (split, path, document, item)
        for split, folder in files.lists.items()
        for path, document in _documents(folder, report)
        for item in _items(path, document, report)
    ]
    if not found:
        raise InputError(f"{files.folder}: no annotated garment in it: get {PAGE} again")
    columns = unknown_columns(len(found))
    names, pairs = [], {}
    for row, (split, path, document, item) in enumerate(found):
        names.append(f"{FOLDERS[split]}/image/{path.stem}.jpg")
        kind = KINDS[item["category_id"] - 1]
        columns.splits[row] = SPLITS.index(split)
        columns.domains[row] = SOURCES[document["source"]]
        columns.categories[row] = item["category_id"] - 1
        columns.types[row] = kind.type
        columns.boxes[row] = item["bounding_box"]
        columns.series[row] = item["style"]
        if item["style"] > 0:
            pair = (split, document["pair_id"], item["style"])
            columns.items[row] = pairs.setdefault(pair, len(pairs))
        for slot, number in kind.slots.items():
            x, y, code = item["landmarks"][3 * number - 3 : 3 * number]
            columns.states[row, slot] = STATE_OF_CODE[code]
            columns.landmarks[row, slot] = (x, y) if code else 0
    _fill_roles(columns)
    words = Vocabulary(tuple(kind.name for kind in KINDS))
    labels = Labels.unknown(len(found))
    return Garments(files.folder, encoded(names), columns, labels, words, files.folder)


def _documents(folder: Path, report: Report) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            report(f"{path}: no JSON ({error}): get the file again")
            continue
        if not isinstance(document, dict) or document.get("source") not in SOURCES:
            report(f"{path}: expected an object with a source of shop or user")
        elif type(document.get("pair_id")) is not int:
            report(f"{path}: expected pair_id to be a number, got {document.get('pair_id')!r}")
        else:
            yield path, document


def _items(path: Path, document: dict[str, Any], report: Report) -> Iterator[dict[str, Any]]:
    """item1, item2, ... of an image that have no fault."""
    for key, item in document.items():
        if key.startswith("item"):
            if fault := _item_fault(item):
                report(f"{path}: {key}: {fault}")
            else:
                yield item


def _item_fault(item: dict[str, Any]) -> str | None:
    category = item.get("category_id")
    if type(category) is not int or not 1 <= category <= len(KINDS):
        return f"category_id {category!r}, expected 1 to {len(KINDS)}"
    if type(item.get("style")) is not int:
        return f"style {item.get('style')!r}, expected a number"
    if not _is_box(item.get("bounding_box")):
        return f"bounding_box {item.get('bounding_box')!r}, expected [x1, y1, x2, y2] with an area"
    landmarks = item.get("landmarks")
    number = KINDS[category - 1].num_landmarks
    if not isinstance(landmarks, list) or len(landmarks) != 3 * number:
        return f"expected {number} landmarks for category_id {category}, as x, y, visibility"
    wrong = next((code for code in landmarks[2::3] if code not in STATE_OF_CODE), None)
    if wrong is not None:
        return f"visibility {wrong!r}, expected 2 (visible), 1 (occluded) or 0 (not labelled)"
    return None


def _is_box(box: Any) -> bool:
    if not isinstance(box, list) or len(box) != 4:
        return False
    return box[2] > box[0] and box[3] > box[1]


def _fill_roles(columns: Any) -> None:
    """Garments of shops are the gallery, those of consumers that it has are queries."""
    known = (columns.splits == SPLITS.index("test")) & (columns.items != UNKNOWN)
    columns.roles[known & (columns.domains == SHOP)] = GALLERY
    findable = np.isin(columns.items, columns.items[columns.roles == GALLERY])
    columns.roles[known & findable & (columns.domains == CONSUMER)] = QUERY
