"""Decoding ahead of what a network does, and encoding behind it, in threads of their own.

FFmpeg and torch let other threads run while they work, so that the three share a machine's cores.
What waits between them is bounded; the order of everything is that of one thread.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")

_WAITING = 4
"""Items that wait for another thread at most."""

_PATIENCE = 0.05  # seconds between looks at whether the other thread has given up


@contextmanager
def ahead(items: Iterable[Item]) -> Iterator[Iterator[Item]]:
    """Iterate in a thread of its own, a few items ahead of who takes them.

    An error of the iteration is raised where its item would have been taken. At the end of the
    block the thread has ended, whether all was taken or not.
    """
    producer = _Producer(items)
    thread = Thread(target=producer.run, name="ahead", daemon=True)
    thread.start()
    try:
        yield producer.taken()
    finally:
        producer.stop.set()
        thread.join()


class _Producer:
    """Puts items, and at last an error or the end, into a queue, until it is told to stop."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self._queue: Queue[tuple[str, Any]] = Queue(_WAITING)
        self.stop = Event()

    def run(self) -> None:
        try:
            for item in self._items:
                if not self._put("item", item):
                    return
        except BaseException as error:  # raised again by who takes items
            self._put("error", error)
        else:
            self._put("end", None)

    def taken(self) -> Iterator[Any]:
        while True:
            kind, value = self._queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    def _put(self, kind: str, value: Any) -> bool:
        """Return whether it has been put; not once nothing is taken any more."""
        while not self.stop.is_set():
            try:
                self._queue.put((kind, value), timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False


class Behind:
    """Does work in a thread of its own, in the order in which it is given; few pieces wait.

    A context manager: at its end all is done. An error of the work is raised by the next `do`, or
    at the end; nothing is done after it, nor after an error in the block.
    """

    def __init__(self) -> None:
        self._queue: Queue[tuple[Callable[..., object], tuple[Any, ...]] | None] = Queue(_WAITING)
        self._error: BaseException | None = None
        self._given_up = False
        self._thread = Thread(target=self._work, name="behind", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def do(self, work: Callable[..., object], *arguments: Any) -> None:
        """Have ``work(*arguments)`` done; wait where too much is waiting already."""
        if self._error is not None:
            raise self._error
        self._queue.put((work, arguments))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._given_up = kind is not None
        self._queue.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (piece := self._queue.get()) is not None:
            if self._error is not None or self._given_up:
                continue
            work, arguments = piece
            try:
                work(*arguments)
            except BaseException as error:  # raised again in the other thread
                self._error = error
