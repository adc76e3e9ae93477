"""In-shop Clothes Retrieval (DeepFashion, Liu et al., CVPR 2016): 52,712 images of 7,982 items.

Eval/list_eval_partition.txt            NAME ITEM train, query or gallery
Anno/list_bbox_inshop.txt               with the garment's type and the pose
Anno/list_landmarks_inshop.txt          may be missing
Anno/list_item_inshop.txt               the items, for check_data alone; may be missing
Anno/attributes/list_attr_cloth.txt     463 names without types; or in Anno/; may be missing
Anno/attributes/list_attr_items.txt     their labels, -1 or 1, by the item
Img/img/WOMEN/Blouses_Shirts/id_00000001/02_1_front.jpg

The 02 is the colour series: an item has several. Category is the folder, WOMEN/Blouses_Shirts.
Places are those in img, not in img_highres.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fashion.data.deepfashion.annotations import (
    fill_boxes,
    fill_landmarks,
    item_number,
    places,
    read_partition,
    unique_pictures,
)
from fashion.data.deepfashion.files import Files, find_files
from fashion.data.deepfashion.parsing import Row, read_labels, read_names
from fashion.data.garments import Garments, Vocabulary, encoded, unknown_columns
from fashion.data.labels import Labels
from fashion.data.taxonomy import GALLERY, QUERY, SHOP, SPLITS, UNKNOWN
from vision_shared.faults import Report
from vision_shared.inputs import InputError

BENCHMARK = "In-shop Clothes Retrieval Benchmark"
FOLDERS = ("Anno", "Eval", "Anno/attributes", "Anno/Anno")
NEEDED = {"partition": "list_eval_partition.txt", "boxes": "list_bbox_inshop.txt"}
OPTIONAL = {
    "landmarks": "list_landmarks_inshop.txt",
    "attribute_names": "list_attr_cloth.txt",
    "attributes": "list_attr_items.txt",
    "items": "list_item_inshop.txt",
}
ROLES = {"train": UNKNOWN, "query": QUERY, "gallery": GALLERY}
NUM_POSES = 6
"""Front, side, back, zoomed out, zoomed in, stand-alone."""


def find_inshop(root: Path) -> Files:
    """Find the files; raises as `find_files`."""
    return find_files(root, BENCHMARK, FOLDERS, NEEDED, OPTIONAL)


def read_inshop(files: Files, report: Report) -> Garments:
    """Read the lists and join them by the names of the images.

    Reports queries whose item no image of the gallery shows, beside faults in rows.

    Raises:
        InputError: a list that cannot be used at all.
    """
    lists = files.lists
    partition = read_partition(lists["partition"], list(ROLES), 3, report)
    pictures = unique_pictures(partition, report)
    rows = places(pictures)
    columns = unknown_columns(len(rows))
    columns.roles[:] = [ROLES[row.fields[2]] for row in pictures.values()]
    columns.splits[columns.roles != UNKNOWN] = SPLITS.index("test")
    columns.domains[:] = SHOP
    columns.items[:] = [_item(row, report) for row in pictures.values()]
    columns.series[:] = [_series(name) for name in pictures]
    categories, columns.categories[:] = categories_of(list(pictures))
    fill_boxes(lists["boxes"], rows, columns, report, lambda _, pose: _pose_fault(pose))
    if "landmarks" in lists:
        fill_landmarks(lists["landmarks"], rows, columns, report, has_variation=True)
    attributes: list[str] = []
    labels = Labels.unknown(len(rows))
    if "attributes" in lists and "attribute_names" in lists:
        attributes, _ = read_names(lists["attribute_names"], report, has_types=False)
        labels = item_labels(lists["attributes"], len(attributes), columns.items, report)
    report_lonely_queries(pictures, columns.items, columns.roles, report)
    words = Vocabulary(categories, tuple(attributes))
    return Garments(files.folder, encoded(pictures), columns, labels, words, lists["partition"])


def categories_of(names: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The sorted categories that folders name (WOMEN/Dresses), and the number of each image's."""
    paths = [name.split("/") for name in names]
    own = ["/".join(path[1:3]) if len(path) > 4 else "" for path in paths]
    categories = sorted(set(own) - {""})
    numbers = {name: number for number, name in enumerate(categories)}
    return tuple(categories), np.array([numbers.get(name, UNKNOWN) for name in own], np.int16)


def item_labels(path: Path, number: int, items: np.ndarray, report: Report) -> Labels:
    """Labels of images from a list that has a row for each item, as id_00000001."""
    known = np.unique(items[items != UNKNOWN])
    rows = {f"id_{item:08d}": row for row, item in enumerate(known.tolist())}
    labels = read_labels(path, number, rows, report)
    return labels.take(np.searchsorted(known, items).clip(max=max(len(known) - 1, 0)))


def report_lonely_queries(
    pictures: Mapping[str, Row], items: np.ndarray, roles: np.ndarray, report: Report
) -> None:
    """Report queries whose item no image of the gallery shows: none of them can be found."""
    lonely = (roles == QUERY) & ~np.isin(items, items[roles == GALLERY])
    where = list(pictures.items())
    for place in np.flatnonzero(lonely):
        name, row = where[place]
        report(
            f"{row.where}: the query {name} shows an item that no image of the gallery shows: "
            "list one, or leave the query out"
        )


def _item(row: Row, report: Report) -> int:
    try:
        return item_number(row.fields[1], row.where)
    except InputError as error:
        report(str(error))
        return UNKNOWN


def _series(name: str) -> int:
    number = name.rpartition("/")[2].partition("_")[0]
    return int(number) if number.isdecimal() else UNKNOWN


def _pose_fault(pose: int) -> str | None:
    return None if 1 <= pose <= NUM_POSES else f"pose type {pose}, expected 1 to {NUM_POSES}"
