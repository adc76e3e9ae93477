"""One sample: a rendered image and everything that is known of it, exactly."""

from dataclasses import dataclass, field

import numpy as np

VISIBLE, OCCLUDED, OUTSIDE = 0, 1, 2  # visibility of a landmark; OUTSIDE is out of the frame

FACE_LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")  # of the image
GARMENT_LANDMARKS = (
    "left_collar", "right_collar", "left_sleeve", "right_sleeve",
    "left_waistline", "right_waistline", "left_hem", "right_hem",
)  # fmt: skip


@dataclass
class Garment:
    """A garment in an image.

    Args:
        item: number of the design; the same on whoever wears it.
        category: a word of `wardrobe.CATEGORIES`.
        kind: "upper", "lower" or "full".
        attributes: words of `design_attributes.ATTRIBUTES` that hold.
        box: x, y, width, height in pixels of what is seen of it; zeros where nothing is.
        landmarks: (8, 2) x, y in pixels, by `GARMENT_LANDMARKS`; NaN for those it does not have.
        visibility: (8,) uint8, VISIBLE, OCCLUDED or OUTSIDE.
    """

    item: int
    category: str
    kind: str
    attributes: tuple[str, ...]
    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    visibility: np.ndarray


@dataclass
class Labels:
    """Labels of one person in an image; boxes are x, y, width, height in pixels.

    Args:
        identity: number of the person; the same in all images of one person.
        metadata: age, sex, ancestry, pose mode, expression, yaw ... plain values.
        attributes: CelebA's names of attributes to whether they hold.
        box: box of the visible person; zeros where nothing is.
        head_box: skull, hair left out; (0, 0, 0, 0) where the head is outside of the image.
        face_box: brows to chin and cheek to cheek; None where the face is turned away or hidden.
        landmarks: (5, 2) x, y by `FACE_LANDMARKS`.
        visibility: (5,) uint8 of the landmarks.
        garments: clothes, outermost first.
    """

    identity: int
    metadata: dict[str, float | int | str]
    attributes: dict[str, bool]
    box: tuple[float, float, float, float]
    head_box: tuple[float, float, float, float]
    face_box: tuple[float, float, float, float] | None
    landmarks: np.ndarray
    visibility: np.ndarray
    garments: list[Garment] = field(default_factory=list)


@dataclass
class Sample:
    """A rendered image with its labels; maps are those of pixel centres.

    Args:
        image: (H, W, 3) uint8 sRGB.
        parts: (H, W) uint8 labels of `parts.PARTS`.
        person: (H, W) uint8, 1 + index into `people`, 0 where there is none.
        garment: (H, W) uint8, 1 + index over the garments of all people in order, 0 for none.
        edge: (H, W) bool, pixels that more than one label covers (anti-aliased).
        depth: (H, W) float32 metres along the optical axis, inf for the background.
        people: labels of each person; one that nothing is seen of has boxes of zeros.
        flow: (H, W, 2) float32, x and y pixels to where each point lies in the next image of a
            motion; None for a single image.
        occluded: (H, W) bool, points that the next image does not show; None likewise.
    """

    image: np.ndarray
    parts: np.ndarray
    person: np.ndarray
    garment: np.ndarray
    edge: np.ndarray
    depth: np.ndarray
    people: list[Labels]
    flow: np.ndarray | None = None
    occluded: np.ndarray | None = None
