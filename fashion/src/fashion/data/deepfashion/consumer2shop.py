"""Consumer-to-shop Clothes Retrieval (DeepFashion, Liu et al., CVPR 2016): 239,557 images.

Eval/list_eval_partition.txt          pairs: CONSUMER SHOP ITEM train, val or test
Anno/list_bbox_consumer2shop.txt      with the garment's type and the source, 1 shop or 2 consumer
Anno/list_landmarks_consumer2shop.txt may be missing
Anno/list_attr_cloth.txt              303 Chinese names, English names and types; may be missing
Anno/list_attr_type.txt               the names of these types; may be missing
Anno/list_attr_items.txt              labels by the item; may be missing
Img/img/TOPS/T_Shirt/id_00000001/comsumer_01.jpg (sic), shop_01.jpg

An image is in many pairs. Consumers' images of val and test are queries; the gallery is what
shops show of the items of val and of test together. Category is the folder, TOPS/T_Shirt.
"""

import re
from pathlib import Path

import numpy as np

from fashion.data.deepfashion.annotations import (
    fill_boxes,
    fill_landmarks,
    item_number,
    places,
    read_partition,
)
from fashion.data.deepfashion.files import Files, find_files
from fashion.data.deepfashion.inshop import categories_of, item_labels, report_lonely_queries
from fashion.data.deepfashion.parsing import Row, read_rows
from fashion.data.garments import Columns, Garments, Vocabulary, encoded, unknown_columns
from fashion.data.labels import Labels
from fashion.data.taxonomy import CONSUMER, GALLERY, QUERY, SHOP, SPLITS
from vision_shared.faults import Report
from vision_shared.inputs import InputError

BENCHMARK = "Consumer-to-shop Clothes Retrieval Benchmark"
FOLDERS = ("Anno", "Eval", "Anno/attributes", "Anno/Anno")
NEEDED = {"partition": "list_eval_partition.txt", "boxes": "list_bbox_consumer2shop.txt"}
OPTIONAL = {
    "landmarks": "list_landmarks_consumer2shop.txt",
    "attribute_names": "list_attr_cloth.txt",
    "type_names": "list_attr_type.txt",
    "attributes": "list_attr_items.txt",
    "items": "list_item_consumer2shop.txt",
}
DOMAINS = {1: SHOP, 2: CONSUMER}


def find_consumer2shop(root: Path) -> Files:
    """Find the files; raises as `find_files`."""
    return find_files(root, BENCHMARK, FOLDERS, NEEDED, OPTIONAL)


def read_consumer2shop(files: Files, report: Report) -> Garments:
    """Read the lists and join them by the names of the images.

    Reports images of two items or splits, and queries whose item no shop shows, beside faults in
    rows.

    Raises:
        InputError: a list that cannot be used at all.
    """
    lists = files.lists
    pictures = _pictures(lists["partition"], report)
    rows = places(pictures)
    columns = unknown_columns(len(rows))
    columns.splits[:] = [SPLITS.index(row.fields[3]) for row in pictures.values()]
    columns.items[:] = [item_number(row.fields[2], row.where) for row in pictures.values()]
    categories, columns.categories[:] = categories_of(list(pictures))

    def source(place: int, number: int) -> str | None:
        if number not in DOMAINS:
            return f"source type {number}, expected 1 (shop) or 2 (consumer)"
        columns.domains[place] = DOMAINS[number]
        return None

    fill_boxes(lists["boxes"], rows, columns, report, source)
    if "landmarks" in lists:
        fill_landmarks(lists["landmarks"], rows, columns, report, has_variation=True)
    _fill_roles(columns)
    report_lonely_queries(pictures, columns.items, columns.roles, report)
    words, labels = Vocabulary(categories), Labels.unknown(len(rows))
    if "attributes" in lists and "attribute_names" in lists:
        names, types = read_bilingual(lists["attribute_names"], report)
        kinds = _type_names(lists.get("type_names"), types, report)
        words = Vocabulary(categories, tuple(names), tuple(types), kinds)
        labels = item_labels(lists["attributes"], len(names), columns.items, report)
    return Garments(files.folder, encoded(pictures), columns, labels, words, lists["partition"])


def read_bilingual(path: Path, report: Report) -> tuple[list[str], list[int]]:
    """English names of attributes, and their types from 0, from rows of two names and a type."""
    names, types = [], []
    for row in read_rows(path, report, may_count_wrong=True):
        *words, kind = row.fields
        if not kind.isdecimal() or int(kind) < 1:
            report(f"{row.where}: expected names and the number of a type, got {row.fields}")
            kind = "1"  # keeps the numbers of the names behind it
        names.append(english(words))
        types.append(int(kind) - 1)
    return names, types


def english(words: list[str]) -> str:
    """What stands behind the last word with a Chinese character; all of it if that is nothing."""
    chinese = [place for place, word in enumerate(words) if re.search(r"[^\x00-\x7f]", word)]
    return " ".join(words[chinese[-1] + 1 if chinese else 0 :] or words)


def _pictures(path: Path, report: Report) -> dict[str, Row]:
    """A row for each image of the pairs."""
    pictures: dict[str, Row] = {}
    for row in read_partition(path, SPLITS, 4, report):
        try:
            item_number(row.fields[2], row.where)
        except InputError as error:
            report(str(error))
            continue
        for name in row.fields[:2]:
            earlier = pictures.setdefault(name, row)
            if earlier.fields[2:] != row.fields[2:]:
                ours, theirs = (" ".join(pair.fields[2:]) for pair in (row, earlier))
                report(f"{row.where}: {name} is {ours}, but {theirs} in {earlier.where}")
    return pictures


def _fill_roles(columns: Columns) -> None:
    evaluates = columns.splits != SPLITS.index("train")
    columns.roles[evaluates & (columns.domains == SHOP)] = GALLERY
    columns.roles[evaluates & (columns.domains == CONSUMER)] = QUERY


def _type_names(path: Path | None, types: list[int], report: Report) -> tuple[str, ...]:
    names: list[str] = []
    if path is not None:
        for row in read_rows(path, report, may_count_wrong=True):
            words = [field for field in row.fields if not field.isdecimal()]
            names.append(english(words) if words else row.fields[0])
    number = int(np.max(types, initial=-1)) + 1
    return (*names, *(f"type {kind + 1}" for kind in range(len(names), number)))
