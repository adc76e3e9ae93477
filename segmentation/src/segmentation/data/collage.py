"""People cut out of their images: before another photograph, or in front of other people."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.masks import Mask
from segmentation.data.sets import SegmentationSet
from synthetic_people.backgrounds import Backgrounds

OTHER_PHOTOGRAPH = 0.6  # of the collages; the others show more people
SIZES = (0.5, 1.6)  # of people in front, over theirs
TINT = 0.1  # deviation of the logarithm of each channel


@dataclass(frozen=True)
class Collage:
    """Collages of images with masks whose class 0 is all but people.

    A cut-out keeps a soft edge, as its own image has. It costs a millisecond where rendering costs
    a hundred, and no person is learned with the one background it was rendered before.

    Args:
        pictures: images whose people are put in front.
        photographs: photographs without people, to put behind.
        share: share of images that become a collage, in [0, 1].
    """

    pictures: SegmentationSet
    photographs: Backgrounds
    share: float

    def __call__(
        self, image: NDArray[np.uint8], mask: Mask, seed: int
    ) -> tuple[NDArray[np.uint8], Mask]:
        """Return a collage of an image (H, W, 3) and its mask, or both as they are, by the seed."""
        rng = np.random.default_rng((seed, 1))
        if rng.random() >= self.share:
            return image, mask
        if rng.random() < OTHER_PHOTOGRAPH:
            behind = self.photographs.crop(rng, *image.shape[:2])
            return paste(image, mask, behind, np.zeros_like(mask), rng)
        front, front_mask = self.pictures.read(int(rng.integers(len(self.pictures))))
        return paste(*_moved(front, front_mask, image.shape[:2], rng), image, mask, rng)


def paste(
    front: NDArray[np.uint8],
    front_mask: Mask,
    image: NDArray[np.uint8],
    mask: Mask,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], Mask]:
    """Put what is not class 0 of an image, in a random tint, in front of another of its size."""
    covered = front_mask > 0
    cover = cv2.erode(covered.astype(np.float32), np.ones((2, 2)))
    cover = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None]
    tint = np.exp(rng.normal(0, TINT, 3)).astype(np.float32)
    mixed = front * tint * cover + image * (1 - cover)
    return mixed.clip(0, 255).astype(np.uint8), np.where(covered, front_mask, mask)


def _moved(
    image: NDArray[np.uint8], mask: Mask, size: tuple[int, ...], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Mask]:
    """Return an image and its mask at another place and scale, mirrored or not, in (H, W)."""
    height, width = size
    scale = float(np.exp(rng.uniform(*np.log(SIZES))))
    x, y = rng.uniform(-0.3, 0.3, 2) * (width, height) + (width / 2, height / 2)
    across = scale if rng.random() < 0.5 else -scale
    rows, columns = mask.shape
    move = np.array([[across, 0, x - across * columns / 2], [0, scale, y - scale * rows / 2]])
    moved = cv2.warpAffine(image, move, (width, height), flags=cv2.INTER_LINEAR)
    return moved, cv2.warpAffine(mask, move, (width, height), flags=cv2.INTER_NEAREST)  # type: ignore[return-value]
