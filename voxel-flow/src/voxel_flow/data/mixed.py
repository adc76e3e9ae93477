"""Data of known licence: clips of packages, photographs in motion and people in motion."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthetic_people.backgrounds import Backgrounds
from vision_shared.inputs import InputError
from vision_shared.photographs import find_photographs
from voxel_flow.data.clips import decode_all, open_all
from voxel_flow.data.loaders import TripletData
from voxel_flow.data.photo_scenes import people_scenes, photo_scenes
from voxel_flow.data.triplets import (
    CENTRED,
    OFF_CENTRE,
    STILL_PSNR,
    EvaluationTriplets,
    TrainingTriplets,
    Triplet,
    has_duplicate,
    outer_psnr,
    spread,
)
from voxel_flow.evaluation.protocols import CENTRE_256, Protocol

LISTING = Path(__file__).with_name("package_clips.json")
SCENE_SIZE = 192  # pixels

log = logging.getLogger(__name__)


class MixedData(TripletData):
    """Triplets of whole clips of packages, of scenes from photographs and of people in motion.

    Clips train, validate or test as a whole, as `package_clips.json` says; each with its licence.
    Scenes are drawn once, to `<root>/voxel-flow/cache`, from the training photographs without
    people of `synthetic_people`.

    Args:
        folder: the packages' files, <folder>/<package>/<file>; what is missing there is named with
            the command that gets it.
        test: the clips that the test set is of: "development", which settings are chosen on, or
            "test".
        crop_size: crop size of training, in pixels.
        num_scenes: scenes from photographs.
        num_people: scenes of people.
        val_triplets: largest number of validation triplets of each clip.
        test_triplets: likewise.
        common: the arguments of `TripletData`.
    """

    protocol: Protocol = CENTRE_256

    def __init__(
        self,
        *,
        folder: str,
        test: Literal["development", "test"],
        crop_size: int,
        num_scenes: int,
        num_people: int,
        val_triplets: int,
        test_triplets: int,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.folder = Path(folder)
        self.test = test
        self.crop_size = crop_size
        self.num_scenes = num_scenes
        self.num_people = num_people
        self.val_triplets = val_triplets
        self.test_triplets = test_triplets
        self.cache = self.root / "voxel-flow" / "cache"

    def setup(self, stage: str) -> None:
        """Decode and draw what the cache lacks, and choose the triplets.

        Raises:
            InputError: not one clip to train on, to validate on or to test on.
        """
        if stage == "fit":
            self.train_set = self.training_set()
        if stage in ("fit", "validate"):
            self.val_set = self.evaluation_set("development", self.val_triplets)
        if stage in ("fit", "test"):
            self.test_set = self.evaluation_set(self.test, self.test_triplets)

    def package_clips(self, split: str) -> dict[str, np.ndarray]:
        """The clips of a split by name, uint8 RGB (N, H, W, 3), the short side at most 256."""
        rows = find_photographs(LISTING, self.folder, split)
        sources = {row["name"]: path for row, path in rows}
        if not sources:
            raise InputError(f"{self.folder}: not one clip of the split {split}: see {LISTING}")
        decode_all(sources, self.cache, CENTRE_256.short_side)
        return open_all(sources, self.cache, CENTRE_256.short_side)

    def training_set(self) -> TrainingTriplets:
        """Return the triplets that move of clips, scenes of photographs, and scenes of people."""
        clips: list[np.ndarray] = list(self.package_clips("train").values())
        backgrounds = Backgrounds(split="train")
        photographs = [backgrounds.whole(index) for index in range(len(backgrounds))]
        clips.extend(photo_scenes(self.cache, photographs, self.num_scenes, SCENE_SIZE))
        clips.extend(people_scenes(self.cache, self.num_people, SCENE_SIZE))
        centred, off_centre = (
            [t for t in triplets_of(clips, shapes) if moves(clips, t)]
            for shapes in (CENTRED, OFF_CENTRE)
        )
        log.info("%d clips and scenes, %d triplets", len(clips), len(centred))
        return TrainingTriplets(clips, centred, off_centre, self.off_centre, self.crop_size)

    def evaluation_set(self, split: str, most: int) -> EvaluationTriplets:
        """Return ``most`` triplets of a split at most, without scene cuts and duplicates."""
        named = self.package_clips(split)
        clips = list(named.values())
        triplets = [
            t
            for t in triplets_of(clips, CENTRED[:1])
            if outer_psnr(clips, t, CENTRE_256.crop) > CENTRE_256.cut_psnr
            and not has_duplicate(clips, t, CENTRE_256.crop)
        ]
        self.clip_names = list(named)
        return EvaluationTriplets(clips, spread(triplets, most), CENTRE_256)


def triplets_of(clips: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]) -> list[Triplet]:
    """Every triplet of some shapes, (span, target), of clips that belong to one split whole."""
    return [
        Triplet(clip, start, start + target, start + span)
        for clip, frames in enumerate(clips)
        for span, target in shapes
        for start in range(len(frames) - span)
    ]


def moves(clips: Sequence[np.ndarray], triplet: Triplet) -> bool:
    """Whether a triplet shows one scene, and motion: see `training_triplets`."""
    return CENTRE_256.cut_psnr < outer_psnr(clips, triplet, CENTRE_256.crop) < STILL_PSNR
