"""Lists of synthetic people's garments, as four benchmarks of DeepFashion have them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.data.people.garments import PEOPLE_ATTRIBUTES, PEOPLE_TYPES
from fashion.data.people.list_format import (
    box_fields,
    label_fields,
    landmark_columns,
    landmark_fields,
    padded,
    write_list,
    write_names,
    write_windows_names,
)
from fashion.data.taxonomy import ATTRIBUTE_TYPES, CATEGORIES, CONSUMER, FULL, LOWER, SHOP, UPPER

POSE_TYPES = {"front": 1, "side": 2, "back": 3, "full": 4, "additional": 5}
"""Of In-shop's lists, by the view that names the image."""


@dataclass(frozen=True)
class Shot:
    """An image of an item and its place in the benchmarks.

    Attributes:
        name: img/...
        item: number of the item, from 1.
        split: one of `taxonomy.SPLITS`.
        category: index in `taxonomy.CATEGORIES`.
        type: index in `taxonomy.TYPES`.
        domain: SHOP or CONSUMER.
        view: key of `POSE_TYPES` for In-shop; empty for Consumer-to-shop.
        series: one of the item's colours.
        variation: variation of `taxonomy.VARIATIONS`, from 1.
        box: (4,) x1, y1, x2, y2, whole pixels within the image.
        landmarks: (8, 2) whole pixels; 0 where truncated or absent.
        states: (8,), of `taxonomy.STATES`, or ABSENT.
        labels: int8 (A,) of 1 and -1, as they are listed.
    """

    name: str
    item: int
    split: str
    category: int
    type: int
    domain: int
    view: str
    series: int
    variation: int
    box: np.ndarray
    landmarks: np.ndarray
    states: np.ndarray
    labels: np.ndarray


def write_benchmarks(folder: Path, shots: list[Shot]) -> None:
    """Write the lists below a folder, and in each benchmark's a link to the images in img."""
    _write_cap(folder / "cap", shots)
    _write_fld(folder / "fld", shots)
    _write_inshop(folder / "inshop", inshop_shots(shots))
    _write_consumer2shop(folder / "consumer2shop", [shot for shot in shots if not shot.view])
    for benchmark in ("cap", "fld", "inshop", "consumer2shop"):
        (folder / benchmark / "img").symlink_to("../img", target_is_directory=True)


def _write_cap(root: Path, shots: list[Shot]) -> None:
    anno = root / "Anno"
    types = [0] * len(UPPER) + [1] * len(LOWER) + [2] * len(FULL)
    write_names(anno / "list_category_cloth.txt", "category_name  category_type", CATEGORIES, types)
    write_list(
        anno / "list_category_img.txt",
        "image_name  category_label",
        [padded(shot.name, str(shot.category + 1)) for shot in shots],
    )
    write_names(
        anno / "list_attr_cloth.txt",
        "attribute_name  attribute_type",
        PEOPLE_ATTRIBUTES,
        PEOPLE_TYPES,
    )
    write_list(
        anno / "list_attr_img.txt",
        "image_name  attribute_labels",
        [padded(shot.name, label_fields(shot.labels)) for shot in shots],
    )
    _write_places(root, shots, "", has_variation=False)
    _write_partition(root, shots)


def _write_fld(root: Path, shots: list[Shot]) -> None:
    _write_places(root, shots, "", has_variation=True)
    _write_partition(root, shots)


def _write_inshop(root: Path, shots: list[Shot]) -> None:
    """Items that validate elsewhere train here, for In-shop has no such split."""
    anno = root / "Anno"
    queries = _first_of_series(shots)
    roles = [
        "train" if shot.split != "test" else "query" if shot.name in queries else "gallery"
        for shot in shots
    ]
    write_list(
        root / "Eval" / "list_eval_partition.txt",
        "image_name  item_id  evaluation_status",
        [
            padded(shot.name, f"id_{shot.item:08d}", role)
            for shot, role in zip(shots, roles, strict=True)
        ],
    )
    poses = [POSE_TYPES[shot.view] for shot in shots]
    _write_places(root, shots, "_inshop", has_variation=True, second=("pose_type", poses))
    write_list(anno / "attributes" / "list_attr_cloth.txt", "attribute_name", PEOPLE_ATTRIBUTES)
    _write_item_labels(anno / "attributes" / "list_attr_items.txt", shots)
    _write_items(anno / "list_item_inshop.txt", shots)


