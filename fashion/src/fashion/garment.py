"""What an image is taken apart into, and what whoever does that promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Garment:
    """A garment in an image.

    Attributes:
        box: left, top, right, bottom, pixels of the image.
        type: place in `fashion.data.taxonomy.TYPES`; -1 is not known.
        score: score of the detector, in [0, 1]; 1 where the box was given.
        landmarks: (8, 2) float32, x then y, pixels of the image, in the order of
            `fashion.data.taxonomy.SLOTS`.
        states: (8,) int64, of `fashion.data.taxonomy`; only visible and occluded ones have a place.
        category: its likeliest category.
        probability: probability of that category, in [0, 1].
        attributes: probability in [0, 1] of every attribute that the network knows, by name, in the
            network's order.
        embedding: (D,) float32, of length 1.
    """

    box: Box
    type: int
    score: float
    landmarks: NDArray[np.float32]
    states: NDArray[np.int64]
    category: str
    probability: float
    attributes: Mapping[str, float]
    embedding: NDArray[np.float32]


class Recogniser(Protocol):
    """Finds, aligns and describes the garments of an image."""

    @property
    def transform(self) -> Mapping[str, Any]:
        """What becomes of an image before the network, in plain values that JSON holds.

        Embeddings can be compared only where this is the same.
        """
        ...

    def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
        """Return the garments of (H, W, 3) RGB uint8, sorted by score, descending.

        Args:
            image: the image.
            box: box of the one garment to describe, in pixels, in place of what a detector finds.
        """
        ...


def whole_picture(image: Picture) -> Box:
    """Return the box of all of (H, W, 3)."""
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
