"""Pairs of frames with true flow, in KITTI's formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from vision_shared.images import read_image
from vision_shared.inputs import InputError, check_input


def read_kitti_flow(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read true flow from KITTI's 16-bit PNG (Geiger et al. 2012; devkit of 2015).

    Red and green are u and v as 2^15 + 64 px, blue is not 0 where the flow is known.

    Returns:
        The flow from this frame to the next, float32 (H, W, 2), x then y, in pixels and 0 where it
        is not known; and whether it is known, (H, W) bool.

    Raises:
        InputError: not there, or not such a PNG.
    """
    check_input(path, "flow")
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # blue, green, red
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[2] != 3:
        raise InputError(f"{path}: expected flow as a PNG of three 16-bit channels")
    known = stored[..., 0] > 0
    flow = (stored[..., :0:-1].astype(np.float32) - 2**15) / 64
    return flow * known[..., None], known


class FlowFiles(NamedTuple):
    """Where a pair's frames and flow lie."""

    frame0: Path
    frame1: Path
    flow: Path
    unoccluded: Path


class FlowPairs(Dataset[dict[str, Any]]):
    """Pairs whose flow at frame 0 is known at some pixels.

    The truth is the motion of frame 0's pixels, so a sample's target is frame 0 itself, at `time`
    0: there the velocity of voxel flow is the flow of frame 0. No image is scored.

    A sample is `frames` (2, 3, H, W) and `target` (3, H, W), which is frame 0, float32 RGB in
    [0, 1], `time` (), always 0, `flow` (2, H, W), `known` (H, W) bool, `unoccluded` (H, W) bool,
    the known pixels that are still seen in frame 1, and `clip`, always 0.

    Args:
        files: files of every pair; their sizes may differ.
    """

    def __init__(self, files: Sequence[FlowFiles]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def check(self, folder: Path, use: str) -> None:
        """Raise `InputError` unless there is a pair, and each file of one; before a training."""
        if not len(self):
            raise InputError(f"{folder}: no pair to {use}: the data set is not whole")
        missing = next((path for files in self.files for path in files if not path.exists()), None)
        if missing is not None:
            raise InputError(f"{missing}: no such file, needed to {use}")

    @property
    def clip_indices(self) -> list[int]:
        """The clip of every sample."""
        return [0] * len(self)

    def __getitem__(self, index: int) -> dict[str, Any]:
        files = self.files[index]
        pair = np.stack([read_image(files.frame0), read_image(files.frame1)])
        frames = torch.from_numpy(pair).permute(0, 3, 1, 2).float() / 255
        flow, known = read_kitti_flow(files.flow)
        return {
            "frames": frames,
            "target": frames[0],
            "time": torch.tensor(0.0),
            "flow": torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1))),
            "known": torch.from_numpy(known),
            "unoccluded": torch.from_numpy(read_kitti_flow(files.unoccluded)[1]),
            "clip": 0,
        }
