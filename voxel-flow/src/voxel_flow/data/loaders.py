"""What the datamodules share: the loaders of their training, validation and test sets."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from torch.utils.data import DataLoader

from vision_shared.datamodule import TaskData
from vision_shared.loaders import evaluation_loader
from voxel_flow.data.flow_pairs import FlowPairs
from voxel_flow.data.rendered import RenderedTriplets
from voxel_flow.data.triplets import EvaluationTriplets, TrainingTriplets
from voxel_flow.data.whole_frames import WholeFrames
from voxel_flow.evaluation.protocols import Protocol

TrainingSet = TrainingTriplets | RenderedTriplets
EvaluationSet = EvaluationTriplets | WholeFrames | RenderedTriplets | FlowPairs


class TripletData(TaskData):
    """Loaders of the sets that `setup` makes.

    A training batch holds `frames` (B, 2, 3, S, S) and `target` (B, 3, S, S), float32 RGB in
    [0, 1], and `time` (B,) in (0, 1). An evaluation batch is of one clip, whose index in
    `clip_names` is `clip` (B,), and may be of any size.

    Args:
        off_centre: fraction of the training samples whose target is not at time 1/2.
        common: the arguments of `vision_shared.datamodule.TaskData`; every process sees all of
            validation and test.
    """

    protocol: Protocol
    clip_names: list[str]
    train_set: TrainingSet
    val_set: EvaluationSet
    test_set: EvaluationSet

    def __init__(self, *, off_centre: float, **common: Any) -> None:
        super().__init__(**common)
        self.off_centre = off_centre

    def loader(self, samples: EvaluationSet) -> DataLoader[Any]:
        """Return batches in order, each of one clip, whose frames have one size."""
        batches = clip_batches(samples.clip_indices, self.eval_batch_size)
        return evaluation_loader(self.readable(samples), batches, num_workers=self.num_workers)


def clip_batches(clip_indices: Sequence[int], batch_size: int) -> list[list[int]]:
    """Numbers of at most `batch_size` samples in a row of one clip: clips differ in size."""
    by_clip = groupby(range(len(clip_indices)), key=lambda sample: clip_indices[sample])
    runs = [list(run) for _, run in by_clip]
    return [run[i : i + batch_size] for run in runs for i in range(0, len(run), batch_size)]
