"""The user's files: which ones, what became of them, and no half-written output.

Every command that takes files answers with an `ExitCode`, names each file it had to leave out in
one line, and writes a file whole or not at all.
"""

import argparse
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

from vision_shared.threads import choose_threads
from vision_shared.unfinished import unfinished

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".ogg", ".ogv", ".ts", ".webm", ".wmv"}
)
VIDEO_OUTPUTS = (".mp4", ".mkv", ".mov")


class ExitCode(IntEnum):
    """What a command line answers with."""

    DONE = 0
    NOTHING_DONE = 2  # a bad argument, or not one input that could be used
    PARTLY_DONE = 3  # something was written; an input, or the rest of one, was left out
    HUNG_UP = 129  # what shells expect after SIGHUP: the terminal was closed
    INTERRUPTED = 130  # after Ctrl-C
    TERMINATED = 143  # after SIGTERM


class InputError(ValueError):
    """A file or an argument of the user's that cannot be used; its message is one line for them."""


class CommandParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it.

    Arguments that are good have the command's threads chosen, before it imports torch.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse as ever; remember the arguments for `error`."""
        self._arguments = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Exit with one line and code 2, and name a file that was taken for an option."""
        files = [a for a in self._arguments if a.startswith("-") and Path(a).is_file()]
        hint = f"; name the file {files[0]} as ./{files[0]}" if files else ""
        self.exit(ExitCode.NOTHING_DONE, f"{self.prog}: {message}{hint}\n")

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse as argparse does, then choose the number of threads, before torch is imported."""
        options = super().parse_args(*args, **kwargs)
        choose_threads()
        return options

    def parse_intermixed_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse as argparse does, then choose the number of threads, before torch is imported."""
        options = super().parse_intermixed_args(*args, **kwargs)
        choose_threads()
        return options


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort by the numbers in the names: 2.png before 10.png.

    >>> import torch
    >>> [path.name for path in natural_order([Path("10.png"), Path("2.png")])]
    ['2.png', '10.png']
    """
    return sorted(paths, key=lambda path: re.sub(r"\d+", lambda m: m[0].zfill(20), path.name))


def missing_files(folder: Path, names: Sequence[bytes]) -> list[int]:
    """Return which of the named files are not there; 200,000 are looked for in half a second.

    Args:
        folder: folder that the names are relative to.
        names: encoded as by `os.fsencode`, with ``/`` between folders.

    Returns:
        Their indices in ``names``, ascending.
    """
    by_folder = defaultdict(list)
    for index, name in enumerate(names):
        inside, _, file = name.rpartition(b"/")
        by_folder[inside].append((index, file))
    missing = []
    for inside, files in by_folder.items():
        path = os.path.join(os.fsencode(folder), inside)
        there = set(os.listdir(path)) if os.path.isdir(path) else set()
        missing += [index for index, file in files if file not in there]
    return sorted(missing)


def check_input(path: Path, what: str) -> None:
    """Raise `InputError` unless ``path`` is a file with something in it; ``what``: "video", say."""
    if path.is_dir():
        raise InputError(f"{path}: a folder without a {what} file in it")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: an empty file, expected a {what}")


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raise `InputError` if ``path`` is a folder, or exists and ``overwrite`` is false."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the name of a file to write")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; choose another name or add --overwrite")


def process_each(
    inputs: Sequence[Path], process: Callable[[Path], str | None], report: Callable[[str], None]
) -> ExitCode:
    """Process every input; name and count those that could not be, or not whole.

    Args:
        inputs: inputs from `expand_inputs`.
        process: function that does one input. Returns None, or one line that says which part was
            left out; raises `InputError` or OSError when nothing could be written.
        report: function that takes a line for the user.
    """
    skipped = incomplete = 0
    for path in inputs:
        try:
            missing = process(path)
        except InputError as error:
            skipped += 1
            report(str(error))
        except OSError as error:
            skipped += 1
            report(f"{error.filename or path}: {error.strerror or error}")
        else:
            if missing is not None:
                incomplete += 1
                report(missing)
    if skipped and len(inputs) > 1:
        report(f"{skipped} of {len(inputs)} inputs skipped")
    if skipped == len(inputs):
        return ExitCode.NOTHING_DONE
    return ExitCode.PARTLY_DONE if skipped or incomplete else ExitCode.DONE


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same file system, which becomes ``path`` in the end.

    When the block raises (Ctrl-C included), what it wrote is removed and ``path`` is as before. The
    temporary file has the name of ``path``, and its folder is made where it is missing.

    Raises:
        InputError: as `check_output`.
    """
    check_output(path, overwrite=overwrite)
    with unfinished(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder in the same file system, which becomes ``path`` in the end.

    When the block raises (Ctrl-C included), the folder is removed and ``path`` is as before. An
    empty folder is as good as none.

    Args:
        path: path of the folder.
        overwrite: whether to replace a folder of numbered files (``00001.png``), as such a block
            writes them; one that holds anything else is never removed.

    Raises:
        InputError: ``path`` is a file, or a folder that may not be replaced; in the end, too, where
            another process has filled it meanwhile.
    """
    check_new_folder(path, overwrite=overwrite)
    with unfinished(path) as temporary:
        temporary.mkdir()
        yield temporary
        check_new_folder(path, overwrite=overwrite)
        replace_folder(path, temporary)


def replace_folder(path: Path, new: Path) -> None:
    """Put the folder ``new`` in the place of ``path``, if there is one, which is removed."""
    if path.exists():
        path.rename(new.with_name(f"{new.name}.replaced"))  # removed with all that is unfinished
    new.rename(path)


def check_new_folder(path: Path, *, overwrite: bool = False) -> None:
    """Raise `InputError` where `new_folder` would."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path}: is a file, expected the name of a folder to write")
    inside = list(path.iterdir())
    if inside and not overwrite:
        raise InputError(f"{path}: is not empty; choose another name or add --overwrite")
    foreign = next((file for file in inside if not _is_numbered(file)), None)
    if foreign is not None:
        raise InputError(f"{path}: is not replaced, for it holds {foreign.name}; choose another")


def _is_numbered(path: Path) -> bool:
    return path.stem.isdecimal() and path.is_file()
