"""Parsers that a damaged file can crash, run where a crash takes nothing along.

Some libraries (MATLAB's readers, HDF5) read out of bounds for bytes that are wrong, which ends the
process: no exception, no line for the user. So such files are converted once, in worker processes,
to a format that is read safely and quickly, and only that is read in the process that trains.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name

from vision_shared.inputs import InputError
from vision_shared.plain import one_line

Convert = Callable[[Path, Path], None]
"""Writes what is in the first file to the second; a function of a module, found by its name."""

MAX_SECONDS = 60
"""For one file; a damaged one may keep its reader busy for ever."""

MAX_BYTES = 8 * 2**30
"""Of memory that a worker may take; sizes in a damaged file may be anything."""


def convert_each(
    convert: Convert, pairs: Sequence[tuple[Path, Path]], num_workers: int = 1
) -> Iterator[tuple[Path, str | None]]:
    """Convert files in worker processes.

    Args:
        convert: raises InputError or OSError for a file that cannot be used.
        pairs: source and target of each.
        num_workers: processes; each takes a share of the pairs.

    Yields:
        The source, and in one line why it could not be converted, or None. A file that crashes its
        worker, or keeps it busy too long, is one line as well, and a new worker does the rest.
    """
    shares = [pairs[i::num_workers] for i in range(min(num_workers, len(pairs)))]
    running = [_Share(convert, share) for share in shares]
    try:
        while running:
            for share in list(running):
                result = share.next()
                if result is None:
                    running.remove(share)
                else:
                    yield result
    finally:
        for share in running:
            share.stop()


def convert_one(convert: Convert, source: Path, target: Path) -> None:
    """Convert a file in a worker process.

    Raises:
        InputError: it cannot be used, or crashes its reader.
    """
    ((_, fault),) = convert_each(convert, [(source, target)])
    if fault is not None:
        raise InputError(fault)


class _Share:
    """Pairs that one worker after another converts."""

    def __init__(self, convert: Convert, pairs: Sequence[tuple[Path, Path]]) -> None:
        self._name = f"{convert.__module__}:{convert.__qualname__}"
        self._waiting = list(pairs)
        self._start()

    def next(self) -> tuple[Path, str | None] | None:
        """Return the next result; None when all is done."""
        if not self._waiting:
            self.stop()
            return None
        source = self._waiting.pop(0)[0]
        timer = threading.Timer(MAX_SECONDS, self._process.kill)
        timer.start()
        line = self._output.readline()
        timer.cancel()
        if line.endswith("\n"):
            self._send()  # before the caller turns to the other shares
            return source, json.loads(line)
        self.stop()
        ended = _ending(self._process.returncode)
        self._start()
        return source, f"{source}: damaged: its reader {ended}; get the file again"

    def stop(self) -> None:
        """End the worker."""
        self._process.kill()
        self._process.communicate()

    def _start(self) -> None:
        # -P: nothing in the user's folder stands for a module; and no BLAS starts a thread
        command = [sys.executable, "-P", "-m", "vision_shared.isolation", self._name]
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._send()

    def _send(self) -> None:
        if self._waiting:
            with contextlib.suppress(BrokenPipeError):  # it has crashed: `next` says so
                self._input.write(json.dumps([str(path) for path in self._waiting[0]]) + "\n")
                self._input.flush()


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return f"took more than {MAX_SECONDS} s or too much memory"
    return f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"


def _work(name: str) -> None:
    """Convert the pairs that come on standard input; a line out for each line in."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MAX_BYTES if hard == resource.RLIM_INFINITY else min(MAX_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    convert: Convert = resolve_name(name)
    for line in sys.stdin:
        source, target = map(Path, json.loads(line))
        fault = None
        try:
            convert(source, target)
        except InputError as error:
            fault = str(error)
        except MemoryError:
            fault = f"{source}: damaged: its sizes need more memory than there is"
        except OSError as error:
            fault = f"{error.filename or source}: {error.strerror or error}"
        except Exception as error:  # of a parser, for bytes that no one has foreseen
            fault = f"{source}: damaged ({type(error).__name__}: {one_line(error)})"
        print(json.dumps(fault), flush=True)


if __name__ == "__main__":
    _work(sys.argv[1])
