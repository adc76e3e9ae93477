"""Kinds of pixels that are scored apart: texture, motion and large motion.

After the ablation of Deep Voxel Flow (ICCV 2017), whose exact limits were not published. Ours are
properties of the true frame and its neighbour alone, so they are the same for every method.
"""

import cv2
import numpy as np

from voxel_flow.evaluation.baselines import dis_flow

TEXTURE_WINDOW, TEXTURE_GRADIENT = 7, 8.0  # pixels; levels per pixel
MOTION, LARGE_MOTION = 1.0, 4.0  # pixels per frame step

REGIONS = {
    "all": "every pixel",
    "texture": f"root mean square grey gradient over {TEXTURE_WINDOW}x{TEXTURE_WINDOW} of the true "
    f"frame above {TEXTURE_GRADIENT:g} levels per px",
    "motion": f"DIS flow at the true frame above {MOTION:g} px per frame step",
    "large motion": f"above {LARGE_MOTION:g} px",
}
"""What each kind is, in the order of `find_regions`."""


def find_regions(
    target: np.ndarray, frame0: np.ndarray, frame1: np.ndarray, time: float
) -> np.ndarray:
    """Which pixel of the true frame is of which kind of `REGIONS`: (4, H, W) bool.

    Motion is the DIS flow from the true frame to the input nearest in time (frame 1 in the middle),
    divided by the time to it: in pixels per frame step, which is from input to input.

    Args:
        target: uint8 RGB (H, W, 3), the true frame at `time`.
        frame0: likewise, at time 0.
        frame1: likewise, at time 1.
        time: neither 0 nor 1.
    """
    nearest, steps = (frame0, -time) if abs(time) < abs(1 - time) else (frame1, 1 - time)
    speed = np.linalg.norm(dis_flow(target, nearest), axis=-1) / abs(steps)
    moving, far = speed > MOTION, speed > LARGE_MOTION
    return np.stack([np.ones_like(moving), is_textured(target), moving, far])


def is_textured(image: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: pixels of an (H, W, 3) uint8 image amid strong gradients.

    The mean square of the gradient over a window of `TEXTURE_WINDOW` pixels is above that of
    `TEXTURE_GRADIENT` levels a pixel.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    down, across = np.gradient(grey)  # central differences, levels per pixel
    window = (TEXTURE_WINDOW, TEXTURE_WINDOW)
    return cv2.blur(across**2 + down**2, window) > TEXTURE_GRADIENT**2
