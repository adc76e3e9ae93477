"""Tables of whole numbers in text: a row holds an image's name and its values.

    202599                                   how many rows: may be left out
    5_o_Clock_Shadow Arched_Eyebrows         names of the columns: may be left out
    000001.jpg -1  1                         fields apart by spaces and tabs, or by commas

CelebA's official files look so: one of 202,599 rows is read with numpy alone, and every row of it
is checked. CSV files, as Kaggle has of them, are read by `vision_shared.csv_tables`.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_shared.csv_tables import CsvTable, expect_columns, read_csv
from vision_shared.faults import Report, stop
from vision_shared.inputs import InputError, check_input, new_file

Names = NDArray[np.bytes_]
"""Names of images, (N,), UTF-8: 202,599 of them load in a millisecond, as strings in 20."""

Choice = Callable[[Sequence[str]], Sequence[str]]
"""Takes the names of a heading, empty without one; returns those of the columns to read."""

NEW_LINE = 10
IS_SEPARATOR = np.isin(np.arange(256), np.frombuffer(b" \t\r\n,", np.uint8))
MAX_DIGITS = 9


@dataclass(frozen=True)
class NumberTable:
    """The rows of a file that have no fault.

    Attributes:
        path: path of the file.
        columns: their names, without the one of the images; empty where the file has no heading.
        names: names of the images, (N,).
        values: (N, C).
        lines: lines of the file, counted from 1, where the rows stand, (N,).
    """

    path: Path
    columns: tuple[str, ...]
    names: Names
    values: NDArray[np.int32]
    lines: NDArray[np.int64]

    def rows_of(self, names: Names) -> NDArray[np.intp]:
        """The row of each name, -1 for a name that is not in the table."""
        if np.array_equal(self.names, names):
            return np.arange(len(names))
        if not len(self.names):
            return np.full(len(names), -1)
        order = np.argsort(self.names)
        place = np.searchsorted(self.names, names, sorter=order)
        rows = order[np.minimum(place, len(order) - 1)]
        return np.where(self.names[rows] == names, rows, -1)


def read_table(
    path: Path, columns: Sequence[str] | Choice | None = None, report: Report = stop
) -> NumberTable:
    """Read and check a file.

    Args:
        path: path of the file; that of a CSV file has to end in .csv.
        columns: names of those that the table returns, in this order, whatever their
            order in a file with a heading, or a choice by the heading; None takes all that it
            names.
        report: function that takes a line about rows with a wrong count of values, values that are
            no whole numbers, names
            that come twice, and a wrong count of rows.

    Raises:
        InputError: not there, empty, no text, a web page, without the heading that is needed, or
            with columns missing or unknown.
    """
    choose = columns if callable(columns) else lambda _: columns
    if path.suffix == ".csv":
        heading = read_csv(path)
        select = _selection(heading.where, heading.columns, choose(heading.columns))
        return select(_read_csv_body(heading, report))
    check_input(path, "table")
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"<":
        raise InputError(f"{path}:1: a web page, no table: a download was refused; get it again")
    _expect_utf8(path, data)
    count, named, num_lines = _read_head(path, data)
    if columns is None and not named:
        raise InputError(f"{path}:{num_lines + 1}: expected a line with the names of the columns")
    expected = choose(named)
    select = _selection(f"{path}:{num_lines}", named, expected)
    start = 0
    for _ in range(num_lines):
        start = data.find(b"\n", start) + 1 or len(data)
    num_values = len(named or expected or ())
    table = _read_body(path, data[start:], named, num_values, num_lines, report)
    if count is not None and count != len(table.names):
        report(f"{path}:1: says {count} rows, but {len(table.names)} good ones follow")
    return select(table)


def write_table(
    path: Path, names: Names, values: NDArray[np.integer], columns: Sequence[str] = ()
) -> None:
    """Write a file as CelebA's are: with columns also the count of rows and a heading.

    Args:
        path: path of the file, which is replaced if it exists.
        names: (N,).
        values: (N, C).
        columns: their names, C or, if the first stands for the images, C + 1.
    """
    head = [str(len(names)), " ".join(columns) + " "] if columns else []
    rows = (
        f"{name.decode()} {' '.join(f'{value:2d}' for value in row)}"
        for name, row in zip(names, values.tolist(), strict=True)
    )
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text("\n".join([*head, *rows]) + "\n", "utf-8", newline="\n")


def _selection(
    where: str, named: tuple[str, ...], expected: Sequence[str] | None
) -> Callable[[NumberTable], NumberTable]:
    """Selects the expected columns, in their order; raises as `expect_columns`."""
    if expected is None or not named:
        return lambda table: table
    positions = expect_columns(where, named, expected)
    return lambda table: replace(table, columns=tuple(expected), values=table.values[:, positions])


def _read_csv_body(table: CsvTable, report: Report) -> NumberTable:
    names, lines, values = [], array("q"), array("i")
    for row in table.rows(report):
        try:
            numbers = table.whole_numbers(row)
        except InputError as error:
            report(str(error))
            continue
        names.append(row.image.encode())
        lines.append(row.line)
        values.extend(numbers)
    shape = (len(names), len(table.columns))
    return NumberTable(
        table.path,
        table.columns,
        np.array(names, np.bytes_),
        np.array(values, np.int32).reshape(shape),
        np.array(lines, np.int64),
    )


def _expect_utf8(path: Path, data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 text ({error.reason})") from error


def _read_head(path: Path, data: bytes) -> tuple[int | None, tuple[str, ...], int]:
    """The count of rows, the names of the columns, and how many lines they take."""
    count, columns, num_lines = None, (), 0
    lines = [_fields(line) for line in data[: 1 << 16].split(b"\n", 2)[:2]]
    if len(lines[0]) == 1 and lines[0][0].isdigit():
        count, num_lines = int(lines.pop(0)[0]), 1
    if lines and lines[0] and not lines[0][-1].removeprefix(b"-").isdigit():
        columns = tuple(field.decode() for field in lines[0])
        if columns[0] == "image_id":
            columns = columns[1:]
        num_lines += 1
    return count, columns, num_lines


def _fields(line: bytes) -> list[bytes]:
    return line.replace(b",", b" ").split()


def _read_body(
    path: Path,
    body: bytes,
    columns: tuple[str, ...],
    num_values: int,
    num_lines: int,
    report: Report,
) -> NumberTable:
    buffer = np.frombuffer(b"\n" + body + b"\n", np.uint8)
    starts, ends = _find_fields(buffer)
    breaks = np.searchsorted(starts, np.flatnonzero(buffer == NEW_LINE))  # fields before each
    counts = np.diff(breaks)
    lines = np.arange(len(counts)) + num_lines + 1
    for row in np.flatnonzero((counts > 0) & (counts != num_values + 1)):
        got = f"got {counts[row] - 1}"
        report(f"{path}:{lines[row]}: expected a name and {num_values} values, {got}")
    good = np.flatnonzero(counts == num_values + 1)
    fields = breaks[good][:, None] + np.arange(num_values + 1)
    names = _text(buffer, starts[fields[:, 0]], ends[fields[:, 0]])
    values, is_number = _integers(buffer, starts[fields[:, 1:]], ends[fields[:, 1:]])
    table = NumberTable(path, columns, names, values, lines[good])
    for row, column in np.argwhere(~is_number):
        field = fields[row, column + 1]
        text = buffer[starts[field] : ends[field]].tobytes().decode(errors="replace")
        report(f"{path}:{lines[good[row]]}: expected whole numbers, got {text!r}")
    return _keep_first(_take(table, np.flatnonzero(is_number.all(axis=1))), report)


def _find_fields(buffer: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where fields begin, and behind which byte they end; the buffer is bounded by separators."""
    is_separator = IS_SEPARATOR[buffer]
    edges = np.flatnonzero(is_separator[1:] != is_separator[:-1]) + 1
    return edges[0::2], edges[1::2]


