"""What every network here takes and returns."""

from typing import NamedTuple

from torch import Tensor


class Tagging(NamedTuple):
    """A network's answer to images.

    Attributes:
        logits: (B, A), one for each attribute, or each identity while those are learned; a sigmoid
            gives an attribute's probability.
        features: (B, D), what the logits are a linear function of.
        maps: maps by the paper's names (``c5``; ``c3``, ``c4``), (B, C, h, w), after the ReLU.
    """

    logits: Tensor
    features: Tensor
    maps: dict[str, Tensor]


def expect_image(image: Tensor, smallest: int) -> None:
    """Raise ValueError unless ``image`` is (B, 3, H, W) floating point, large enough."""
    fits = image.ndim == 4 and image.shape[1] == 3 and min(image.shape[2:]) >= smallest
    if not fits or not image.is_floating_point():
        raise ValueError(
            f"expected image (B, 3, H, W) in floating point, H and W of at least {smallest}, got "
            f"{tuple(image.shape)} in {image.dtype}"
        )
