"""Samples that cannot be read: in training another stands in, in evaluation they are left out."""

import logging
from typing import Any

import pytest
from torch.utils.data import DataLoader, Dataset

from vision_shared.datamodule import TaskData
from vision_shared.faulty_samples import MAX_IN_A_ROW, MAX_NAMED, SkippingSamples
from vision_shared.inputs import InputError
from vision_shared.loaders import evaluation_loader


class Numbers(Dataset[dict[str, Any]]):
    """Numbers, by themselves or with a seed, of which some cannot be read."""

    def __init__(self, size: int, faulty: set[int]) -> None:
        self.size, self.faulty = size, faulty

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int | tuple[int, int]) -> dict[str, Any]:
        number, seed = index if isinstance(index, tuple) else (index, 0)
        if number in self.faulty:
            raise InputError(f"{number}.jpg: damaged")
        return {"number": number, "seed": seed}


def numbers(loader: DataLoader[Any]) -> list[list[int]]:
    return [batch["number"].tolist() for batch in loader]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_evaluation_leaves_them_out(num_workers: int) -> None:
    samples = SkippingSamples(Numbers(6, {1, 4}), "evaluation", is_training=False)
    assert numbers(evaluation_loader(samples, 3, num_workers=num_workers)) == [[0, 2], [3, 5]]
    assert samples.faulty.tolist() == [False, True, False, False, True, False]


def test_a_batch_is_never_empty() -> None:
    samples = SkippingSamples(Numbers(4, {1, 2}), "evaluation", is_training=False)
    assert numbers(evaluation_loader(samples, 1, num_workers=0)) == [[0], [3], [3], [3]]


def test_training_takes_the_next_one_that_can_be_read() -> None:
    samples = SkippingSamples(Numbers(5, {3, 4}), "training", is_training=True)
    batch = samples.__getitems__([(2, 7), (3, 8), (4, 9)])
    assert [(sample["number"], sample["seed"]) for sample in batch] == [(2, 7), (0, 10), (0, 10)]


def test_the_first_are_named_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    size = MAX_NAMED + 5
    samples = SkippingSamples(Numbers(size, set(range(size - 2))), "training", is_training=True)
    for _ in range(2):  # epochs
        for number in range(size):
            samples[(number, 0)]
    named = [record.message for record in caplog.records if "damaged" in record.message]
    assert len(named) == MAX_NAMED and named[0] == "training: left out: 0.jpg: damaged"
    assert named[-1].endswith("; others are counted, not named")
    caplog.clear()
    samples.report()
    assert caplog.messages == [f"training: {size - 2} of {size} samples left out as faulty"]


@pytest.mark.parametrize("size", [3, 10 * MAX_IN_A_ROW])
def test_a_data_set_that_is_not_there_ends_the_run(size: int) -> None:
    samples = SkippingSamples(Numbers(size, set(range(size))), "training", is_training=True)
    with pytest.raises(InputError, match=rf"not one of {min(size, MAX_IN_A_ROW)} samples .*jpg"):
        samples[(0, 0)]


def task_data(on_fault: str) -> TaskData:
    data = TaskData(
        root="data",
        batch_size=2,
        eval_batch_size=2,
        epoch_size=None,
        num_workers=0,
        seed=0,
        on_fault=on_fault,  # type: ignore[arg-type]
    )
    data.train_set = data.val_set = data.test_set = Numbers(4, {1})
    return data


def test_a_datamodule_stops_or_skips(caplog: pytest.LogCaptureFixture) -> None:
    stopping, skipping = task_data("stop"), task_data("skip")
    for loader in (stopping.train_dataloader(), stopping.val_dataloader()):
        with pytest.raises(InputError, match=r"1\.jpg: damaged"):
            list(loader)
    assert sum(len(batch["number"]) for batch in skipping.train_dataloader()) == 4
    assert numbers(skipping.test_dataloader()) == [[0], [2, 3]]
    skipping.teardown("fit")
    assert sum("1 of 4 samples" in message for message in caplog.messages) == 2
    with caplog.at_level(logging.WARNING), pytest.raises(InputError, match=r"data\.on_fault=stop"):
        task_data("ignore")
