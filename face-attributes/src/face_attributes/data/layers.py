"""People cut out of rendered images, to be pasted on photographs: faces, backs, headless bodies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synthetic_people.sample import VISIBLE, Labels, Sample

EYES_SHARE, SIDE = 0.45, 2.5
"""A face's square: its centre between eyes and mouth, its side over their distance."""

SMALLEST = 20.0  # pixels of a face that is worth pasting
MIN_LANDMARKS = 4  # of the five in view
MAX_YAW = 65.0  # degrees off the camera
TURNED = 110.0  # degrees from which on a head is one from behind
HEAD_TO_FACE = 0.62  # the face's side over the head's height, of a head whose face is not seen
COLLAR = 3  # pixels below the collar where a body begins
SMALL_BODY = 0.02  # of the image that a body takes at least


@dataclass(frozen=True)
class Layer:
    """A person with transparent surroundings.

    Attributes:
        rgba: (H, W, 4) uint8.
        square: (3,) centre x, y and side of the face, in pixels; what shows no face has the middle
            of its upper edge and its width.
        attributes: (A,) bool; all false where no face is seen.
    """

    rgba: NDArray[np.uint8]
    square: NDArray[np.float32]
    attributes: NDArray[np.bool_]


@dataclass(frozen=True)
class Layers:
    """People by what they show."""

    faces: Sequence[Layer]
    backs: Sequence[Layer]
    bodies: Sequence[Layer]


def face_square(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the centre x, y and the side of the square from brows to chin, by five landmarks.

    >>> face_square(np.array([[10, 10], [30, 10], [20, 20], [13, 30], [27, 30]], float)).tolist()
    [20.0, 21.0, 50.0]
    """
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    side = SIDE * np.hypot(*(mouth - eyes))
    return np.array([*(EYES_SHARE * eyes + (1 - EYES_SHARE) * mouth), side], np.float32)


def cut_layers(samples: Iterable[Sample], attributes: Sequence[str]) -> Layers:
    """Cut all people that are clear enough out of rendered images.

    Args:
        samples: rendered images.
        attributes: names of those that faces are tagged with.
    """
    none = np.zeros(len(attributes), bool)
    faces, backs, bodies = [], [], []
    for sample in samples:
        for index, label in enumerate(sample.people):
            mask = sample.person == index + 1
            if not mask.any():
                continue
            if is_clear(label):
                square = face_square(label.landmarks)
                has = np.array([label.attributes[name] for name in attributes], bool)
                faces.append(_cut(sample.image, mask, square, has))
            elif float(label.metadata["face_yaw"]) > TURNED and label.head_box[3] > SMALLEST:
                x, y, width, height = label.head_box
                square = np.array(
                    [x + width / 2, y + height / 2, HEAD_TO_FACE * height], np.float32
                )
                backs.append(_cut(sample.image, mask, square, none))
            if (top := _collar(label, len(mask))) is not None and mask[top:].mean() > SMALL_BODY:
                image, mask = sample.image[top:], mask[top:]
                bodies.append(_cut(image, mask, _upper_edge(mask), none))
    return Layers(faces, backs, bodies)


def is_clear(label: Labels) -> bool:
    """Whether a person's face is in view, neither turned away nor hidden nor tiny."""
    return (
        label.face_box is not None
        and int((label.visibility == VISIBLE).sum()) >= MIN_LANDMARKS
        and float(label.metadata["face_yaw"]) <= MAX_YAW
        and face_square(label.landmarks)[2] >= SMALLEST
    )


def _collar(label: Labels, height: int) -> int | None:
    """Return the first row below a person's collar, if half of the image or more lies there."""
    known = [y for garment in label.garments for y in garment.landmarks[:2, 1] if np.isfinite(y)]
    if not known or max(known) + COLLAR > height / 2:
        return None
    return max(int(max(known)) + COLLAR, 0)


def _upper_edge(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    columns = np.flatnonzero(mask.any(0))
    width = float(columns[-1] + 1 - columns[0])
    return np.array([columns[0] + width / 2, 0, width], np.float32)


def _cut(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    square: NDArray[np.float32],
    attributes: NDArray[np.bool_],
) -> Layer:
    """Return a layer whose edge is soft and inside of the mask, cropped to what it shows."""
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    alpha = np.clip((alpha - 0.3) / 0.6, 0, 1)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rgba = np.dstack([image[window], (alpha[window] * 255).astype(np.uint8)])
    moved = square - np.array([columns[0], rows[0], 0], np.float32)
    return Layer(rgba, moved, attributes)
