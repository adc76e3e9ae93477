"""Samples that cannot be read, left out while a run goes on: ``data.on_fault=skip``."""

import logging
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch.utils.data import Dataset

from vision_shared.inputs import InputError
from vision_shared.samplers import NUM_SEEDS

OnFault = Literal["stop", "skip"]
MAX_NAMED = 10
MAX_IN_A_ROW = 100
"""After so many faults one after another, the data set is not there rather than faulty."""

log = logging.getLogger(__name__)


class SkippingSamples(Dataset[Any]):
    """Samples of a data set, of which those that cannot be read are left out.

    In training, the next sample that can be read stands in for one that cannot: which one follows
    from the files alone, so that a resumed run equals an uninterrupted one. In evaluation, a batch
    is smaller by it; where none is left of a batch, the next sample stands in as well.

    The first `MAX_NAMED` are named as they are met, by whichever process meets them.

    Args:
        samples: raise InputError or OSError for what cannot be read; have a length.
        name: name of the split, for messages.
        is_training: whether a batch has to keep its size.

    Attributes:
        faulty: (N,) bool, those that were met; of all processes that load.
    """

    def __init__(self, samples: Any, name: str, *, is_training: bool) -> None:
        self.samples = samples
        self.name = name
        self.is_training = is_training
        self.faulty = torch.zeros(len(samples), dtype=torch.bool).share_memory_()
        self._named: set[str] = set()  # a file may be a part of several samples

    def __len__(self) -> int:
        return len(self.faulty)

    def __getitem__(self, index: Any) -> Any:
        most = min(MAX_IN_A_ROW, len(self))
        last: Exception | None = None
        for step in range(most):
            here = self._after(index, step)
            try:
                return self.samples[here]
            except (InputError, OSError) as error:
                self._note(here, error)
                last = error
        raise InputError(f"{self.name}: not one of {most} samples can be read: {last}") from last

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        """Return the samples of a batch; a loader calls this where there is one."""
        if self.is_training:
            return [self[index] for index in indices]
        return [sample for index in indices for sample in self._if_readable(index)] or [
            self[indices[-1]]
        ]

    def report(self) -> None:
        """Log how many samples were left out, if any were."""
        if number := int(self.faulty.sum()):
            log.warning("%s: %d of %d samples left out as faulty", self.name, number, len(self))

    def _if_readable(self, index: int) -> list[Any]:
        try:
            return [self.samples[index]]
        except (InputError, OSError) as error:
            self._note(index, error)
            return []

    def _after(self, index: Any, step: int) -> Any:
        if isinstance(index, tuple):
            # another seed, too: a sample may be mixed with one that the seed chooses
            return (index[0] + step) % len(self), (index[1] + step) % NUM_SEEDS
        return (index + step) % len(self)

    def _note(self, index: int | tuple[int, int], error: InputError | OSError) -> None:
        number = index[0] if isinstance(index, tuple) else index
        if self.faulty[number]:
            return
        self.faulty[number] = True
        count = int(self.faulty.sum())
        if count <= MAX_NAMED and str(error) not in self._named:
            self._named.add(str(error))
            more = "; others are counted, not named" if count == MAX_NAMED else ""
            log.warning("%s: left out: %s%s", self.name, error, more)
