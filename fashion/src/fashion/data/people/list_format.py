"""Writes lists as DeepFashion's are: a count, columns, rows padded with spaces."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fashion.data.taxonomy import SLOTS_OF_TYPE, TRUNCATED

NAME_WIDTH = 70
MAX_LANDMARKS = 8


def write_list(path: Path, columns: str, rows: Sequence[str]) -> None:
    """Write a count, the names of the columns if there are any, and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [str(len(rows)), *([columns] if columns else []), *rows]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def write_names(path: Path, columns: str, names: Iterable[str], types: Iterable[int]) -> None:
    """Write names with types, which count from 0 here and from 1 in the file."""
    rows = [f"{name:<31}{kind + 1}" for name, kind in zip(names, types, strict=True)]
    write_list(path, columns, rows)


def write_windows_names(path: Path, rows: Sequence[str]) -> None:
    """Write a list as Consumer-to-shop has its attributes: with a byte order mark and CRLF."""
    columns = "attribute_name_chinese   attribute_name   attribute_type"
    lines = [str(len(rows)), columns, *rows]
    path.write_text("\r\n".join(lines) + "\r\n", "utf-8-sig", newline="")


def padded(name: str, *fields: str) -> str:
    """Return a row: the name filled up with spaces, then the fields."""
    return f"{name:<{NAME_WIDTH}} {' '.join(fields)}"


def box_fields(box: Iterable[int]) -> list[str]:
    """Numbers with zeros before them."""
    return [f"{number:03d}" for number in box]


def label_fields(labels: np.ndarray) -> str:
    """Return labels (A,) of 1, -1 and 0 as the columns of a row."""
    return " ".join(f"{label:2d}" for label in labels.tolist()) + " "


def landmark_fields(kind: int, states: np.ndarray, landmarks: np.ndarray) -> list[str]:
    """Visibility, x and y of each landmark that the type (from 0) has; 000 000 where truncated."""
    fields = []
    for slot in SLOTS_OF_TYPE[kind]:
        x, y = landmarks[slot] if states[slot] != TRUNCATED else (0, 0)
        fields += [f"{states[slot]}", f"{x:03d}", f"{y:03d}"]
    return fields


def landmark_columns(*, has_variation: bool) -> str:
    """Return the line that names the columns of a list of landmarks."""
    numbers = range(1, MAX_LANDMARKS + 1)
    names = ("visibility_{0}", "location_x_{0}", "location_y_{0}")
    places = (f"landmark_{name.format(i)}" for i in numbers for name in names)
    kinds = "clothes_type  variation_type" if has_variation else "clothes_type"
    return f"image_name  {kinds}  {'  '.join(places)}"
