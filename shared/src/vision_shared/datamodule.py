"""What the datamodules of all tasks do: load a training, a validation and a test set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from vision_shared.faulty_samples import OnFault, SkippingSamples
from vision_shared.inputs import InputError
from vision_shared.loaders import epoch_loader, evaluation_loader, training_loader
from vision_shared.samplers import IdentitySampler


class TaskData(pl.LightningDataModule):
    """Loaders of the sets of samples that a task's `setup` makes.

    Attributes:
        train_set: function that takes the ``(index, sample_seed)`` pairs of
            `vision_shared.samplers`.
        val_set: function that takes indices.
        test_set: likewise.

    Args:
        root: folder of all data.
        batch_size: batch size of training, in each process.
        eval_batch_size: most samples in a batch of validation and test.
        epoch_size: training samples in an epoch, over all processes; `None` is each one once.
        num_workers: processes that load, for each process that trains.
        seed: seed of order and augmentation.
        on_fault: ``stop`` at a sample that cannot be read, or ``skip`` it
            (`vision_shared.faulty_samples`).

    Raises:
        InputError: another ``on_fault``.
    """

    train_set: Any
    val_set: Any
    test_set: Any

    def __init__(
        self,
        *,
        root: str,
        batch_size: int,
        eval_batch_size: int,
        epoch_size: int | None,
        num_workers: int,
        seed: int,
        on_fault: OnFault = "stop",
    ) -> None:
        super().__init__()
        if on_fault not in ("stop", "skip"):
            raise InputError(f"expected data.on_fault=stop or skip, got {on_fault!r}")
        self.skips_faults = on_fault == "skip"
        self._skipping: list[SkippingSamples] = []
        self.root = Path(root)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.epoch_size = epoch_size
        self.num_workers = num_workers
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches, whose order follows from the seed and the epoch."""
        return training_loader(
            self.readable(self.train_set, is_training=True),
            self.trainer,
            batch_size=self.batch_size,
            epoch_size=self.epoch_size,
            num_workers=self.num_workers,
            seed=self.seed,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation set in order."""
        return self.loader(self.val_set)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the test set in order."""
        return self.loader(self.test_set)

    def loader(self, samples: Any) -> DataLoader[Any]:
        """Load samples of one shape in order."""
        return evaluation_loader(
            self.readable(samples), self.eval_batch_size, num_workers=self.num_workers
        )

    def readable(self, samples: Any, *, is_training: bool = False) -> Any:
        """Return samples as a loader is to take them: as they are, or with faulty ones left out.

        Args:
            samples: samples of the task.
            is_training: whether batches have to keep their size.
        """
        if not self.skips_faults:
            return samples
        name = "training" if is_training else "evaluation"
        skipping = SkippingSamples(samples, name, is_training=is_training)
        self._skipping.append(skipping)
        return skipping

    def teardown(self, stage: str) -> None:
        """Log how many samples were left out."""
        for samples in self._skipping:
            samples.report()
        self._skipping.clear()

    def identity_loader(
        self, identities: np.ndarray, num_pictures: int, folder: Path
    ) -> DataLoader[Any]:
        """Load training batches of some images each of some identities.

        Args:
            identities: (N,), of the training samples.
            num_pictures: K; a batch holds batch_size / K identities.
            folder: source of the images.

        Raises:
            InputError: too few identities.
        """
        try:
            sampler = IdentitySampler.of_trainer(
                self.trainer,
                identities,
                num_identities=self.batch_size // num_pictures,
                num_pictures=num_pictures,
                seed=self.seed,
            )
        except ValueError as error:
            raise InputError(f"{folder}: {error}: lower data.batch_size") from error
        samples = self.readable(self.train_set, is_training=True)
        return epoch_loader(samples, sampler, self.batch_size, num_workers=self.num_workers)

    def check_identity_batches(self, key: str, num_pictures: int | None) -> None:
        """Raise InputError unless batches can hold K images of each identity.

        Args:
            key: key of the config that holds K.
            num_pictures: K; `None` for plain batches.
        """
        if num_pictures is None:
            return
        if num_pictures < 2 or self.batch_size % num_pictures:
            raise InputError(
                f"expected {key} of 2 or more, and data.batch_size a multiple of it, got "
                f"{num_pictures} and {self.batch_size}"
            )
        if self.epoch_size is not None:
            raise InputError(f"data.epoch_size has no meaning with {key}: set null")


def checked_size(key: str, size: Sequence[int]) -> tuple[int, int]:
    """Return the height and width that a key of the config says, or raise InputError."""
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"expected {key}=[height, width] in pixels, got {list(size)}")
    return size[0], size[1]