def _write_consumer2shop(root: Path, shots: list[Shot]) -> None:
    anno = root / "Anno"
    shops: dict[int, list[Shot]] = {}
    for shot in shots:
        if shot.domain == SHOP:
            shops.setdefault(shot.item, []).append(shot)
    pairs = [
        padded(consumer.name, padded(shop.name, f"id_{shop.item:08d}", shop.split))
        for consumer in shots
        if consumer.domain == CONSUMER
        for shop in shops[consumer.item]
    ]
    columns = "image_pair_name_1  image_pair_name_2  item_id  evaluation_status"
    write_list(root / "Eval" / "list_eval_partition.txt", columns, pairs)
    sources = [2 if shot.domain == CONSUMER else 1 for shot in shots]
    _write_places(
        root, shots, "_consumer2shop", has_variation=True, second=("source_type", sources)
    )
    chinese = ("纹理", "面料", "形状", "部位", "风格")  # of the types
    rows = [
        f"{chinese[kind]}   {name}   {kind + 1}"
        for name, kind in zip(PEOPLE_ATTRIBUTES, PEOPLE_TYPES, strict=True)
    ]
    write_windows_names(anno / "list_attr_cloth.txt", rows)
    types = range(len(ATTRIBUTE_TYPES))
    columns = "attribute_type_name  attribute_type"
    write_names(anno / "list_attr_type.txt", columns, ATTRIBUTE_TYPES, types)
    _write_item_labels(anno / "list_attr_items.txt", shots)
    _write_items(anno / "list_item_consumer2shop.txt", shots)


def _write_places(
    root: Path,
    shots: list[Shot],
    suffix: str,
    *,
    has_variation: bool,
    second: tuple[str, list[int]] | None = None,
) -> None:
    """Write boxes, with types and a second number or without, and landmarks."""
    boxes, points = [], []
    for place, shot in enumerate(shots):
        kind = shot.type
        numbers = [] if second is None else [str(kind + 1), str(second[1][place])]
        boxes.append(padded(shot.name, *numbers, *box_fields(shot.box.tolist())))
        kinds = [str(kind + 1), str(shot.variation)][: 1 + has_variation]
        landmarks = landmark_fields(kind, shot.states, shot.landmarks)
        points.append(padded(shot.name, *kinds, *landmarks) + " ")
    kinds = "" if second is None else f"clothes_type  {second[0]}  "
    columns = f"image_name  {kinds}x_1  y_1  x_2  y_2"
    write_list(root / "Anno" / f"list_bbox{suffix}.txt", columns, boxes)
    columns = landmark_columns(has_variation=has_variation)
    write_list(root / "Anno" / f"list_landmarks{suffix}.txt", columns, points)


def _write_partition(root: Path, shots: list[Shot]) -> None:
    rows = [padded(shot.name, shot.split) for shot in shots]
    path = root / "Eval" / "list_eval_partition.txt"
    write_list(path, "image_name  evaluation_status", rows)


def _write_item_labels(path: Path, shots: list[Shot]) -> None:
    """Labels of each item are those of its first image."""
    first = {shot.item: shot for shot in reversed(shots)}
    rows = [f"id_{item:08d}  {label_fields(first[item].labels)}" for item in sorted(first)]
    write_list(path, "item_id  attribute_labels", rows)


def _write_items(path: Path, shots: list[Shot]) -> None:
    write_list(path, "", sorted({f"id_{shot.item:08d}" for shot in shots}))


def inshop_shots(shots: list[Shot]) -> list[Shot]:
    """The images of a shop's views, of items that have a query and something in the gallery."""
    views = [shot for shot in shots if shot.view]
    queries = _first_of_series(views)
    answered = {shot.item for shot in views if shot.name not in queries}
    return [shot for shot in views if shot.item in answered]


def _first_of_series(shots: list[Shot]) -> set[str]:
    """The name of the first image of each item in each of its colours."""
    first = {(shot.item, shot.series): shot.name for shot in reversed(shots)}
    return set(first.values())
