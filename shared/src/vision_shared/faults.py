"""Faults of data sets: how readers report them, and where in a file they are."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from vision_shared.inputs import InputError

Report = Callable[[str], None]
"""Takes a fault, one line that names the file; a reader whose report returns leaves out the row,
and goes on."""

MAX_NAMED = 3
"""How many of several files a fault names; it counts the others."""


def stop(fault: str) -> NoReturn:
    """A `Report` that raises `InputError`: the first fault ends the reading."""
    raise InputError(fault)


def name_some(names: list[str]) -> str:
    """The first of some names, and how many others there are.

    >>> name_some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 others'
    """
    others = len(names) - MAX_NAMED
    more = f" and {others} other{'s' if others > 1 else ''}" if others > 0 else ""
    return ", ".join(names[:MAX_NAMED]) + more


def line_of(path: Path, name: str) -> str:
    """``path:line`` of the first row of an image, for messages; the path alone if there is none.

    A name is looked for without its suffix, for images may have been converted.
    """
    if path.suffix not in (".txt", ".csv") or not path.is_file():
        return str(path)
    stem = re.escape(name.rpartition(".")[0] or name)
    field = re.compile(rf'(?:^|[\s,;"/\\]){stem}(?:[.\s,;"]|$)')
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if field.search(line):
                return f"{path}:{number}"
    return str(path)
