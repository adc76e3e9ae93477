"""Attributes of the faces that a finder returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from face_attributes.localize import crop_regions

SURROUNDINGS = 2.0
"""What LNet is shown of a face that it found, times the box: it learned from heads in images."""


@dataclass(frozen=True)
class Tagger:
    """A network that describes regions of images.

    Attributes:
        network: network from `face_attributes.models.build_network`.
        names: names of its attributes.
        size: height and width of what it is shown, pixels.
        context: side of the region that it is shown, times the box's sides.
        learned_from: region of its training images: the ``box`` of a face, or ``whole`` ones.
        reliable: names of the attributes that held on photographs; None where no one
            measured it.
    """

    network: nn.Module
    names: Sequence[str]
    size: tuple[int, int]
    context: float
    learned_from: Literal["box", "whole"]
    reliable: Sequence[str] | None = None

    def __call__(self, image: Tensor, regions: Tensor) -> Tensor:
        """Describe all regions in one pass: (3, H, W) in [0, 1] and (N, 4) -> (N, A) in [0, 1]."""
        if len(regions) == 0:
            return image.new_zeros(0, len(self.names))
        pictures, _ = crop_regions(image, regions, self.size)
        return self.network(pictures).logits.sigmoid()
