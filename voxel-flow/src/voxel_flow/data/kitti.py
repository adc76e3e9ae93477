"""KITTI's flow benchmarks of 2012 (Geiger et al.) and 2015 (Menze and Geiger).

training/{colored_0 | image_2}/000000_10.png, 000000_11.png      2012 | 2015: a pair
training/{flow_occ, flow_noc}/000000_10.png                      true flow: all | not occluded
{training, testing}/{colored_0 | image_2}/000000_00.png .. 20    the multi-view extension
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from vision_shared.inputs import InputError
from voxel_flow.data.benchmark import BenchmarkData
from voxel_flow.data.flow_pairs import FlowFiles, FlowPairs
from voxel_flow.data.triplets import CENTRED, OFF_CENTRE, Triplet
from voxel_flow.data.whole_frames import PictureClip, WholeFrames
from voxel_flow.evaluation.protocols import KITTI_SEQUENCES, kitti_flow

PAGES = {
    2012: "https://www.cvlibs.net/datasets/kitti/eval_stereo_flow.php?benchmark=flow",
    2015: "https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php?benchmark=flow",
}
FOLDERS = {2012: "colored_0", 2015: "image_2"}  # the left colour camera

FLOW_FRAMES = range(9, 13)
"""Numbers of frames around the pair with true flow, which never train (the usual rule)."""


class KittiData(BenchmarkData):
    """Flow pairs or frame sequences of KITTI.

    Tests flow at the 194 (2012) or 200 (2015) training pairs, or interpolation on the multi-view
    testing sequences. Training needs the multi-view extension: triplets of its training sequences
    without frames 9 to 12; the last tenth of the sequences validates. Images differ in size, so
    evaluation batches hold one.

    Args:
        year: 2012 or 2015.
        test: data to test, `flow` or `sequences`.
        common: the arguments of `BenchmarkData` but `eval_batch_size`.
    """

    def __init__(self, *, year: int, test: Literal["flow", "sequences"], **common: Any) -> None:
        if year not in PAGES:
            raise InputError(f"expected data.year=2012 or 2015, got {year}")
        if test not in ("flow", "sequences"):
            raise InputError(f"expected data.test=flow or sequences, got {test!r}")
        super().__init__(eval_batch_size=1, **common)
        self.year = year
        self.test = test
        self.protocol = kitti_flow(year) if test == "flow" else KITTI_SEQUENCES
        self.clip_names = [f"KITTI {year}"]
        self.remedy = f"get KITTI {year} at {PAGES[year]} and unpack it there"

    def setup(self, stage: str) -> None:
        """List the files.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
        """
        if stage == "test":
            self.test_set = self.test_pairs()
            return
        clips = self.sequences("training")
        first_val = len(clips) - max(len(clips) // 10, 1)
        held_out = list(triplets(clips, range(first_val, len(clips)), [(2, 1)]))
        self.val_set = self.checked(WholeFrames(clips, held_out), "validate on")
        if stage == "fit":
            centred, off_centre = (
                triplets(clips, range(first_val), shapes) for shapes in (CENTRED, OFF_CENTRE)
            )
            self.train_set = self.training_triplets(clips, centred, off_centre)
            self.test_pairs()  # what is missing is said before a training

    def test_pairs(self) -> FlowPairs | WholeFrames:
        """Return the chosen test set: pairs with their flow, or middle frames of sequences."""
        return self.flow_pairs() if self.test == "flow" else self.tested()

    def flow_pairs(self) -> FlowPairs:
        """Return the training pairs, frames 10 and 11, with their true flow and its occlusions."""
        flows = sorted(self.need("training", "flow_occ").glob("*_10.png"))
        pictures = self.need("training", FOLDERS[self.year])
        unoccluded = self.need("training", "flow_noc")
        pairs = FlowPairs(
            [
                FlowFiles(
                    pictures / flow.name,
                    pictures / flow.name.replace("_10.", "_11."),
                    flow,
                    unoccluded / flow.name,
                )
                for flow in flows
            ]
        )
        return self.checked(pairs, "test on")

    def tested(self) -> WholeFrames:
        """Return every middle frame of three in a row of the testing sequences."""
        clips = self.sequences("testing")
        every = [
            Triplet(clip, middle - 1, middle, middle + 1)
            for clip in range(len(clips))
            for middle in range(1, len(clips[clip]) - 1)
        ]
        return self.checked(WholeFrames(clips, every), "test on")

    def sequences(self, split: str) -> list[PictureClip]:
        """The multi-view sequences in order.

        Raises:
            FileNotFoundError: there are none, or only the pairs of the plain data set.
        """
        folder = self.need(split, FOLDERS[self.year])
        names = sorted(path.name for path in folder.glob("??????_??.png"))
        by_scene = [list(group) for _, group in groupby(names, key=lambda name: name[:6])]
        long = [PictureClip(folder, scene) for scene in by_scene if len(scene) > 2]
        if not long:
            self.need(split, FOLDERS[self.year], "000000_00.png", remedy=self.multi_view())
        return long

    def multi_view(self) -> str:
        """Remedy where the multi-view extension is missing."""
        return f"get the multi-view extension of KITTI {self.year} at {PAGES[self.year]}"


def triplets(
    clips: Sequence[PictureClip], numbers: range, shapes: Sequence[tuple[int, int]]
) -> list[Triplet]:
    """Triplets of some shapes in some of the sequences, none across `FLOW_FRAMES`."""
    found = []
    for clip in numbers:
        for span, target in shapes:
            for start in range(len(clips[clip]) - span):
                first, last = (frame_number(clips[clip].names[i]) for i in (start, start + span))
                if last < FLOW_FRAMES.start or first >= FLOW_FRAMES.stop:
                    found.append(Triplet(clip, start, start + target, start + span))
    return found


def frame_number(name: str) -> int:
    """Return 10 of ``000042_10.png``."""
    return int(Path(name).stem.split("_")[1])
