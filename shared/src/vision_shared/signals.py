"""Signals that end a command: it cleans up after each as it does after Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What `docker stop`, `timeout`, `scancel`, and a terminal that is closed send."""


class Terminated(BaseException):
    """A signal came that ends the process, as KeyboardInterrupt says of Ctrl-C.

    Attributes:
        signal: signal to handle.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)

    @property
    def exit_code(self) -> int:
        """What shells expect of a process that a signal ended: 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signal


@contextmanager
def ending_signals() -> Iterator[None]:
    """Have a signal of `ENDING` raise `Terminated` in the block, once; then clean up in peace.

    A signal that the process was started to ignore, as `nohup` does, is ignored. Outside of the
    main thread, which alone receives signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal received
        del frame
        if not received:  # `timeout` sends it twice, to the process and to its group
            received = True
            raise Terminated(number)

    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
