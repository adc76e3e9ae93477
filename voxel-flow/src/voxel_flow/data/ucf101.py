"""UCF-101 (Soomro et al. 2012), and the 379 test triplets of Deep Voxel Flow (ICCV 2017).

UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi
ucfTrainTestlist/trainlist01.txt .. 03
triplets/                                   made by `python -m voxel_flow.data.ucf101_triplets`
ucf101_interp_ours/1/frame_00.png, frame_01_gt.png, frame_02.png
motion_masks_ucf101_interp/1/motion_mask.png
"""

import logging
from dataclasses import replace
from typing import Any

from voxel_flow.data.benchmark import BenchmarkData
from voxel_flow.data.triplets import Triplet
from voxel_flow.data.ucf101_triplets import (
    COMMAND,
    StoredTriplets,
    index_file,
    read_index,
    video_group,
)
from voxel_flow.data.whole_frames import PictureClips, WholeFrames
from voxel_flow.evaluation.protocols import UCF101, UCF101_MASKED, UCF101_MOTION

TEST_FOLDER, MASK_FOLDER = "ucf101_interp_ours", "motion_masks_ucf101_interp"
TEST_PAGE = "https://github.com/liuziwei7/voxel-flow"
NUM_TEST = 379
VAL_GROUP = 25  # of videos shot together; in every official split it trains

log = logging.getLogger(__name__)


class Ucf101Data(BenchmarkData):
    """Trains on triplets of the official training videos, tests on the 379 official triplets.

    Training triplets have obvious motion and are stored beforehand (`ucf101_triplets`). Of the
    training videos, those of group 25 validate.

    Args:
        split: official split that trains, 1 to 3.
        triplets_per_video: triplets per video as they were stored.
        has_masks: also test under the official motion masks, by both public scripts.
        common: the arguments of `BenchmarkData`.
    """

    remedy = f"get the test triplets (and motion masks) at {TEST_PAGE} and unpack them there"

    def __init__(
        self, *, split: int, triplets_per_video: int, has_masks: bool, **common: Any
    ) -> None:
        super().__init__(**common)
        self.split = split
        self.triplets_per_video = triplets_per_video
        self.has_masks = has_masks
        also = (UCF101_MASKED, UCF101_MOTION) if has_masks else ()
        self.protocol = replace(UCF101, also=also)
        self.clip_names = ["ucf101"]

    def setup(self, stage: str) -> None:
        """Find the triplets.

        Raises:
            FileNotFoundError: the data is not there; says where to get it, or how to prepare it.
        """
        if stage == "test":
            self.test_set = self.tested()
            return
        file = index_file(self.folder, self.split, self.triplets_per_video)
        arguments = f"--split {self.split} --triplets-per-video {self.triplets_per_video}"
        remedy = f"run `{COMMAND} {self.folder} {arguments}`"
        index = read_index(self.need(str(file.relative_to(self.folder)), remedy=remedy))
        clips = StoredTriplets(file.parent, list(index))
        trained, held_out = (
            [
                Triplet(clip, 3 * number, 3 * number + 1, 3 * number + 2)
                for clip, (video, count) in enumerate(index.items())
                if (video_group(video) == VAL_GROUP) == is_val
                for number in range(1 if is_val else count)
            ]
            for is_val in (False, True)
        )
        self.val_set = self.checked(WholeFrames(clips, held_out), "validate on")
        if stage == "fit":
            self.train_set = self.training_triplets(clips, trained)
            self.tested()  # what is missing is said before a training

    def tested(self) -> WholeFrames:
        """Return the 379 official test triplets, with their motion masks."""
        root = self.need(TEST_FOLDER)
        numbers = sorted(int(path.name) for path in root.iterdir() if path.name.isdigit())
        folders = [str(number) for number in numbers]
        if len(folders) != NUM_TEST:
            log.warning("%s: %d of the %d test triplets are there", root, len(folders), NUM_TEST)
        masks = []
        if self.has_masks:
            masks = [self.need(MASK_FOLDER, name, "motion_mask.png") for name in folders]
        clips = PictureClips(root, folders, ["frame_00.png", "frame_01_gt.png", "frame_02.png"])
        triplets = [Triplet(clip, 0, 1, 2) for clip in range(len(clips))]
        return self.checked(WholeFrames(clips, triplets, masks), "test on")
