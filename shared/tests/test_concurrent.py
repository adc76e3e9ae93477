"""Threads before and behind: the order, errors, and that they end."""

import threading
import time
from collections.abc import Iterator

import pytest

from vision_shared.video.concurrent import Behind, ahead


def test_items_come_in_order_and_few_wait() -> None:
    begun: list[int] = []

    def count() -> Iterator[int]:
        for i in range(50):
            begun.append(i)
            yield i

    with ahead(count()) as items:
        assert next(items) == 0
        time.sleep(0.05)
        assert len(begun) < 10
        assert list(items) == list(range(1, 50))


def test_an_error_is_raised_where_its_item_would_be() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with ahead(fail()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_who_stops_early_leaves_no_thread() -> None:
    with ahead(iter(range(1000))) as items:
        next(items)
    assert "ahead" not in {thread.name for thread in threading.enumerate()}


def test_work_is_done_in_order_by_the_end_of_the_block() -> None:
    done: list[int] = []
    with Behind() as behind:
        for i in range(30):
            behind.do(done.append, i)
    assert done == list(range(30))


def test_nothing_is_done_after_an_error_which_is_raised() -> None:
    done: list[int] = []

    def work(i: int) -> None:
        if i == 2:
            raise ValueError("full")
        done.append(i)

    def give(behind: Behind) -> None:
        for i in range(30):
            behind.do(work, i)

    with pytest.raises(ValueError, match="full"), Behind() as behind:
        give(behind)
    assert done == [0, 1]


def test_an_error_in_the_block_goes_before_what_still_waits() -> None:
    done: list[int] = []
    gate = threading.Event()

    def give_up(behind: Behind) -> None:
        behind.do(gate.wait)
        behind.do(done.append, 1)
        threading.Timer(0.05, gate.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Behind() as behind:
        give_up(behind)
    assert done == []
