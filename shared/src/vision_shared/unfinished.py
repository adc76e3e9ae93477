"""Half-written outputs, which no killed process leaves behind for long.

What is being written lies in a hidden folder beside what it becomes, with a file that the writer
keeps locked. The kernel gives up the lock of a process however it dies, so that a folder whose lock
is free belongs to no one: the next process that writes there removes it.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

PREFIX = ".unfinished-"

_LOCK = "lock"
_own: set[Path] = set()
_OLD = 600.0  # seconds after which a folder without a lock file was abandoned, not just begun


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Yield where to write what is to become ``path``; no one moves it there but the caller.

    Its name is that of ``path``, in a hidden folder of the same file system, which is removed in
    the end with all that is left in it. The folder of ``path`` is made where it is missing.
    """
    parent = path.parent
    parent.mkdir(parents=True, exist_ok=True)
    _remove_strays_once(parent.absolute())
    holder, lock = _hold(parent)
    _own.add(holder)
    try:
        yield holder / path.name
    finally:
        shutil.rmtree(holder, ignore_errors=True)
        _own.discard(holder)
        os.close(lock)


def remove_own() -> None:
    """Remove what this process is writing, which ends without leaving its blocks."""
    for holder in list(_own):
        shutil.rmtree(holder, ignore_errors=True)


def remove_strays(folder: Path) -> None:
    """Remove the half-written outputs in a folder whose writers are dead."""
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    for holder in found:
        if _is_abandoned(holder):
            shutil.rmtree(holder, ignore_errors=True)


@cache
def _remove_strays_once(folder: Path) -> None:
    remove_strays(folder)  # not at each output: a folder may have 100,000 of them


def _hold(parent: Path) -> tuple[Path, int]:
    """Make a folder with a lock that is ours; return both."""
    while True:
        holder = parent / f"{PREFIX}{secrets.token_hex(4)}"
        holder.mkdir()
        try:
            lock = os.open(holder / _LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except BaseException:
            shutil.rmtree(holder, ignore_errors=True)
            raise
        # between the two steps another process may take it for a stray
        if try_lock(lock) is not False and (holder / _LOCK).exists():
            return holder, lock
        os.close(lock)


def _is_abandoned(holder: Path) -> bool:
    try:
        lock = os.open(holder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return holder.is_dir() and time.time() - holder.stat().st_mtime > _OLD
    except OSError:  # another user's
        return False
    try:
        return try_lock(lock) is True
    finally:
        os.close(lock)


def try_lock(file: int, *, shared: bool = False) -> bool | None:
    """Lock an open file without waiting; None where its file system knows no locks.

    Args:
        file: its descriptor; the lock ends when all copies of it are closed, at the latest when the
            process and those it was forked into are dead.
        shared: others may have a shared lock at the same time.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
