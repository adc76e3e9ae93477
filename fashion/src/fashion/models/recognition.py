"""What the networks answer, and the eight landmarks that they speak of."""

from typing import NamedTuple

from torch import Tensor

from fashion.data.taxonomy import OCCLUDED, SLOTS, STATES, VISIBLE

NUM_LANDMARKS = len(SLOTS)

NUM_STATES = len(STATES)
"""States that networks tell apart: a landmark that is absent is one that is not in the image."""


class Recognition(NamedTuple):
    """A network's answer to images of one garment each.

    Attributes:
        landmarks: (B, 8, 2), x then y, fractions of the input's width and height; (0, 0) is the
            outer corner of the top-left pixel. Nothing keeps them inside the image.
        state_logits: (B, 8, 3), visible, occluded, and not in the image (truncated, or absent
            from a garment of this type).
        category_logits: (B, C).
        attribute_logits: (B, A); a sigmoid gives an attribute's probability.
        embedding: (B, D), of length 1.
    """

    landmarks: Tensor
    state_logits: Tensor
    category_logits: Tensor
    attribute_logits: Tensor
    embedding: Tensor


def locatable(states: Tensor) -> Tensor:
    """(B, 8) states -> bool: the landmark has a place in the image, visible or occluded."""
    return (states == VISIBLE) | (states == OCCLUDED)


def expect_annotation(landmarks: Tensor, states: Tensor, batch: int) -> None:
    """Raise ValueError unless they are (B, 8, 2) and (B, 8)."""
    if landmarks.shape != (batch, NUM_LANDMARKS, 2) or states.shape != (batch, NUM_LANDMARKS):
        raise ValueError(
            f"expected landmarks ({batch}, {NUM_LANDMARKS}, 2) and states ({batch}, "
            f"{NUM_LANDMARKS}), got {tuple(landmarks.shape)} and {tuple(states.shape)}"
        )
