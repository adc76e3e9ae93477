"""What every network here takes and returns."""

from typing import NamedTuple

from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Tagging(NamedTuple):
    """A network's answer to images.

    Attributes:
        logits: (B, A), one for each attribute, or each identity while those are learnt; a sigmoid
            gives an attribute's probability.
        features: (B, D), what the logits are a linear function of.
        maps: by the paper's names (``c5``; ``c3``, ``c4``), (B, C, h, w), after the ReLU.
    """

    logits: Tensor
    features: Tensor
    maps: dict[str, Tensor]


class Normalise(nn.Module):
    """(B, 3, H, W), RGB in [0, 1] -> zero mean and unit deviation by fixed statistics."""

    def __init__(self, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, image: Tensor) -> Tensor:
        mean, std = (image.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (image - mean) / std


def expect_image(image: Tensor, smallest: int) -> None:
    """Raise ValueError unless ``image`` is (B, 3, H, W) floating point, large enough."""
    fits = image.ndim == 4 and image.shape[1] == 3 and min(image.shape[2:]) >= smallest
    if not fits or not image.is_floating_point():
        raise ValueError(
            f"expected image (B, 3, H, W) in floating point, H and W of at least {smallest}, got "
            f"{tuple(image.shape)} in {image.dtype}"
        )
