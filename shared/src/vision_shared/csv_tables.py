"""CSV tables that users bring, read by the names of their columns, whichever program wrote them.

    image,Smiling,Eyeglasses
    anna.jpg,1,-1

Fields are separated by commas, semicolons or tabs, with or without quotes; a byte order mark, CRLF,
``sep=;`` before the heading, an index column without a name (pandas), empty columns behind the last
one (spreadsheets), ``1.0`` for 1 and decimal commas are read as they are meant.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vision_shared.faults import Report, name_some
from vision_shared.inputs import InputError, check_input

IMAGE = ("image", "image_id")
"""Names of the column of the images' file names: ours, and the one of Kaggle's tables."""

CORNERS = ("x_1", "y_1", "x_2", "y_2")
SIZED = ("x_1", "y_1", "width", "height")

DELIMITERS = (",", ";", "\t")
INDEX = re.compile(r"Unnamed: \d+(\.\d+)?")
"""Names that pandas gives an index that was written without one."""

SEPARATOR = re.compile(r"sep=([,;\t]?)", re.IGNORECASE)
"""A first line that names the delimiter, for spreadsheets."""

MAX_WHOLE = 10**9
"""Whole numbers are smaller, so that they fit in 32 bits."""

LABELS = {"1": 1, "0": 0, "-1": -1, "": -2, "nan": -2, "true": 1, "false": -3}
UNKNOWN_LABEL, FALSE_LABEL = -2, -3
"""Codes of `read_labels`: an empty field, and the word False, which is a no whatever 0 means."""


class CsvRow(NamedTuple):
    """A row of a table.

    Attributes:
        path: path of the table.
        line: number of the line in the file, from 1.
        image: name of the image's file, "/" between folders.
        fields: fields without the image's, in the order of the table's columns.
    """

    path: Path
    line: int
    image: str
    fields: list[str]

    @property
    def where(self) -> str:
        """``path:line``, for messages."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose heading has been read; `rows` reads on.

    Attributes:
        path: path of the file.
        columns: their names, without the image's.
        where: ``path:line`` of the heading.
        delimiter: delimiter between fields.
        positions: positions in the heading: of the image's column, then of the others.
        unnamed: positions of columns without a name, but for a first one, which is an index.
        num_fields: number of fields in every row.
    """

    path: Path
    columns: tuple[str, ...]
    where: str
    delimiter: str
    positions: tuple[int, ...]
    unnamed: tuple[int, ...]
    num_fields: int

    def rows(self, report: Report) -> Iterator[CsvRow]:
        """Read the rows; reports those of another length, without a name, or that come twice.

        Raises:
            InputError: no CSV behind the heading, or values in a column without a name.
        """
        first, *others = self.positions
        lines: dict[str, int] = {}
        for line, fields in islice(_lines(self.path, self.delimiter), 1, None):
            fault = self._fault(line, fields)
            image = fields[first].replace("\\", "/") if fault is None else ""
            if fault is None and image in lines:
                fault = f"{image} comes twice, before in line {lines[image]}"
            if fault is not None:
                report(f"{self.path}:{line}: {fault}")
                continue
            lines[image] = line
            yield CsvRow(self.path, line, image, [fields[i] for i in others])

    def _fault(self, line: int, fields: Sequence[str]) -> str | None:
        if len(fields) < self.num_fields or any(fields[self.num_fields :]):
            return f"expected {self.num_fields} fields, got {len(fields)}"
        if stray := next((fields[i] for i in self.unnamed if fields[i]), None):
            where = f"{self.path}:{line}"
            raise InputError(f"{where}: {stray!r} stands in a column without a name: name it")
        return None if fields[self.positions[0]] else "no name of an image"

    def position(self, name: str) -> int:
        """Position of a column that the table has in its rows' fields."""
        return [column.casefold() for column in self.columns].index(name.casefold())

    def number(self, row: CsvRow, column: int) -> float:
        """A field as a number; raises `InputError`."""
        try:
            return to_number(row.fields[column], self.delimiter)
        except ValueError:
            raise InputError(
                f"{row.where}: {self.columns[column]} is {row.fields[column]!r}, expected a number"
            ) from None

    def whole_numbers(self, row: CsvRow) -> list[int]:
        """All fields as whole numbers, which may be written 1.0; raises `InputError`."""
        try:
            numbers: list = list(map(int, row.fields))  # the fast way, for 202,599 rows of 40
        except ValueError:
            numbers = [self.number(row, column) for column in range(len(row.fields))]
        else:
            if max(map(abs, numbers), default=0) < MAX_WHOLE:
                return numbers
        for field, number in zip(row.fields, numbers, strict=True):
            if not (abs(number) < MAX_WHOLE and number == int(number)):
                raise InputError(f"{row.where}: expected whole numbers, got {field!r}")
        return [int(number) for number in numbers]


