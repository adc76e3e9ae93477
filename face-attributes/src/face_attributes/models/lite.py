"""The small trunk, for images of 64 pixels."""

from torch import Tensor, nn

from face_attributes.models.response_grid import fold_layers
from vision_shared.layers import Normalise


class LiteTrunk(nn.Module):
    """Five convolutions as LNet's, (B, 3, H, W) -> (B, 48, ceil(H / 2) // 2, ceil(W / 2) // 2).

    Batch normalisation stands in for the pre-training on ImageNet that the paper's layers need to
    learn at all; 55 thousand weights.

    Args:
        channels: channels of the five convolutions.
    """

    input_size = 64
    smallest = 3

    def __init__(self, channels: tuple[int, int, int, int, int] = (16, 32, 48, 48, 48)) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        self.layers = nn.Sequential(
            Normalise(),
            *conv_bn_relu(3, c1, 5, stride=2),
            *conv_bn_relu(c1, c2, 3),
            nn.MaxPool2d(2),
            *conv_bn_relu(c2, c3, 3),
            *conv_bn_relu(c3, c4, 3),
            *conv_bn_relu(c4, c5, 3),
        )
        self.grid = fold_layers(self.layers)
        self.channels = c5

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, C, h, w)."""
        return self.layers(image)


def conv_bn_relu(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a convolution without bias, its batch normalisation and a ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outputs), nn.ReLU()
