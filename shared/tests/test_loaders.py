"""Processes that load outlive the signals of a terminal or a scheduler, but not for ever."""

import os
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest
from torch.utils.data import Dataset

from vision_shared import loaders


class Numbers(Dataset):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> int:
        return index


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signalled_worker_loads_on(number: int) -> None:
    loader = loaders.evaluation_loader(Numbers(), 1, num_workers=1)
    iterator = iter(loader)
    assert next(iterator).tolist() == [0]
    (worker,) = iterator._workers  # type: ignore[union-attr]
    os.kill(worker.pid, number)
    assert [batch.item() for batch in iterator] == list(range(1, 12))
    assert worker.is_alive()
    loader._iterator = None
    del iterator
    worker.join(10)
    assert worker.exitcode == 0


def test_a_terminated_worker_ends_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "_GRACE", 1)
    ours, theirs = get_context("fork").Pipe()
    worker = get_context("fork").Process(target=load_for_ever, args=(theirs,), daemon=True)
    worker.start()
    ours.recv()
    worker.terminate()
    worker.join(10)
    assert worker.exitcode == -signal.SIGALRM


def load_for_ever(ready: Connection) -> None:
    loaders.start_worker(0)
    ready.send(True)
    while True:
        signal.pause()
