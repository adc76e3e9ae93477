"""The fine release of Category and Attribute Prediction: 20,000 images, 26 attributes in 6 types.

Anno_fine/{train,val,test}.txt             an image a line
Anno_fine/{train,val,test}_attr.txt        what is known of it in its line: 26 times 0 or 1
Anno_fine/{train,val,test}_cate.txt        a category, from 1
Anno_fine/{train,val,test}_bbox.txt        x_1 y_1 x_2 y_2
Anno_fine/{train,val,test}_landmarks.txt   x and y of eight landmarks, 0 0 where there is none
Anno_fine/list_attr_cloth.txt              names of the attributes and their types
Anno_fine/list_category_cloth.txt          names of the categories

Lists have neither a count nor columns nor names, so they are joined by their lines. They may lie
in folders train, val and test; boxes and landmarks may be missing, the latter be spelled landmards.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fashion.data.deepfashion.cap import BENCHMARK, type_names
from fashion.data.deepfashion.files import PAGE, Files, find_list, image_folder
from fashion.data.deepfashion.parsing import AGAIN, Row, lines_of, read_names
from fashion.data.garments import Columns, Garments, Vocabulary, encoded, unknown_columns
from fashion.data.labels import LabelsWriter
from fashion.data.taxonomy import CATEGORIES, LOWER, SLOTS, SLOTS_OF_TYPE, SPLITS, UPPER, VISIBLE
from vision_shared.faults import Report
from vision_shared.inputs import InputError, check_input

FOLDERS = ("Anno_fine", "Anno/Anno_fine")
TYPE_NAMES = ("texture", "sleeve length", "length", "neckline", "fabric", "fit")
NEEDED = {"": (".txt",), "attr": ("_attr.txt",), "cate": ("_cate.txt",)}
OPTIONAL = {"bbox": ("_bbox.txt",), "landmarks": ("_landmarks.txt", "_landmards.txt")}


def find_cap_fine(root: Path) -> Files:
    """Find the files; raises as `cap.find_cap`."""
    lists = {}
    for split in SPLITS:
        folders = [f"{folder}{nested}" for folder in FOLDERS for nested in ("", f"/{split}")]
        for key, ends in (NEEDED | OPTIONAL).items():
            found = (find_list(root, split + end, folders) for end in ends)
            path = next((path for path in found if path is not None), None)
            if path is not None:
                lists[f"{split}{key}"] = path
            elif key in NEEDED:
                raise FileNotFoundError(
                    f"{root / FOLDERS[0] / (split + NEEDED[key][0])}: not found: get the fine "
                    f"annotations of DeepFashion's {BENCHMARK} at {PAGE} and unpack them there"
                )
    names = {"attribute_names": "list_attr_cloth.txt", "category_names": "list_category_cloth.txt"}
    for key, name in names.items():
        if (path := find_list(root, name, FOLDERS)) is not None:
            lists[key] = path
    return Files(image_folder(root, _rows(lists["train"]), lists["train"]), lists)


def read_cap_fine(files: Files, report: Report) -> Garments:
    """Read the lists and join them by their lines.

    Raises:
        InputError: a list that cannot be used at all.
    """
    names = {split: list(_rows(files.lists[split])) for split in SPLITS}
    number = sum(len(rows) for rows in names.values())
    attributes, types, categories = _names(files, report)
    columns = unknown_columns(number)
    labels = LabelsWriter(number, len(attributes))
    first = 0
    for split, rows in names.items():
        columns.splits[first : first + len(rows)] = SPLITS.index(split)
        for key, fill in _fillers(columns, labels, len(attributes), len(categories)).items():
            if f"{split}{key}" in files.lists:
                _fill(files.lists[f"{split}{key}"], rows, first, fill, report)
        first += len(rows)
    words = Vocabulary(
        tuple(categories), tuple(attributes), tuple(types), type_names(types, TYPE_NAMES)
    )
    every = [row.fields[0] for rows in names.values() for row in rows]
    if len(set(every)) < len(every):
        report(f"{files.lists['train']}: an image comes twice in the lists of images: {AGAIN}")
    return Garments(
        files.folder, encoded(every), columns, labels.done(), words, files.lists["train"]
    )


def type_of_category(category: int) -> int:
    """The garment type of one of the 50 categories, counted from 0."""
    return 0 if category < len(UPPER) else 1 if category < len(UPPER) + len(LOWER) else 2


def _names(files: Files, report: Report) -> tuple[list[str], list[int], list[str]]:
    categories = list(CATEGORIES)
    if "category_names" in files.lists:
        categories, _ = read_names(files.lists["category_names"], report, has_types=True)
    if "attribute_names" in files.lists:
        return *read_names(files.lists["attribute_names"], report, has_types=True), categories
    first = _rows(files.lists["trainattr"])[0].fields
    return [f"attribute {i + 1}" for i in range(len(first))], [0] * len(first), categories


def _rows(path: Path) -> list[Row]:
    check_input(path, "list")
    lines = enumerate(lines_of(path), 1)
    return [Row(f"{path}:{number}", line.split()) for number, line in lines if line.strip()]


Fill = Callable[[int, list[int]], str | None]


def _fill(path: Path, pictures: list[Row], first: int, fill: Fill, report: Report) -> None:
    """Fill in what a list knows of some images, line by line."""
    rows = _rows(path)
    if len(rows) != len(pictures):
        report(f"{path}: {len(rows)} lines for {len(pictures)} images: {AGAIN}")
    for place, row in enumerate(rows[: len(pictures)], first):
        try:
            fault = fill(place, row.numbers(0))
        except InputError as error:
            report(str(error))
        else:
            if fault:
                report(f"{row.where}: {fault}")


def _fillers(
    columns: Columns, labels: LabelsWriter, num_attributes: int, num_categories: int
) -> dict[str, Fill]:
    """What puts the numbers of a line into their place, or says what is wrong with them."""

    def attr(place: int, numbers: list[int]) -> str | None:
        if len(numbers) != num_attributes or not set(numbers) <= {0, 1}:
            return f"expected {num_attributes} labels of 0 or 1, got {len(numbers)} numbers"
        labels.set(place, 2 * np.array(numbers) - 1)
        return None

    def cate(place: int, numbers: list[int]) -> str | None:
        if len(numbers) != 1 or not 1 <= numbers[0] <= num_categories:
            return f"expected a category of 1 to {num_categories}, got {numbers}"
        columns.categories[place] = numbers[0] - 1
        columns.types[place] = type_of_category(numbers[0] - 1)
        return None

    def bbox(place: int, numbers: list[int]) -> str | None:
        if len(numbers) != 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
            return f"expected x_1 y_1 x_2 y_2 with an area between them, got {numbers}"
        columns.boxes[place] = numbers
        return None

    def landmarks(place: int, numbers: list[int]) -> str | None:
        if len(numbers) != 2 * len(SLOTS):
            return f"expected x and y of {len(SLOTS)} landmarks, got {len(numbers)} numbers"
        points = np.array(numbers).reshape(-1, 2)
        is_there = (points > 0).any(axis=1)
        is_there &= np.isin(np.arange(len(SLOTS)), SLOTS_OF_TYPE[columns.types[place]])
        columns.landmarks[place] = np.where(is_there[:, None], points, 0)
        columns.states[place, is_there] = VISIBLE
        return None

    return {"attr": attr, "cate": cate, "bbox": bbox, "landmarks": landmarks}
