"""Middlebury's interpolation images with public truth, its OTHER set (Baker et al., IJCV 2011).

other-data/Beanbags/frame10.png, frame11.png
other-gt-interp/Beanbags/frame10i11.png
"""

from typing import Any

from vision_shared.inputs import InputError
from voxel_flow.data.benchmark import BenchmarkData
from voxel_flow.data.triplets import Triplet
from voxel_flow.data.whole_frames import PictureClip, WholeFrames
from voxel_flow.evaluation.protocols import MIDDLEBURY


class MiddleburyData(BenchmarkData):
    """The frame midway between two, in 12 sequences; there is nothing to train on.

    Args:
        common: the arguments of `BenchmarkData` but `eval_batch_size`: images differ in size.
    """

    protocol = MIDDLEBURY
    remedy = (
        "get other-color-twoframes.zip and other-gt-interp.zip at "
        "https://vision.middlebury.edu/flow/data/ and unpack them there"
    )

    def __init__(self, **common: Any) -> None:
        super().__init__(eval_batch_size=1, **common)
        self.clip_names = ["middlebury other"]

    def setup(self, stage: str) -> None:
        """List the sequences that have a truth.

        Raises:
            InputError: for training or validation.
            FileNotFoundError: the data is not there; says where to get it.
        """
        if stage != "test":
            raise InputError("data=middlebury only tests: train on another, then evaluate on it")
        truths = self.need("other-gt-interp")
        names = sorted(path.parent.name for path in truths.glob("*/frame10i11.png"))
        clips = []
        for name in names:
            pair = [self.need("other-data", name, f"frame{n}.png") for n in (10, 11)]
            files = [pair[0], truths / name / "frame10i11.png", pair[1]]
            clips.append(PictureClip(self.folder, [str(f.relative_to(self.folder)) for f in files]))
        triplets = [Triplet(clip, 0, 1, 2) for clip in range(len(clips))]
        self.test_set = self.checked(WholeFrames(clips, triplets), "test on")
