"""What benchmarks promise, whether it was reached, and how a script says so."""

import argparse
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
_rows: list[Row] = []


def verdict(reached: float, bar: float | None, what: str = "") -> str:
    """Return a table's cell, and remember it under a name, if there is one, for `finish`."""
    met = None if bar is None else reached >= bar
    if what:
        _rows.append({"what": what, "value": reached, "bar": bar, "met": met})
    if bar is None:
        return f"{reached:.2f}"
    return f"{reached:.2f} (bar {bar:g}: {'met' if met else 'MISSED'})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what lets a script be a part of a check."""
    parser.add_argument(
        "--device", choices=("all", "cuda"), default="all", help="cuda leaves out the CPU's parts"
    )
    parser.add_argument("--json", type=Path, help="write what was reached to this file")


def finish(path: Path | None) -> int:
    """Write the file; return 1 if a bar was missed, else 0. Without a file, nothing is asked."""
    if path is None:
        return 0
    path.write_text(json.dumps(_rows, indent=1))
    return int(any(row["met"] is False for row in _rows))
