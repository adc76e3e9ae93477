"""The loaders that every datamodule hands to its trainer."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from vision_shared.samplers import EpochLoader, EpochSampler
from vision_shared.signals import ENDING

if TYPE_CHECKING:
    import pytorch_lightning as pl

_GRACE = 60  # seconds that a loading process outlives a signal, if nothing ends it before


def training_loader(
    samples: Dataset[Any],
    trainer: pl.Trainer | None,
    *,
    batch_size: int,
    epoch_size: int | None,
    num_workers: int,
    seed: int,
) -> DataLoader[Any]:
    """Load shuffled batches in an order that a resumed or distributed run repeats.

    Args:
        samples: function that takes the ``(index, sample_seed)`` pairs of
            `vision_shared.samplers.EpochSampler`.
        trainer: trainer of the datamodule; its processes share the epoch.
        batch_size: batch size in each process; a last smaller batch is left out.
        epoch_size: samples in an epoch, over all processes; None is the length of ``samples``.
        num_workers: processes that load, for each process that trains.
        seed: seed of the order and of the sample seeds.
    """
    assert isinstance(samples, Sized)
    sampler = EpochSampler.of_trainer(
        trainer,
        len(samples),
        epoch_size=epoch_size,
        seed=seed,
    )
    return epoch_loader(samples, sampler, batch_size, num_workers=num_workers)


def epoch_loader(
    samples: Dataset[Any],
    sampler: Sampler[tuple[int, int]],
    batch_size: int,
    *,
    num_workers: int,
) -> DataLoader[Any]:
    """Load batches in the order of a task's own sampler, else as `training_loader` does.

    Args:
        samples: function that takes the ``(index, sample_seed)`` pairs that the sampler yields.
        sampler: has ``set_epoch``, as `vision_shared.samplers.EpochSampler`.
        batch_size: batch size in each process; a last smaller batch is left out.
        num_workers: processes that load, for each process that trains.
    """
    return EpochLoader(
        samples,
        batch_size,
        sampler=sampler,
        drop_last=True,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=start_worker,
    )


def evaluation_loader(
    samples: Dataset[Any], batches: Iterable[list[int]] | int, *, num_workers: int
) -> DataLoader[Any]:
    """Load samples in order.

    Args:
        samples: function that takes indices.
        batches: the indices of each batch, or a batch size where all samples have one shape.
        num_workers: processes that load, for each process that evaluates.
    """
    how = {"batch_size": batches} if isinstance(batches, int) else {"batch_sampler": batches}
    return DataLoader(
        samples,
        **how,  # type: ignore[arg-type]
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=start_worker,
    )


def start_worker(worker: int) -> None:
    """Prepare a process that loads.

    OpenCV would start a thread on every core in each. And a terminal or a scheduler signals every
    process of a training: what loads goes on then, so that the one that trains can end its step and
    write its checkpoint; it ends with that one, or some time later by itself.
    """
    cv2.setNumThreads(0)

    def end_later(*_: object) -> None:
        signal.alarm(_GRACE)

    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, end_later)
