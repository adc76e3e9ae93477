"""A second Ctrl-C ends a process at once, whatever it is waiting for.

Python calls a handler of signals when the main thread is back from C: after a step of seconds, or
while it waits for loaders to end. The byte that its C handler writes arrives at once.
"""

import multiprocessing
import os
import signal
import threading
import time

from vision_shared.unfinished import remove_own

SECONDS_TO_REPEAT = 0.5
"""A second Ctrl-C counts after this time: some runners pass one on twice."""


def end_at_second_interrupt(command: str) -> None:
    """From now on to the process's end, have a second Ctrl-C end it with exit code 130.

    What it was writing is removed, and the processes that it has started are killed.

    Args:
        command: name of the command, for the line.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, command), daemon=True).start()


def _watch(reading: int, command: str) -> None:
    first: float | None = None
    while True:
        interrupts = os.read(reading, 64).count(signal.SIGINT)
        now = time.monotonic()
        if interrupts and first is None:
            first = now
        elif interrupts and first is not None and now - first > SECONDS_TO_REPEAT:
            _end(command)


def _end(command: str) -> None:
    os.write(2, f"\n{command}: ended at once\n".encode())  # print may be in the midst of a line
    for child in multiprocessing.active_children():
        child.kill()
    remove_own()
    os._exit(128 + signal.SIGINT)
