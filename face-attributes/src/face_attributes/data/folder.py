"""Any folder of pictures with a table of attributes.

images/anna.jpg       pictures; or beside the tables, without a folder
attributes.csv        image,Smiling,Eyeglasses             1, -1 or 0; empty: not known
boxes.csv             image,x_1,y_1,width,height           may be left out
identities.csv        image,identity                       any text; may be left out
partition.csv         image,partition                      train, val, test; may be left out

Where ``attributes.csv`` has no -1 at all, its 0 is a no; else it is not known. Without
``partition.csv`` the last fifth of its rows is ``val``. What has no part ``test`` is tested on
``val``.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.celeba import labels_of
from face_attributes.data.faces import NOBODY, Faces, unknown_places
from face_attributes.data.names import PARTS
from face_attributes.data.text import NumberTable, Report, stop
from vision_shared.inputs import InputError, check_input

Value = TypeVar("Value")
UNKNOWN = -(2**31)

PART_NUMBERS = {name: number for number, part in enumerate(PARTS) for name in (part, str(number))}


@dataclass(frozen=True)
class CsvTable:
    """The fields of a CSV file: rows of a picture's name and its values.

    Attributes:
        path: of the file.
        columns: their names, without the one of the pictures.
        rows: line, name and fields of each row that has no fault.
    """

    path: Path
    columns: list[str]
    rows: list[tuple[int, str, list[str]]]

    def by_name(
        self, read: Callable[[str, list[str]], Value], report: Report
    ) -> dict[str, tuple[int, Value]]:
        """Line and value of each picture; ``read`` takes ``path:line`` and the fields."""
        found: dict[str, tuple[int, Value]] = {}
        for line, name, fields in self.rows:
            where = f"{self.path}:{line}"
            if name in found:
                report(f"{where}: {name} comes twice, before in line {found[name][0]}")
                continue
            try:
                found[name] = (line, read(where, fields))
            except InputError as error:
                report(str(error))
        return found


def folder_faces(root: Path, report: Report = stop) -> Faces:
    """All faces of a folder.

    Args:
        root: holds attributes.csv.
        report: of every fault in the tables.

    Raises:
        FileNotFoundError: there is no attributes.csv; says what is expected.
        InputError: a table that cannot be used at all.
    """
    table = read_csv(attributes_path(root), None, report)
    labels = table.by_name(_labels, report)
    names = list(labels)
    if not names:
        raise InputError(f"{table.path}: no row, expected a picture a row")
    boxes, landmarks = unknown_places(len(names))
    boxed_in = root / "boxes.csv"
    if boxed_in.exists():
        given = _aligned(read_csv(boxed_in, 4, report), _box, names, report)
        for row, box in given.items():
            boxes[row] = box
    return Faces(
        picture_folder(root),
        np.char.encode(np.array(names), "utf-8"),
        tuple(table.columns),
        _signed(table, labels, report),
        _parts(root, names, report),
        _identities(root, names, report),
        boxes,
        landmarks,
        table.path,
        boxed_in if boxed_in.exists() else None,
    )


def folder_attributes(root: Path) -> list[str]:
    """The names of a folder's attributes, from the first line; raises as `folder_faces`."""
    return read_csv(attributes_path(root), None, lambda fault: None).columns


def attributes_path(root: Path) -> Path:
    path = root / "attributes.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: not found: expected a line `image,Smiling,Eyeglasses` with the names of "
            f"attributes, then a picture a row, and the pictures in {root / 'images'}"
        )
    return path


def picture_folder(root: Path) -> Path:
    return root / "images" if (root / "images").is_dir() else root


