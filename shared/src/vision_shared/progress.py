"""How far a long command is, in frames or images and how many a second, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as RemainingColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0


def show_progress(
    name: str, total: int | None, unit: str
) -> AbstractContextManager[Callable[[], None]]:
    """Enter a context whose value is to be called once per finished frame, image or the like.

    A bar on a terminal; elsewhere (a log, a pipe) a plain line every few seconds.

    Args:
        name: name of the work, e.g. the file's name.
        total: number that is expected, as far as it is known.
        unit: unit that is counted, e.g. ``frames``.
    """
    console = Console(stderr=True)
    return _bar(console, name, total, unit) if console.is_terminal else _lines(name, total, unit)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f} {self.unit}/s")


@contextmanager
def _bar(console: Console, name: str, total: int | None, unit: str) -> Iterator[Callable[[], None]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        RemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def _lines(name: str, total: int | None, unit: str) -> Iterator[Callable[[], None]]:
    start = printed = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal done, printed
        done += 1
        now = time.monotonic()
        if now - printed >= SECONDS_BETWEEN_LINES:
            printed = now
            of_total = f"/{total}" if total else ""
            rate = done / (now - start)
            print(f"{name}: {done}{of_total} {unit}, {rate:.1f} {unit}/s", file=sys.stderr)

    yield advance
