"""DeepFashion's lists: a count, the names of the columns, rows padded with spaces.

    289222
    image_name  category_label
    img/Sheer_Pleated-Front_Blouse/img_00000001.jpg                        3

Spaces come in any number and at the ends of lines; numbers may begin with zeros; some files begin
with a byte order mark or have CRLF. Rows are read to the end whatever the count says, but fewer of
them than it says are a fault: an incomplete download.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.data.labels import Labels, LabelsWriter
from vision_shared.faults import Report
from vision_shared.inputs import InputError, check_input

AGAIN = "get the file again"
MINUS = ord("-")  # spaces are below, digits above


class Row(NamedTuple):
    """A line of a list.

    Attributes:
        where: ``path:line``, for messages.
        fields: apart by spaces.
    """

    where: str
    fields: list[str]

    def numbers(self, first: int) -> list[int]:
        """The fields from ``first`` on; raises `InputError` unless they are whole numbers."""
        try:
            return [int(field) for field in self.fields[first:]]
        except ValueError:
            field = next(field for field in self.fields[first:] if not is_number(field))
            raise InputError(f"{self.where}: expected whole numbers, got {field!r}") from None


@dataclass(frozen=True)
class Head:
    """What stands above the rows.

    Attributes:
        count: count of the rows, or None where the file has none.
        columns: their names, or empty.
        num_lines: number of lines that these take.
    """

    count: int | None
    columns: list[str]
    num_lines: int


def is_number(field: str) -> bool:
    """Return whether a field is a whole number, with or without a minus."""
    return field.removeprefix("-").isdecimal()


def read_rows(
    path: Path, report: Report, *, has_columns: bool = True, may_count_wrong: bool = False
) -> Iterator[Row]:
    """Read a list row by row; empty lines do not count.

    Args:
        path: path of the list.
        report: function that takes a line about a count above the rows that there are.
        has_columns: whether the second line names the columns.
        may_count_wrong: whether the count means nothing, as in lists of names.

    Raises:
        InputError: not there, empty, no text, a web page, or without count or columns.
    """
    head = read_head(path, has_columns=has_columns)
    num_rows = 0
    for number, line in enumerate(lines_of(path), 1):
        fields = line.split()
        if number > head.num_lines and fields:
            num_rows += 1
            yield Row(f"{path}:{number}", fields)
    if not may_count_wrong and head.count is not None and num_rows < head.count:
        report(f"{path}:1: says {head.count} rows, but {num_rows} follow: {AGAIN}")


def read_head(path: Path, *, has_columns: bool) -> Head:
    """Read what stands above the rows; raises as `read_rows`."""
    check_input(path, "list")
    lines = lines_of(path)
    first = next(lines, "").strip()
    if first.startswith("<"):
        raise InputError(f"{path}:1: a web page, no list: a download was refused; {AGAIN}")
    if not first.isdecimal():
        raise InputError(f"{path}:1: expected the number of rows, got {first[:40]!r}: {AGAIN}")
    if not has_columns:
        return Head(int(first), [], 1)
    columns = next(lines, "").split()
    if not columns or any(is_number(column) or "/" in column for column in columns):
        got = " ".join(columns)[:40]
        raise InputError(f"{path}:2: expected the names of the columns, got {got!r}: {AGAIN}")
    return Head(int(first), columns, 2)


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text in UTF-8, with any ends and without a byte order mark."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}): {AGAIN}") from error


def read_names(path: Path, report: Report, *, has_types: bool) -> tuple[list[str], list[int]]:
    """Read names that may hold spaces, each with the number of its type behind it or without.

    Returns:
        Names, and types counted from 0; types are empty without ``has_types``.

    Raises:
        InputError: a list that cannot be used at all.
    """
    names, types = [], []
    for row in read_rows(path, report, may_count_wrong=True):
        fields = row.fields
        if has_types and (len(fields) < 2 or not fields[-1].isdecimal() or int(fields[-1]) < 1):
            report(f"{row.where}: expected a name and the number of its type, got {fields}")
            fields = [*fields, "1"]  # keeps the numbers of the names behind it
        names.append(" ".join(fields[:-1] if has_types else fields))
        types += [int(fields[-1]) - 1] if has_types else []
    if not names:
        raise InputError(f"{path}: no name in it: {AGAIN}")
    return names, types


def read_labels(
    path: Path, num_labels: int, rows: dict[str, int], report: Report, *, has_columns: bool = True
) -> Labels:
    """Read a matrix of -1, 0 and 1; a file of 289,222 rows of 1000 in seconds, row by row.

    Args:
        path: path of a list whose rows are a key and ``num_labels`` numbers.
        num_labels: number of labels in every row.
        rows: row of the labels of each key; other keys are left out.
        report: function that takes a line about rows that are not as expected, come twice, or lack.
        has_columns: whether the second line names the columns.

    Raises:
        InputError: a list that cannot be used at all.
    """
    head = read_head(path, has_columns=has_columns)
    labels = LabelsWriter(len(rows), num_labels)
    seen = np.zeros(len(rows), np.int64)
    count = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number <= head.num_lines or not (parts := line.split(None, 1)):
                continue
            count += 1
            row = rows.get(parts[0].decode(errors="replace"), -1)
            if row < 0:
                continue
            values = parse_labels(parts[1] if len(parts) > 1 else b"", num_labels)
            if values is None:
                report(f"{path}:{number}: {_labels_fault(parts, num_labels)}")
            elif seen[row]:
                report(f"{path}:{number}: {_key(parts)} comes twice, before in line {seen[row]}")
            else:
                labels.set(row, values)
            seen[row] = seen[row] or number
    if head.count is not None and count < head.count:
        report(f"{path}:1: says {head.count} rows, but {count} follow: {AGAIN}")
    report_missing(path, rows, seen > 0, report)
    return labels.done()


def parse_labels(text: bytes, number: int) -> NDArray[np.int8] | None:
    """Numbers -1, 0 and 1 apart by spaces; None if it is not ``number`` of them."""
    if text.translate(None, b" \t\r\n-01") or b"0-" in text or b"1-" in text:
        return None
    codes = np.frombuffer(b" " + text, np.uint8)
    digits = np.flatnonzero(codes > MINUS)
    before = codes[digits - 1]
    is_negative = before == MINUS
    if len(digits) != number or before.max(initial=0) > MINUS:
        return None
    if np.count_nonzero(is_negative) != text.count(b"-"):
        return None
    ones = (codes[digits] & 1).view(np.int8)
    return np.where(is_negative, -ones, ones)


def report_missing(
    path: Path, keys: Sequence[str] | dict[str, int], is_there: NDArray[np.bool_], report: Report
) -> None:
    """Report, in one line, the keys that a list has no good row for."""
    missing = np.flatnonzero(~is_there)
    if len(missing):
        names = list(keys)
        others = f" (nor for {len(missing) - 1} others)" if len(missing) > 1 else ""
        report(f"{path}: no row for {names[missing[0]]}{others}, which other lists name: {AGAIN}")


def _labels_fault(parts: list[bytes], number: int) -> str:
    tokens = parts[1].split() if len(parts) > 1 else []
    if len(tokens) != number:
        return f"expected {number} labels behind {_key(parts)}, got {len(tokens)}"
    wrong = next(token for token in tokens if token not in (b"-1", b"0", b"1"))
    return f"expected labels of 1, 0 or -1, got {wrong.decode(errors='replace')!r}"


def _key(parts: list[bytes]) -> str:
    return parts[0].decode(errors="replace")