def _text(buffer: NDArray[np.uint8], starts: NDArray, ends: NDArray) -> Names:
    """Fields as bytes of one length, those of shorter ones being 0."""
    longest = int((ends - starts).max(initial=1))
    out = np.zeros((len(starts), longest), np.uint8)
    for place in range(longest):
        at = starts + place
        out[:, place] = np.where(at < ends, buffer[np.minimum(at, len(buffer) - 1)], 0)
    return out.view(f"S{longest}").ravel()


def _integers(
    buffer: NDArray[np.uint8], starts: NDArray, ends: NDArray
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Fields as numbers, and whether they are whole numbers of at most `MAX_DIGITS` digits."""
    is_negative = buffer[starts] == ord("-")
    firsts = starts + is_negative
    lengths = ends - firsts
    is_number = (lengths > 0) & (lengths <= MAX_DIGITS)
    values = np.zeros(starts.shape, np.int32)
    for place in range(min(int(lengths.max(initial=0)), MAX_DIGITS)):
        digits = buffer[np.minimum(firsts + place, len(buffer) - 1)] - np.uint8(ord("0"))
        is_inside = place < lengths
        is_number &= ~is_inside | (digits <= 9)
        values = np.where(is_inside, values * 10 + digits, values)
    return np.where(is_negative, -values, values), is_number


def _keep_first(table: NumberTable, report: Report) -> NumberTable:
    """The table without rows whose name came before."""
    order = np.argsort(table.names, kind="stable")
    ordered = table.names[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    for place in again:
        earlier, later = order[place], order[place + 1]
        report(
            f"{table.path}:{table.lines[later]}: {table.names[later].decode(errors='replace')} "
            f"comes twice, before in line {table.lines[earlier]}"
        )
    return _take(table, np.setdiff1d(np.arange(len(order)), order[again + 1]))


def _take(table: NumberTable, rows: NDArray[np.intp]) -> NumberTable:
    if len(rows) == len(table.names):
        return table
    return NumberTable(
        table.path, table.columns, table.names[rows], table.values[rows], table.lines[rows]
    )
