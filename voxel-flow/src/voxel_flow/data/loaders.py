"""What the datamodules share: the loaders of their training, validation and test sets."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from vision_shared.loaders import evaluation_loader, training_loader
from voxel_flow.data.flow_pairs import FlowPairs
from voxel_flow.data.rendered import RenderedTriplets
from voxel_flow.data.triplets import EvaluationTriplets, TrainingTriplets
from voxel_flow.data.whole_frames import WholeFrames
from voxel_flow.evaluation.metrics import Protocol

TrainingSet = TrainingTriplets | RenderedTriplets
EvaluationSet = EvaluationTriplets | WholeFrames | RenderedTriplets | FlowPairs


class TripletData(pl.LightningDataModule):
    """Loaders of a training, a validation and a test set that `setup` makes.

    A training batch holds `frames` (B, 2, 3, S, S) and `target` (B, 3, S, S), float32 RGB in
    [0, 1], and `time` (B,) in (0, 1). An evaluation batch is of one clip, whose index in
    `clip_names` is `clip` (B,), and may be of any size.

    Args:
        root: folder of all data.
        batch_size: of training, in each process.
        eval_batch_size: of validation and test, in each process; every process sees all.
        epoch_size: training samples in an epoch, over all processes; `None` is the length of the
            training set.
        off_centre: fraction of the training samples whose target is not at time 1/2.
        num_workers: processes that load, for each process that trains.
        seed: of order and augmentation.
    """

    protocol: Protocol
    clip_names: list[str]
    train_set: TrainingSet
    val_set: EvaluationSet
    test_set: EvaluationSet

    def __init__(
        self,
        *,
        root: str,
        batch_size: int,
        eval_batch_size: int,
        epoch_size: int | None,
        off_centre: float,
        num_workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.epoch_size = epoch_size
        self.off_centre = off_centre
        self.num_workers = num_workers
        self.seed = seed

    def train_dataloader(self) -> DataLoader:
        return training_loader(
            self.train_set,
            self.trainer,
            batch_size=self.batch_size,
            epoch_size=self.epoch_size,
            num_workers=self.num_workers,
            seed=self.seed,
        )

    def val_dataloader(self) -> DataLoader:
        return self.evaluation_loader(self.val_set)

    def test_dataloader(self) -> DataLoader:
        return self.evaluation_loader(self.test_set)

    def evaluation_loader(self, samples: EvaluationSet) -> DataLoader:
        batches = clip_batches(samples.clip_indices, self.eval_batch_size)
        return evaluation_loader(samples, batches, num_workers=self.num_workers)


def clip_batches(clip_indices: Sequence[int], batch_size: int) -> list[list[int]]:
    """Numbers of at most `batch_size` samples in a row of one clip: clips differ in size."""
    by_clip = groupby(range(len(clip_indices)), key=lambda sample: clip_indices[sample])
    runs = [list(run) for _, run in by_clip]
    return [run[i : i + batch_size] for run in runs for i in range(0, len(run), batch_size)]
