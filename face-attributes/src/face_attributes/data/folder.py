"""Any folder of images with a table of attributes.

images/anna.jpg       images; or beside the tables, without a folder
attributes.csv        image,Smiling,Eyeglasses             1, -1 or 0; empty: not known
boxes.csv             image,x_1,y_1,width,height           or x_1,y_1,x_2,y_2; may be left out
identities.csv        image,identity                       any text; may be left out
partition.csv         image,partition                      train, val, test; may be left out

Where ``attributes.csv`` has no -1 at all, its 0 is a no; else it is not known. Without
``partition.csv`` the last fifth of its rows is ``val``. What has no part ``test`` is tested on
``val``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.celeba import signed
from face_attributes.data.faces import NOBODY, Faces, unknown_places
from face_attributes.data.names import PARTS
from vision_shared.csv_tables import (
    FALSE_LABEL,
    UNKNOWN_LABEL,
    CsvRow,
    CsvTable,
    box_columns,
    expect_columns,
    read_csv,
    read_labels,
    to_corners,
)
from vision_shared.faults import Report, stop
from vision_shared.inputs import InputError

Value = TypeVar("Value")

PART_NUMBERS = {name: number for number, part in enumerate(PARTS) for name in (part, str(number))}


def folder_faces(root: Path, report: Report = stop) -> Faces:
    """All faces of a folder.

    Args:
        root: folder that holds attributes.csv.
        report: function that takes a line about every fault in the tables.

    Raises:
        FileNotFoundError: there is no attributes.csv; says what is expected.
        InputError: a table that cannot be used at all.
    """
    table = _read_attributes(root)
    rows = list(table.rows(report))
    if not rows:
        raise InputError(f"{table.path}: no row, expected an image a row")
    names = [row.image for row in rows]
    boxes, landmarks = unknown_places(len(names))
    boxed_in = root / "boxes.csv"
    if boxed_in.exists():
        for row, box in _boxes(boxed_in, names, report).items():
            boxes[row] = box
    return Faces(
        picture_folder(root),
        np.char.encode(np.array(names), "utf-8"),
        table.columns,
        _labels(table, rows, report),
        _parts(root, names, report),
        _identities(root, names, report),
        boxes,
        landmarks,
        table.path,
        boxed_in if boxed_in.exists() else None,
    )


def folder_attributes(root: Path) -> list[str]:
    """The names of a folder's attributes, from the first line; raises as `folder_faces`."""
    return list(_read_attributes(root).columns)


def attributes_path(root: Path) -> Path:
    """Return the path of the table; raises `FileNotFoundError` with the expected layout."""
    path = root / "attributes.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: not found: expected a line `image,Smiling,Eyeglasses` with the names of "
            f"attributes, then an image a row, and the images in {root / 'images'}"
        )
    return path


def picture_folder(root: Path) -> Path:
    """Return the folder of the images: ``images``, or the data set's own."""
    return root / "images" if (root / "images").is_dir() else root


def _read_attributes(root: Path) -> CsvTable:
    table = read_csv(attributes_path(root))
    if not table.columns:
        raise InputError(f"{table.where}: no column of an attribute beside `image`")
    return table


def _labels(table: CsvTable, rows: list[CsvRow], report: Report) -> NDArray[np.int8]:
    """Labels by the rule of `celeba.labels_of`, with empty fields not known."""
    codes = read_labels(table, rows, table.columns, report)
    labels = np.where((codes == UNKNOWN_LABEL) | (codes == FALSE_LABEL), np.int8(1), codes)
    labels = np.where(codes == FALSE_LABEL, np.int8(-1), signed(labels))
    return labels * (codes != UNKNOWN_LABEL)


def _boxes(path: Path, names: list[str], report: Report) -> dict[int, NDArray[np.float64]]:
    table = read_csv(path)
    columns = box_columns(table.columns)
    positions = expect_columns(table.where, table.columns, columns)

    def read(row: CsvRow) -> NDArray[np.float64]:
        numbers = np.array([table.number(row, position) for position in positions])
        box = to_corners(numbers, columns)
        if not (np.isfinite(box).all() and (box[:2] < box[2:]).all()):
            raise InputError(
                f"{row.where}: a box of {box[2] - box[0]:g}x{box[3] - box[1]:g} pixels, expected "
                f"some ({', '.join(columns)})"
            )
        return box

    return _aligned(table, read, names, report)


def _parts(root: Path, names: list[str], report: Report) -> NDArray[np.int8]:
    path = root / "partition.csv"
    parts = np.zeros(len(names), np.int8)
    if not path.exists():
        parts[len(names) - max(len(names) // 5, 1) :] = 1
        return parts

    table = read_csv(path)
    (position,) = expect_columns(table.where, table.columns, ["partition"])

    def read(row: CsvRow) -> int:
        part = row.fields[position].casefold().removesuffix(".0")
        if part not in PART_NUMBERS:
            raise InputError(f"{row.where}: part {part!r}, expected train, val or test")
        return PART_NUMBERS[part]

    given = _aligned(table, read, names, report)
    for row, name in enumerate(names):
        if row not in given:
            report(f"{path}: no row for {name}, which {root / 'attributes.csv'} lists")
        parts[row] = given.get(row, 0)
    return parts


def _identities(root: Path, names: list[str], report: Report) -> NDArray[np.int32]:
    path = root / "identities.csv"
    identities = np.full(len(names), NOBODY, np.int32)
    if path.exists():
        table = read_csv(path)
        (position,) = expect_columns(table.where, table.columns, ["identity"])
        given = _aligned(table, lambda row: row.fields[position], names, report)
        numbers = {who: number for number, who in enumerate(sorted(set(given.values())))}
        for row, who in given.items():
            identities[row] = numbers[who]
    return identities


def _aligned(
    table: CsvTable, read: Callable[[CsvRow], Value], names: list[str], report: Report
) -> dict[int, Value]:
    """Values by the rows of ``names``; reports names that are not among them."""
    places = {name: place for place, name in enumerate(names)}
    out = {}
    for row in table.rows(report):
        if row.image not in places:
            report(f"{row.where}: {row.image} is not in attributes.csv")
            continue
        try:
            out[places[row.image]] = read(row)
        except InputError as error:
            report(str(error))
    return out
