"""How a script of the check takes its arguments and says what it found."""

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Report:
    """Rows of a table, written after each: a script that is killed has told the rest."""

    def __init__(self, device: str, path: Path) -> None:
        self.device, self._path = device, path
        self.rows: list[dict[str, Any]] = []
        self.is_whole = True

    @property
    def is_cuda(self) -> bool:
        return self.device == "cuda"

    def add(self, what: str, value: Any, bar: float | None = None, *, most: bool = False) -> None:
        """Add a row; a bar is the least value, or with ``most`` the largest."""
        met = None
        if bar is not None:
            met = bool(value <= bar if most else value >= bar)
        print(f"{what}: {value}{'' if met is None else f' (bar {bar:g})'}", flush=True)
        self.rows.append({"what": what, "value": value, "bar": bar, "met": met})
        self._path.write_text(json.dumps(self.rows, indent=1, default=str))

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """Do a part; what it raises becomes a row, and the next part is done."""
        try:
            work()
        except Exception as error:
            traceback.print_exc()
            self.is_whole = False
            self.add(what, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def run(work: Callable[[Report], None]) -> None:
    """Run a script of the check, and exit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device is here")
    report = Report(options.device, options.json)
    work(report)
    sys.exit(0 if report.is_whole else 1)
