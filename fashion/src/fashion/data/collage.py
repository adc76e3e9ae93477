"""Samples of whole images for a detector: garments small and large, cut off, many together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.data.augment import Augmentation
from fashion.data.framing import Image, whole

CELLS = (1, 2, 3, 4)
SHARES = (0.5, 0.25, 0.15, 0.1)
"""How often a sample is one image, or a grid of so many cells a side: what takes two fifths of an
image takes a tenth of a sample then, and people stand side by side."""

MAX_IMAGES = 4
"""That a sample shows, in parts of their own: reading them is what it costs."""

CROPPED = 0.5
"""Share of the images that are shown in part, around one of their garments."""

MIN_SIDE, LARGEST_SHIFT = 0.8, 0.35
"""Of such a part: its least side, as a share of the garment's longer one, and how far the garment
is from its middle, as a share of its side."""

TRIMMED, MIN_ASPECT = 0.5, 0.5
"""Share of the images that are shown wide or high, as photographs are, with padding beside them;
and the least of their shorter side over the longer one."""

MIN_SHOWN = 0.2
"""Share of a garment's box, or of the cell if that is less, from which on a sample shows it."""


class Shown(NamedTuple):
    """An image, and the garments that are known in it.

    Attributes:
        image: RGB uint8 (H, W, 3).
        boxes: (M, 4), x1, y1, x2, y2, pixels; M is 0 for a background.
        types: (M,).
    """

    image: Image
    boxes: NDArray[np.float32]
    types: NDArray[np.integer]


class Collage:
    """Makes samples of images; a sample follows from them and its seed alone.

    Args:
        size: height and width of the samples.
        jitter: largest relative change of brightness and contrast, in [0, 1).
        degrade: share of the images that look as another camera's.
    """

    def __init__(self, size: int, jitter: float, degrade: float = 0.0) -> None:
        self.size = size
        self._views = {
            side: Augmentation(
                size=(side, side), scale=(1, 1), shift=0, jitter=jitter, degrade=degrade
            )
            for number in CELLS
            for side in np.diff(self._edges(number)).tolist()
        }

    def __call__(
        self, pictures: Sequence[Shown], number: int, seed: int
    ) -> tuple[Image, NDArray[np.float32], NDArray[np.integer]]:
        """Return a sample, RGB uint8 (size, size, 3), its boxes (K, 4), fractions, and their types.

        Args:
            pictures: `MAX_IMAGES` at most, the first of which a single one is.
            number: number of cells a side.
            seed: seed of the regions that are shown.
        """
        rng = np.random.default_rng(seed)
        sample = np.empty((self.size, self.size, 3), np.uint8)
        boxes: list[NDArray[np.floating]] = [np.zeros((0, 4), np.float32)]
        types: list[NDArray[np.integer]] = [np.zeros(0, np.int64)]
        edges = self._edges(number)
        for cell in range(number**2):
            row, column = divmod(cell, number)
            top, left = edges[row], edges[column]
            height, width = edges[row + 1] - top, edges[column + 1] - left
            shown = pictures[cell if cell < len(pictures) else int(rng.integers(len(pictures)))]
            side = int(max(height, width))
            part, placed, chosen = self._cell(shown, side, rng)
            sample[top : top + height, left : left + width] = part[:height, :width]
            boxes.append((placed * side + np.tile([left, top], 2)) / self.size)
            types.append(chosen)
        placed = np.concatenate(boxes).clip(0, 1).astype(np.float32)
        return sample, placed, np.concatenate(types)

    def _cell(
        self, shown: Shown, side: int, rng: np.random.Generator
    ) -> tuple[Image, NDArray[np.float32], NDArray[np.integer]]:
        """Show an image or a part of it; boxes are fractions of the cell, of what it shows."""
        region = _part(shown, rng) if rng.random() < CROPPED else whole(shown.image)
        region = _trimmed(region, rng) if rng.random() < TRIMMED else region
        seed = int(rng.integers(2**31))
        part, frame = self._views[side](shown.image, region, seed)
        left, top, width, height = frame.place
        if frame.is_mirrored:
            left = side - left - width
        limits = np.array([left, top, left + width, top + height], np.float32) / side
        boxes = [frame.box_to_sample(box) for box in shown.boxes]
        placed = np.array(boxes, np.float32).reshape(-1, 4)
        clipped = np.concatenate(
            [np.maximum(placed[:, :2], limits[:2]), np.minimum(placed[:, 2:], limits[2:])], 1
        )
        is_shown = _area(clipped) >= MIN_SHOWN * np.minimum(_area(placed), 1)
        return part, clipped[is_shown], np.asarray(shown.types)[is_shown]

    def _edges(self, number: int) -> NDArray[np.integer]:
        return np.linspace(0, self.size, number + 1).round().astype(np.int64)


def choose_number(rng: np.random.Generator) -> int:
    """Return how many cells a side a sample has."""
    return int(rng.choice(CELLS, p=SHARES))


def _part(shown: Shown, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a square part (4,) of an image around one of its garments, large or small."""
    boxes = shown.boxes if len(shown.boxes) else whole(shown.image)[None] / 3
    box = boxes[rng.integers(len(boxes))]
    extent = box[2:] - box[:2]
    most = float(max(shown.image.shape[:2]))
    least = min(MIN_SIDE * float(extent.max()), most)
    side = np.exp(rng.uniform(np.log(least), np.log(most)))
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2) * side
    limits = np.array(shown.image.shape[1::-1], np.float32)
    centre = np.clip(
        centre, np.minimum(side / 2, limits / 2), limits - np.minimum(side, limits) / 2
    )
    return np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)


def _trimmed(region: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a part of a square region (4,) that is wide or high."""
    axis, share, place = rng.integers(2), rng.uniform(MIN_ASPECT, 1), rng.random()
    side = region[axis + 2] - region[axis]
    trimmed = region.copy()
    trimmed[axis] = region[axis] + place * (1 - share) * side
    trimmed[axis + 2] = trimmed[axis] + share * side
    return trimmed


def _area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    return (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(1)
