"""What every network here returns: class scores, and what its training supervises."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = 255
"""Stands in a target for a pixel without a label."""


class Head(NamedTuple):
    """Scores that the training supervises.

    Attributes:
        logits: (B, L, h, w), at any size.
        region: (B, h, w) bool, the pixels that the loss is of; None is all of them.
        weight: weight of its loss.
        target: (B, h, w) class ids of its own, with 255 unlabelled; None is the image's.
    """

    logits: Tensor
    region: Tensor | None = None
    weight: float = 1.0
    target: Tensor | None = None


class Parsing(NamedTuple):
    """A segmentation of images.

    Attributes:
        logits: (B, L, H, W), scores of the classes at the pixels of the image; a softmax over L
            gives probabilities.
        heads: while training, what the loss is of, (B, L, h, w) each.
        stages: (B, h, w) uint8, of a cascade: the stage, from 0, that decided each cell.
        terms: images of the energy's terms by name, (B, L, h, w), for networks that have them.
    """

    logits: Tensor
    heads: tuple[Head, ...] = ()
    stages: Tensor | None = None
    terms: dict[str, Tensor] = {}  # noqa: RUF012, a NamedTuple's default is never written to


def enlarge(logits: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """(B, L, h, w) -> (B, L, *size), bilinear; the grid's corners are those of the image.

    >>> enlarge(torch.rand(1, 3, 4, 4), (32, 32)).shape
    torch.Size([1, 3, 32, 32])
    """
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def shrink_target(target: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """(B, H, W) class ids -> (B, *size), by the nearest pixel to each cell's centre."""
    return F.interpolate(target[:, None].float(), size=tuple(size), mode="nearest-exact")[
        :, 0
    ].long()
