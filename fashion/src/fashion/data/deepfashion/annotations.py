"""Annotations that the lists of DeepFashion's benchmarks share: splits, items, boxes, landmarks.

    list_eval_partition.txt   NAME STATUS
    list_bbox*.txt            NAME [TYPE POSE_OR_SOURCE] x_1 y_1 x_2 y_2
    list_landmarks*.txt       NAME TYPE [VARIATION] (VISIBILITY x y) * 6, 4 or 8 by the type

Only Category and Attribute Prediction has no VARIATION, though its README says so. Places are taken
as they stand: whether they count from 0 or 1 is documented nowhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fashion.data.deepfashion.files import Files
from fashion.data.deepfashion.parsing import AGAIN, Row, read_rows, report_missing
from fashion.data.garments import Columns, unknown_columns
from fashion.data.taxonomy import (
    SLOTS_OF_TYPE,
    SPLITS,
    STATES,
    TRUNCATED,
    TYPES,
    UNKNOWN,
    VARIATIONS,
)
from vision_shared.faults import Report, name_some
from vision_shared.inputs import InputError


def matched(
    path: Path, rows: Mapping[str, int], report: Report, first: int = 1
) -> Iterator[tuple[int, Row, list[int]]]:
    """Where the numbers of each row of a list go: the place in ``rows``, the row, its numbers.

    Rows of other images are left out. Reports what is no number, comes twice, or lacks.
    """
    lines: dict[int, str] = {}
    for row in read_rows(path, report):
        place = rows.get(row.fields[0], -1)
        if place < 0:
            continue
        if place in lines:
            report(f"{row.where}: {row.fields[0]} comes twice, before in {lines[place]}")
            continue
        lines[place] = row.where
        try:
            yield place, row, row.numbers(first)
        except InputError as error:
            report(str(error))
    is_there = np.zeros(len(rows), bool)
    is_there[list(lines)] = True
    report_missing(path, list(rows), is_there, report)


def read_splits(files: Files, report: Report) -> tuple[dict[str, int], Columns]:
    """The places of a partition's images, by their names, and columns with their splits.

    Raises:
        InputError: a list that cannot be used at all.
    """
    partition = read_partition(files.lists["partition"], SPLITS, 2, report)
    pictures = unique_pictures(partition, report)
    columns = unknown_columns(len(pictures))
    columns.splits[:] = [SPLITS.index(row.fields[1]) for row in pictures.values()]
    return places(pictures), columns


def read_partition(
    path: Path, statuses: Sequence[str], num_fields: int, report: Report
) -> Iterator[Row]:
    """Rows of a partition whose last field is a status; reports others.

    Raises:
        InputError: a list that cannot be used at all.
    """
    for row in read_rows(path, report):
        if len(row.fields) != num_fields:
            got = len(row.fields)
            report(f"{row.where}: expected {num_fields} fields, got {got}: another benchmark's?")
        elif row.fields[-1] not in statuses:
            known = ", ".join(statuses)
            report(f"{row.where}: status {row.fields[-1]!r}, expected one of {known}")
        else:
            yield row


def unique_pictures(partition: Iterator[Row], report: Report) -> dict[str, Row]:
    """Rows by the name of their image; reports one that comes twice."""
    pictures: dict[str, Row] = {}
    for row in partition:
        earlier = pictures.setdefault(row.fields[0], row)
        if earlier is not row:
            report(f"{row.where}: {row.fields[0]} comes twice, before in {earlier.where}")
    return pictures


def places(pictures: Mapping[str, Row]) -> dict[str, int]:
    """The number of each image, in their order."""
    return {name: place for place, name in enumerate(pictures)}


def item_number(text: str, where: str) -> int:
    """From id_00000001 to 1; raises `InputError`."""
    digits = text.removeprefix("id_")
    if not digits.isdecimal():
        raise InputError(f"{where}: expected an item as id_00000001, got {text!r}")
    return int(digits)


def check_items(path: Path, items: np.ndarray, report: Report) -> None:
    """Report items of images that a list of items lacks, and those that no image shows.

    Args:
        path: path of a list that has an item a line, as id_00000001, below their count.
        items: items of the images.
        report: function that takes a line about these and of rows that are no item.
    """
    listed = set()
    for row in read_rows(path, report, has_columns=False):
        try:
            listed.add(item_number(row.fields[0], row.where))
        except InputError as error:
            report(str(error))
    shown = set(items[items != UNKNOWN].tolist())
    for numbers, fault in (
        (shown - listed, "not in it, but the partition has images of it"),
        (listed - shown, "without an image in the partition"),
    ):
        if numbers:
            names = [f"id_{number:08d}" for number in sorted(numbers)]
            report(f"{path}: {name_some(names)}: {fault}: {AGAIN}")


def fill_boxes(
    path: Path,
    rows: Mapping[str, int],
    columns: Columns,
    report: Report,
    second: Callable[[int, int], str | None] | None = None,
) -> None:
    """Fill in the boxes of a list.

    Args:
        path: path of the list.
        rows: rows of ``columns``, by the name of the image.
        columns: columns that are changed.
        report: function that takes a line about faults.
        second: function for rows that begin with the type and another number: takes the row and
            that number; returns what was expected of it where it is no good.
    """
    given = 4 if second is None else 6
    for place, row, numbers in matched(path, rows, report):
        if len(numbers) != given:
            report(f"{row.where}: expected {given} numbers, got {len(numbers)}")
            continue
        x1, y1, x2, y2 = numbers[-4:]
        if x2 <= x1 or y2 <= y1:
            report(f"{row.where}: expected x_1 < x_2 and y_1 < y_2, got {x1} {y1} {x2} {y2}")
            continue
        columns.boxes[place] = x1, y1, x2, y2
        if second is not None:
            fault = _type_fault(numbers[0]) or second(place, numbers[1])
            if fault:
                report(f"{row.where}: {fault}")
            else:
                columns.types[place] = numbers[0] - 1


def fill_landmarks(
    path: Path, rows: Mapping[str, int], columns: Columns, report: Report, *, has_variation: bool
) -> None:
    """Fill in types, variations, landmarks and their states from a list.

    Args:
        path: path of the list.
        rows: rows of ``columns``, by the name of the image.
        columns: columns that are changed.
        report: function that takes a line about unknown types, variations and visibility
            codes, and wrong counts.
        has_variation: whether a number of `taxonomy.VARIATIONS` stands behind the type.
    """
    for place, row, numbers in matched(path, rows, report):
        fault = _landmarks_fault(numbers, has_variation)
        if fault:
            report(f"{row.where}: {fault}")
            continue
        columns.types[place] = numbers[0] - 1
        if has_variation:
            columns.variations[place] = numbers[1]
        slots = list(SLOTS_OF_TYPE[numbers[0] - 1])
        triples = np.array(numbers[1 + has_variation :]).reshape(-1, 3)
        cut_off = triples[:, 0] == TRUNCATED
        columns.states[place, slots] = triples[:, 0]
        columns.landmarks[place, slots] = np.where(cut_off[:, None], 0, triples[:, 1:])


def _type_fault(number: int) -> str | None:
    if 1 <= number <= len(TYPES):
        return None
    return f"clothes type {number}, expected 1 (upper), 2 (lower) or 3 (full)"


def _landmarks_fault(numbers: list[int], has_variation: bool) -> str | None:
    """What is wrong with the numbers of a row, if anything."""
    if not numbers or (fault := _type_fault(numbers[0])):
        return fault if numbers else "expected a clothes type and landmarks, got nothing"
    num_landmarks = len(SLOTS_OF_TYPE[numbers[0] - 1])
    expected = 1 + has_variation + 3 * num_landmarks
    if len(numbers) != expected:
        what = "clothes type, variation type" if has_variation else "clothes type"
        return (
            f"expected {what} and {num_landmarks} landmarks, {expected} numbers, "
            f"got {len(numbers)}: another benchmark's list?"
        )
    if has_variation and not 1 <= numbers[1] <= len(VARIATIONS):
        return f"variation type {numbers[1]}, expected 1 to {len(VARIATIONS)}"
    codes = numbers[1 + has_variation :: 3]
    wrong = next((code for code in codes if not 0 <= code < len(STATES)), None)
    if wrong is not None:
        return f"visibility {wrong}, expected 0 (visible), 1 (occluded) or 2 (truncated)"
    return None
