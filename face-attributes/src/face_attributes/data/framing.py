"""Which part of an image a sample shows, and how big.

Boxes are x1, y1, x2, y2 and points x, y, in pixels; (0, 0) is the upper left corner of the upper
left pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.data.faces import Face
from vision_shared.inputs import InputError

PADDING = (124, 116, 104)
"""RGB around an image: ImageNet's mean, which normalisation makes nearly zero."""

EYES_TO_MOUTH = 0.26
"""Of a head's height, in the mean."""

EYE_HEIGHT = 0.52
"""Where the eyes are, from the top of the head, as a part of its height."""

ALIASING = 1.5
"""Pictures that shrink by more are averaged, others interpolated, which is three times as fast."""

HEAD_ASPECT = 0.78
"""Width of a head with its hair, as a part of its height."""


@dataclass(frozen=True)
class Cut:
    """A rectangle of an image that became a sample.

    Attributes:
        box: box of it, whole pixels; may reach beyond the image.
        scale: pixels of the sample for one of the image, in x and y.
    """

    box: tuple[int, int, int, int]
    scale: tuple[float, float]

    def to_sample(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (..., 2) or boxes (..., 4) of the image, in pixels of the sample."""
        pairs = points.reshape(*points.shape[:-1], -1, 2)
        out = (pairs - np.array(self.box[:2])) * np.array(self.scale)
        return out.reshape(points.shape).astype(np.float32)

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """The inverse of `to_sample`."""
        pairs = points.reshape(*points.shape[:-1], -1, 2)
        out = pairs / np.array(self.scale) + np.array(self.box[:2])
        return out.reshape(points.shape).astype(np.float32)


def cut_out(
    image: NDArray[np.uint8],
    region: NDArray[np.floating],
    size: tuple[int, int],
    *,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[NDArray[np.uint8], Cut]:
    """Show a region of an image as a sample, undistorted.

    What is shown is the smallest rectangle of the sample's shape around the region, less or more
    of it by ``scale``. Outside the image it is `PADDING`.

    Args:
        image: RGB uint8 (H, W, 3).
        region: (4,), with an area.
        size: height and width of the sample.
        scale: scale of what is shown: 2 is half of the rectangle, twice as big.
        shift: x and y in [-1, 1]: which part of the rectangle is shown at a scale above 1, or where
            the rectangle is within what is shown at a scale below 1.

    Returns:
        The sample, RGB uint8 (*size, 3), and where it comes from.
    """
    x1, y1, x2, y2 = (float(number) for number in region)
    aspect = size[1] / size[0]
    height = max(y2 - y1, (x2 - x1) / aspect)
    full = np.array([height * aspect, height])
    shown = full / scale
    centre = np.array([x1 + x2, y1 + y2]) / 2 + np.array(shift) * np.abs(full - shown) / 2
    left, top = (round(number) for number in centre - shown / 2)
    right, bottom = left + max(round(shown[0]), 1), top + max(round(shown[1]), 1)
    crop = _crop(image, left, top, right, bottom)
    how = cv2.INTER_AREA if crop.shape[0] > ALIASING * size[0] else cv2.INTER_LINEAR
    sample = cv2.resize(crop, (size[1], size[0]), interpolation=how)
    scales = (size[1] / (right - left), size[0] / (bottom - top))
    return np.asarray(sample, np.uint8), Cut((left, top, right, bottom), scales)


def enlarged(box: NDArray[np.floating], context: float) -> NDArray[np.float32]:
    """A box (4,) that is ``context`` times as wide and high, around the same centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([centre - context * half, centre + context * half]).astype(np.float32)


def whole(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The box of a whole image."""
    return np.array([0, 0, image.shape[1], image.shape[0]], np.float32)


def face_box(face: Face) -> NDArray[np.float32]:
    """The box of a face, from its landmarks where it has none of its own.

    Raises:
        InputError: it has neither.
    """
    if np.isfinite(face.box).all():
        return face.box
    if np.isfinite(face.landmarks).all():
        return box_of_landmarks(face.landmarks)
    raise InputError(
        f"{face.name}: neither a box nor landmarks are known: use data.region=whole, or the path "
        "of a file of boxes"
    )


def box_of_landmarks(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """A box around an upright head (hair and chin included), from landmarks (5, 2).

    Its proportions are those of rendered portraits; on CelebA's aligned images of 178x218 it is
    about 123 pixels wide and 158 high.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    height = float(np.hypot(*(mouth - eyes))) / EYES_TO_MOUTH
    width = HEAD_ASPECT * height
    left, top = eyes[0] - width / 2, eyes[1] - EYE_HEIGHT * height
    return np.array([left, top, left + width, top + height], np.float32)


def _crop(
    image: NDArray[np.uint8], left: int, top: int, right: int, bottom: int
) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    x1, x2 = (min(max(number, 0), width) for number in (left, right))
    y1, y2 = (min(max(number, 0), height) for number in (top, bottom))
    if (x1, y1, x2, y2) == (left, top, right, bottom):
        return image[y1:y2, x1:x2]
    if x1 == x2 or y1 == y2:  # a part of a face that the image's border cuts off
        return np.full((bottom - top, right - left, 3), PADDING, np.uint8)
    border = (y1 - top, bottom - y2, x1 - left, right - x2)
    padded = cv2.copyMakeBorder(image[y1:y2, x1:x2], *border, cv2.BORDER_CONSTANT, value=PADDING)
    return np.asarray(padded, np.uint8)
