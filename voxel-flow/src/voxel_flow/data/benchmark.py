"""What the datamodules of official data sets share: their place on disk and their training set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from vision_shared.inputs import InputError
from vision_shared.name_lists import read_list
from voxel_flow.data.flow_pairs import FlowPairs
from voxel_flow.data.loaders import TripletData
from voxel_flow.data.triplets import Clip, TrainingTriplets, Triplet
from voxel_flow.data.whole_frames import WholeFrames

Samples = TypeVar("Samples", WholeFrames, FlowPairs)


class BenchmarkData(TripletData):
    """A data set in its official layout below a folder; nothing is read before `setup`.

    Args:
        folder: folder of the data set.
        crop_size: crop size of training, in pixels.
        common: the arguments of `TripletData`.
    """

    remedy: str  # where to get the data

    def __init__(self, *, folder: str, crop_size: int, **common: Any) -> None:
        super().__init__(**common)
        self.folder = Path(folder)
        self.crop_size = crop_size

    def need(self, *parts: str, remedy: str | None = None) -> Path:
        """A path below the folder that has to exist.

        Raises:
            FileNotFoundError: it does not; says where to get it.
        """
        path = self.folder.joinpath(*parts)
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: not found: {remedy or self.remedy}, or set data.folder=PATH"
            )
        return path

    def need_list(self, *parts: str) -> list[str]:
        """The entries of an official list, a line each; empty lines do not count.

        Raises:
            FileNotFoundError: the list does not exist.
            InputError: as `vision_shared.name_lists.read_list`.
        """
        return read_list(self.need(*parts))

    def checked(self, samples: Samples, use: str) -> Samples:
        """Return samples of which each file is there, unless faults are skipped; at least one.

        Raises:
            InputError: there is none, or a file of one is missing.
        """
        if not self.skips_faults or not len(samples):
            samples.check(self.folder, use)
        return samples

    def training_triplets(
        self, clips: Sequence[Clip], centred: Sequence[Triplet], off_centre: Sequence[Triplet] = ()
    ) -> TrainingTriplets:
        """The training set; `crop_size` is checked on the first frame.

        Raises:
            InputError: no triplet, none off the centre where `off_centre` asks for some, or a
                larger crop than the frames.
        """
        if not centred:
            raise InputError(f"{self.folder}: no triplet to train on: the data set is not whole")
        if self.off_centre and not off_centre:
            raise InputError(
                f"{self.folder}: triplets have no target off the centre: set data.off_centre=0"
            )
        height, width = clips[centred[0].clip][centred[0].frame0].shape[:2]
        if min(height, width) < self.crop_size:
            raise InputError(
                f"frames of {width}x{height} are below data.crop_size={self.crop_size}: lower it"
            )
        return TrainingTriplets(clips, centred, off_centre, self.off_centre, self.crop_size)
