"""Start of a command line, and its end where no one reads on."""

import os
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

NO_READER = 128 + 13
"""Exit code of a command whose reader has gone, as of ``COMMAND | head``: SIGPIPE is 13."""


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Run the main function of a command and exit with its code.

    Where the reader of its output goes away, as in ``COMMAND | head``, the command ends at once and
    without a word; what it was writing is cleaned up.
    """
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, _end_without_reader)
    try:
        try:
            code = main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _end_without_reader()
        raise
    sys.exit(code)


def _end_without_reader(signum: int = 0, frame: FrameType | None = None) -> None:
    """Exit if standard output has lost its reader; another broken pipe is an error of its owner."""
    if not _has_lost_reader(sys.stdout.fileno()):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at exit
    sys.exit(NO_READER)


def _has_lost_reader(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