def read_csv(path: Path) -> CsvTable:
    """Read the heading of a CSV file.

    Raises:
        InputError: not there, empty, no CSV in UTF-8, a web page, or without the images' column.
    """
    check_input(path, "CSV file")
    delimiter = _delimiter_of(path)
    line, names = next(_lines(path, delimiter), (1, []))
    where = f"{path}:{line}"
    if names and names[0].startswith("<"):
        raise InputError(f"{where}: a web page, no table: a download was refused; get it again")
    image = next((i for i, name in enumerate(names) if name.casefold() in IMAGE), None)
    named = [i for i, name in enumerate(names) if name and i != image and not INDEX.fullmatch(name)]
    columns = tuple(names[i] for i in named)
    if image is None:
        raise InputError(
            f"{where}: no column `image` (or `image_id`) with the names of the files; has "
            f"{name_some([repr(name) for name in names]) or 'nothing'}; expected names of columns "
            "apart by commas, semicolons or tabs"
        )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InputError(f"{where}: different names of columns expected, twice: {', '.join(twice)}")
    unnamed = tuple(i for i, name in enumerate(names) if i and not name)
    return CsvTable(path, columns, where, delimiter, (image, *named), unnamed, len(names))


def expect_columns(where: str, columns: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Positions of the expected columns, in their order; a single one may have any name.

    Raises:
        InputError: one is missing, or there is another; names them.
    """
    if len(expected) == len(columns) == 1:
        return [0]
    folded = [name.casefold() for name in columns]
    missing = [name for name in expected if name.casefold() not in folded]
    known = {name.casefold() for name in expected}
    unknown = [name for name in columns if name.casefold() not in known]
    if missing or unknown:
        faults = [f"no column {name_some(missing)}"] if missing else []
        faults += [f"unknown column {name_some(unknown)}"] if unknown else []
        raise InputError(f"{where}: {', '.join(faults)}; expected {', '.join(expected)}")
    return [folded.index(name.casefold()) for name in expected]


def box_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Names of the four columns of boxes, `CORNERS` or `SIZED`, whichever these are more like."""
    folded = {name.casefold() for name in columns}
    return max(SIZED, CORNERS, key=lambda names: len(folded.intersection(names)))


def to_corners(numbers: NDArray, columns: Sequence[str]) -> NDArray:
    """Boxes (..., 4) of some `box_columns` as x1, y1, x2, y2."""
    if tuple(columns) == CORNERS:
        return numbers
    return np.concatenate([numbers[..., :2], numbers[..., :2] + numbers[..., 2:]], axis=-1)


def to_number(field: str, delimiter: str = ",") -> float:
    """A field as a number, with a decimal comma where that is no delimiter; raises ValueError."""
    return float(field if delimiter == "," else field.replace(",", "."))


def read_labels(
    table: CsvTable, rows: Sequence[CsvRow], columns: Sequence[str], report: Report
) -> NDArray[np.int8]:
    """Codes of labels, int8 (N, A): 1, 0, -1, `UNKNOWN_LABEL` or `FALSE_LABEL`.

    Reports fields that are none; a column of nothing else in one line, and once.
    """
    positions = [table.columns.index(name) for name in columns]
    codes = np.full((len(rows), len(columns)), UNKNOWN_LABEL, np.int8)
    for column, position in enumerate(positions):
        wrong = []
        for number, row in enumerate(rows):
            code = _label(row.fields[position], table.delimiter)
            if code is None:
                wrong.append(f"{row.where}: {columns[column]} is {row.fields[position]!r}")
            else:
                codes[number, column] = code
        if len(wrong) > 1 and not (codes[:, column] > UNKNOWN_LABEL).any():
            report(f"{wrong[0]}, and no row has a label (1, -1, 0) in this column: remove it")
        else:
            for fault in wrong:
                report(f"{fault}, expected 1, -1, 0 or nothing")
    return codes


def _label(field: str, delimiter: str) -> int | None:
    code = LABELS.get(field)
    if code is not None:
        return code
    try:
        return LABELS.get(field.casefold()) or LABELS.get(f"{to_number(field, delimiter):g}")
    except ValueError:
        return None


def _lines(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not empty, from the heading on."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            is_first = True
            for fields in reader:
                fields = [field.strip() for field in fields]
                if any(fields) and not (is_first and SEPARATOR.fullmatch(fields[0])):
                    yield reader.line_num, fields
                is_first = False
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error}): save it as such") from error


def _delimiter_of(path: Path) -> str:
    """The delimiter that ``sep=`` names, or that splits the heading most."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        heading = next((line.rstrip("\n") for line in file if line.strip()), "")
    if (separator := SEPARATOR.fullmatch(heading)) and separator[1]:
        return separator[1]
    return max(DELIMITERS, key=heading.count)
