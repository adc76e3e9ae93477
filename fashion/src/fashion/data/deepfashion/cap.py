"""Category and Attribute Prediction (DeepFashion, Liu et al., CVPR 2016): 289,222 images.

Eval/list_eval_partition.txt                             train, val, test
Anno/list_category_cloth.txt, Anno/list_category_img.txt 50 categories, ids from 1
Anno/list_attr_cloth.txt, Anno/list_attr_img.txt         1000 attributes in 5 types
Anno/list_bbox.txt, Anno/list_landmarks.txt              landmarks without a variation type
Img/img/Sheer_Pleated-Front_Blouse/img_00000001.jpg

Newer archives name the folder Anno_coarse; `cap_fine` reads the Anno_fine beside it.
"""

from collections.abc import Mapping
from pathlib import Path

from fashion.data.deepfashion.annotations import fill_boxes, fill_landmarks, matched, read_splits
from fashion.data.deepfashion.files import Files, find_files
from fashion.data.deepfashion.parsing import read_labels, read_names
from fashion.data.garments import Columns, Garments, Vocabulary, encoded
from fashion.data.taxonomy import ATTRIBUTE_TYPES
from vision_shared.faults import Report

BENCHMARK = "Category and Attribute Prediction Benchmark"
FOLDERS = ("Anno", "Anno_coarse", "Anno/Anno_coarse", "Eval")
LISTS = {
    "partition": "list_eval_partition.txt",
    "category_names": "list_category_cloth.txt",
    "categories": "list_category_img.txt",
    "attribute_names": "list_attr_cloth.txt",
    "attributes": "list_attr_img.txt",
    "boxes": "list_bbox.txt",
    "landmarks": "list_landmarks.txt",
}


def find_cap(root: Path) -> Files:
    """Find the files; raises as `find_files`."""
    return find_files(root, BENCHMARK, FOLDERS, LISTS)


def read_cap(files: Files, report: Report) -> Garments:
    """Read the lists and join them by the names of the images.

    Raises:
        InputError: a list that cannot be used at all.
    """
    lists = files.lists
    rows, columns = read_splits(files, report)
    categories, _ = read_names(lists["category_names"], report, has_types=True)
    _fill_categories(lists["categories"], rows, columns, len(categories), report)
    fill_boxes(lists["boxes"], rows, columns, report)
    fill_landmarks(lists["landmarks"], rows, columns, report, has_variation=False)
    attributes, types = read_names(lists["attribute_names"], report, has_types=True)
    labels = read_labels(lists["attributes"], len(attributes), rows, report)
    words = Vocabulary(
        tuple(categories), tuple(attributes), tuple(types), type_names(types, ATTRIBUTE_TYPES)
    )
    return Garments(files.folder, encoded(rows), columns, labels, words, lists["partition"])


def type_names(types: list[int], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the types of attributes; those beyond the known ones are numbered."""
    number = max([0, *types]) + 1
    return (*names, *(f"type {kind + 1}" for kind in range(len(names), number)))


def _fill_categories(
    path: Path, rows: Mapping[str, int], columns: Columns, number: int, report: Report
) -> None:
    for place, row, numbers in matched(path, rows, report):
        if len(numbers) == 1 and 1 <= numbers[0] <= number:
            columns.categories[place] = numbers[0] - 1
        else:
            got = " ".join(row.fields[1:])
            report(f"{row.where}: expected a category of 1 to {number}, got {got!r}")
