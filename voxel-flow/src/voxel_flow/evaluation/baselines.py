"""What a learned interpolator must beat: copying, averaging and classical optical flow.

Images are uint8 RGB (H, W, 3), in and out. Frame 0 is at time 0, frame 1 at 1; a time outside
[0, 1] extrapolates.
"""

from collections.abc import Callable

import cv2
import numpy as np

from voxel_flow.dense_flow import dense_flow

Baseline = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def previous_frame(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
    """The last frame that is not after `time`, unchanged; frame 0 before both."""
    return frame1 if time >= 1 else frame0


def frame_average(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
    """The mean of the frames, each weighted by its nearness in time."""
    return blend(frame0, frame1, time)


def dis_warp(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
    """The frames warped to `time` along their DIS flow, then averaged."""
    return symmetric_warp(frame0, frame1, dis_flow(frame0, frame1), time)


def dis_flow(frame0: np.ndarray, frame1: np.ndarray) -> np.ndarray:
    """Optical flow from frame 0 to frame 1, float32 (H, W, 2), x then y, in pixels.

    OpenCV's Dense Inverse Search (Kroeger et al. 2016), preset medium, on the grey images.
    """
    grey0, grey1 = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (frame0, frame1))
    return dense_flow(grey0, grey1, "medium")


def symmetric_warp(
    frame0: np.ndarray, frame1: np.ndarray, flow: np.ndarray, time: float
) -> np.ndarray:
    """Read frame k at x + (k - time) * flow, and average by nearness in time.

    The flow is taken at the target pixel, as if it did not vary along a path. Outside a frame its
    border is repeated.
    """
    warped0 = backward_warp(frame0, np.float32(-time) * flow)
    warped1 = backward_warp(frame1, np.float32(1 - time) * flow)
    return blend(warped0, warped1, time)


def blend(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
    """Mean with weights as 1 / distance in time: (1 - time, time) between the frames."""
    share = abs(time) / (abs(time) + abs(1 - time))
    return np.round(np.float32(1 - share) * frame0 + np.float32(share) * frame1).astype(np.uint8)


def backward_warp(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Read a frame at x + flow(x), (H, W, 2) in pixels; outside its border is repeated."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    from_x, from_y = x + flow[..., 0], y + flow[..., 1]
    return cv2.remap(frame, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


BASELINES: dict[str, Baseline] = {
    "previous frame": previous_frame,
    "frame average": frame_average,
    "DIS flow": dis_warp,
}
"""In the order of a table."""