def read_csv(path: Path, num_values: int | None, report: Report = stop) -> CsvTable:
    """Read a CSV file with a heading.

    Args:
        path: of the file.
        num_values: in every row; None takes it from the heading.
        report: of rows with another count of values.

    Raises:
        InputError: not there, empty, no text, or with a heading that cannot be used.
    """
    check_input(path, "CSV file")
    try:
        lines = list(_csv_lines(path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    columns = [field.strip() for field in lines[0][1][1:]] if lines else []
    if not columns or not all(columns) or len(set(columns)) < len(columns):
        raise InputError(f"{path}:1: expected `image` and different names of columns")
    if num_values is not None and len(columns) != num_values:
        raise InputError(f"{path}:1: names {len(columns)} columns, expected {num_values}")
    rows = []
    for line, fields in lines[1:]:
        if len(fields) == len(columns) + 1:
            name = fields[0].strip().replace("\\", "/")
            rows.append((line, name, [field.strip() for field in fields[1:]]))
        else:
            report(
                f"{path}:{line}: expected a name and {len(columns)} values, got {len(fields) - 1}"
            )
    return CsvTable(path, columns, rows)


def _csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, fields


def _labels(where: str, fields: list[str]) -> list[int]:
    return [UNKNOWN if not field else whole_number(where, field) for field in fields]


def _box(where: str, fields: list[str]) -> list[float]:
    try:
        x, y, width, height = (float(field) for field in fields)
    except ValueError:
        raise InputError(f"{where}: expected x, y, width and height, got {fields}") from None
    if not (width > 0 and height > 0 and np.isfinite([x, y, width, height]).all()):
        raise InputError(f"{where}: a box of {width:g}x{height:g} pixels, expected some")
    return [x, y, x + width, y + height]


def whole_number(where: str, field: str) -> int:
    try:
        return int(field)
    except ValueError:
        raise InputError(f"{where}: expected whole numbers, got {field!r}") from None


def _signed(
    table: CsvTable, labels: dict[str, tuple[int, list[int]]], report: Report
) -> NDArray[np.int8]:
    """Labels by the rule of `celeba.labels_of`, with empty fields not known."""
    lines = np.array([line for line, _ in labels.values()])
    values = np.array([row for _, row in labels.values()])
    is_known = values != UNKNOWN
    names = np.char.encode(np.array(list(labels)), "utf-8")
    columns = tuple(table.columns)
    numbers = np.where(is_known, values, 1).astype(np.int32)
    return labels_of(NumberTable(table.path, columns, names, numbers, lines), report) * is_known


def _parts(root: Path, names: list[str], report: Report) -> NDArray[np.int8]:
    path = root / "partition.csv"
    parts = np.zeros(len(names), np.int8)
    if not path.exists():
        parts[len(names) - max(len(names) // 5, 1) :] = 1
        return parts

    def read(where: str, fields: list[str]) -> int:
        if fields[0] not in PART_NUMBERS:
            raise InputError(f"{where}: part {fields[0]!r}, expected train, val or test")
        return PART_NUMBERS[fields[0]]

    given = _aligned(read_csv(path, 1, report), read, names, report)
    for row, name in enumerate(names):
        if row not in given:
            report(f"{path}: no row for {name}, which {root / 'attributes.csv'} lists")
        parts[row] = given.get(row, 0)
    return parts


def _identities(root: Path, names: list[str], report: Report) -> NDArray[np.int32]:
    path = root / "identities.csv"
    identities = np.full(len(names), NOBODY, np.int32)
    if path.exists():
        table = read_csv(path, 1, report)
        given = _aligned(table, lambda where, fields: fields[0], names, report)
        numbers = {who: number for number, who in enumerate(sorted(set(given.values())))}
        for row, who in given.items():
            identities[row] = numbers[who]
    return identities


def _aligned(
    table: CsvTable, read: Callable[[str, list[str]], Value], names: list[str], report: Report
) -> dict[int, Value]:
    """Values by the rows of ``names``; reports names that are not among them."""
    rows = {name: row for row, name in enumerate(names)}
    out = {}
    for name, (line, value) in table.by_name(read, report).items():
        if name in rows:
            out[rows[name]] = value
        else:
            report(f"{table.path}:{line}: {name} is not in attributes.csv")
    return out
