"""The first layer of networks that take images in [0, 1]."""

from collections.abc import Sequence

from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """(B, 3, H, W), RGB in [0, 1] -> zero mean and unit deviation by fixed statistics.

    They are settings of the network, not tensors of its state.

    Args:
        mean: mean of each channel; those of ImageNet unless said.
        std: likewise.
    """

    def __init__(
        self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        super().__init__()
        self.mean = tuple(mean)
        self.std = tuple(std)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W), (image - mean) / std per channel."""
        mean, std = (image.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (image - mean) / std
