"""Which part of an image a sample shows, and where in the sample it is.

Boxes are x1, y1, x2, y2 and points x, y: in pixels of the image, or as fractions of the sample's
width and height. (0, 0) is the upper left corner of the upper left pixel in both.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

PADDING = (124, 116, 104)
"""RGB around what is shown: ImageNet's mean, which normalisation makes nearly zero."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of an image, undistorted and centred in a sample.

    Attributes:
        region: region of the image, whole pixels within it.
        place: position of it in the sample: left, top, width and height, whole pixels.
        size: height and width of the sample.
        is_mirrored: whether left and right of the sample are exchanged.
    """

    region: tuple[int, int, int, int]
    place: tuple[int, int, int, int]
    size: tuple[int, int]
    is_mirrored: bool = False

    def to_sample(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (..., 2) of the image, as fractions of the sample."""
        scale, offset = self._scale_and_offset()
        return self._mirrored(points * scale + offset).astype(np.float32)

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """The inverse of `to_sample`."""
        scale, offset = self._scale_and_offset()
        return ((self._mirrored(points) - offset) / scale).astype(np.float32)

    def box_to_sample(self, box: NDArray[np.floating]) -> NDArray[np.float32]:
        """A box (4,) of the image, as fractions of the sample."""
        return _ordered(self.to_sample(box.reshape(2, 2)))

    def box_to_picture(self, box: NDArray[np.floating]) -> NDArray[np.float32]:
        """The inverse of `box_to_sample`."""
        return _ordered(self.to_picture(box.reshape(2, 2)))

    def shows(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which points (..., 2) of the image the sample shows."""
        low, high = np.array(self.region[:2]), np.array(self.region[2:])
        return np.logical_and.reduce((points >= low) & (points < high), axis=-1)

    def _scale_and_offset(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        left, top, width, height = self.place
        size = np.array(self.size[::-1])
        extent = np.subtract(self.region[2:], self.region[:2])
        scale = np.array([width, height]) / extent / size
        return scale, np.array([left, top]) / size - np.array(self.region[:2]) * scale

    def _mirrored(self, pairs: NDArray[np.floating]) -> NDArray[np.floating]:
        return pairs if not self.is_mirrored else (1, 0) + pairs * (-1, 1)


def letterbox(
    image: Image, region: NDArray[np.floating], size: tuple[int, int], *, is_mirrored: bool = False
) -> tuple[Image, Frame]:
    """Show a region of an image as a sample: as large as fits, centred, `PADDING` around it.

    Args:
        image: RGB uint8 (H, W, 3).
        region: (4,), with an area in the image; what lies outside is left out.
        size: height and width of the sample.
        is_mirrored: exchange left and right.

    Returns:
        The sample, RGB uint8 (*size, 3), and where it comes from.
    """
    x1, y1, x2, y2 = _within(region, image.shape[1], image.shape[0])
    scale = min(size[1] / (x2 - x1), size[0] / (y2 - y1))
    shown = (max(round((x2 - x1) * scale), 1), max(round((y2 - y1) * scale), 1))
    left, top = (size[1] - shown[0]) // 2, (size[0] - shown[1]) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = cv2.resize(image[y1:y2, x1:x2], shown, interpolation=how)
    sample = np.full((*size, 3), PADDING, np.uint8)
    sample[top : top + shown[1], left : left + shown[0]] = part
    frame = Frame((x1, y1, x2, y2), (left, top, *shown), size, is_mirrored)
    return (np.ascontiguousarray(sample[:, ::-1]) if is_mirrored else sample), frame


def enlarged(box: NDArray[np.floating], context: float) -> NDArray[np.float32]:
    """A box (4,) that is ``context`` times as wide and high, around the same centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([centre - context * half, centre + context * half]).astype(np.float32)


def whole(image: Image) -> NDArray[np.float32]:
    """The box of a whole image."""
    return np.array([0, 0, image.shape[1], image.shape[0]], np.float32)


def _ordered(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two opposite corners (2, 2) as a box: a mirror exchanges its sides."""
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def _within(region: NDArray[np.floating], width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a region that is in an image, a pixel or more, in whole pixels."""
    x1, y1, x2, y2 = (round(float(number)) for number in region)
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return x1, y1, min(max(x2, x1 + 1), width), min(max(y2, y1 + 1), height)
