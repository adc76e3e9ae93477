"""Dense Inverse Search (Kroeger et al., ECCV 2016), OpenCV's, for images of any size."""

from typing import Literal

import cv2
import numpy as np

_PRESETS = {
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# At its finest level, a quarter of the size, a patch of 8 pixels must fit: OpenCV writes
# beyond its buffers where a wide image is lower than that.
_SMALLEST = 32


def dense_flow(
    first: np.ndarray, second: np.ndarray, preset: Literal["fast", "medium"]
) -> np.ndarray:
    """Return the flow from one grey image, uint8 (H, W), to another: float32 (H, W, 2), x first.

    Images below 32 pixels are continued by their border and cut out again.
    """
    height, width = first.shape
    margins = ((0, max(_SMALLEST - height, 0)), (0, max(_SMALLEST - width, 0)))
    grown = [np.pad(picture, margins, mode="edge") for picture in (first, second)]
    estimator = cv2.DISOpticalFlow.create(_PRESETS[preset])
    # OpenCV's stub lacks that a flow of None starts from rest.
    flow = estimator.calc(*grown, None)  # pyrefly: ignore[no-matching-overload]
    return flow[:height, :width]
