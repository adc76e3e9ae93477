"""Vimeo-90K (Xue et al., "Video Enhancement with Task-Oriented Flow", IJCV 2019).

vimeo_triplet/{tri_trainlist.txt, tri_testlist.txt, sequences/00001/0001/im1.png .. im3.png}
vimeo_septuplet/{sep_trainlist.txt, sep_testlist.txt, sequences/00001/0001/im1.png .. im7.png}
"""

from typing import Any, Literal

from vision_shared.inputs import InputError
from voxel_flow.data.benchmark import BenchmarkData
from voxel_flow.data.triplets import CENTRED, OFF_CENTRE, Triplet
from voxel_flow.data.whole_frames import PictureClips, ShapedTriplets, WholeFrames
from voxel_flow.evaluation.protocols import VIMEO90K, VIMEO90K_SEPTUPLET, Protocol

NUM_VAL = 500  # clips, the last of the training list


class Vimeo90kData(BenchmarkData):
    """Triplets or septuplets of Vimeo-90K, by its own lists; frames of 448x256.

    Septuplets train on targets midway and, for a part `off_centre`, at 1/3, 2/3, 1/4 and 3/4, and
    test on five times between their first and last frame. The last 500 clips of the training list
    validate, on their middle frame between its neighbours.

    Args:
        variant: name of one of the two data sets.
        common: the arguments of `BenchmarkData`.
    """

    def __init__(self, *, variant: Literal["triplet", "septuplet"], **common: Any) -> None:
        if variant not in ("triplet", "septuplet"):
            raise InputError(f"expected data.variant=triplet or septuplet, got {variant!r}")
        super().__init__(**common)
        self.variant = variant
        self.length = 3 if variant == "triplet" else 7
        self.protocol: Protocol = VIMEO90K if variant == "triplet" else VIMEO90K_SEPTUPLET
        self.clip_names = [f"vimeo90k {variant}"]
        self.remedy = (
            f"get the {variant} data set of Vimeo-90K at http://toflow.csail.mit.edu and unpack it "
            f"as vimeo_{variant}"
        )

    def setup(self, stage: str) -> None:
        """Read the lists.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
        """
        if stage == "test":
            self.test_set = self.tested()
            return
        clips = self.clips("train")
        first_val = len(clips) - min(NUM_VAL, max(len(clips) // 10, 1))
        before, middle, after = (self.length // 2 + step for step in (-1, 0, 1))
        held_out = [Triplet(clip, before, middle, after) for clip in range(first_val, len(clips))]
        self.val_set = self.checked(WholeFrames(clips, held_out), "validate on")
        if stage == "fit":
            centred, off_centre = (
                ShapedTriplets(range(first_val), self.length, shapes)
                for shapes in (CENTRED, OFF_CENTRE)
            )
            self.train_set = self.training_triplets(clips, centred, off_centre)
            self.tested()  # what is missing is said before a training

    def clips(self, split: str) -> PictureClips:
        """Return the septuplets or triplets of an official list, a clip each."""
        folders = self.need_list(f"{self.variant[:3]}_{split}list.txt")
        names = [f"im{number}.png" for number in range(1, self.length + 1)]
        return PictureClips(self.need("sequences"), folders, names)

    def tested(self) -> WholeFrames:
        """Return every frame between the outer two of the official test list."""
        clips, last = self.clips("test"), self.length - 1
        shapes = [(last, target) for target in range(1, last)]
        triplets = ShapedTriplets(range(len(clips)), self.length, shapes)
        return self.checked(WholeFrames(clips, triplets), "test on")
