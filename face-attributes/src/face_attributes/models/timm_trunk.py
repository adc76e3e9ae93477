"""A backbone of timm as LNet's trunk."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_attributes.models.response_grid import ResponseGrid, geometry
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network


class TimmTrunk(nn.Module):
    """The features of a timm network where its cells are ``reduction`` pixels apart.

    Where its cells lie has to be known exactly, so its layers must pad both sides by half of their
    kernel, as ResNets and MobileNets do: then cell i is centred at pixel ``i * reduction``.

    Args:
        model: timm's name of it, e.g. ``resnet18``, ``mobilenetv3_small_100``.
        reduction: pixels between cells; LNet's are 16.
        pretrained: ImageNet weights, or a file of weights (`vision_shared.pretrained`).
        input_size: pixels a side of the regions that it is given in a cascade.

    Attributes:
        channels: channels of the features; negative values are cut, so that a response is one.

    Raises:
        ValueError: no such network, no such reduction, or a layer that pads otherwise.
    """

    def __init__(
        self, model: str, reduction: int = 16, pretrained: bool | str = False, input_size: int = 224
    ) -> None:
        super().__init__()
        index = _find_level(model, reduction)
        network: Any = create_network(model, pretrained, features_only=True, out_indices=(index,))
        _expect_centred(model, network)
        config = network.default_cfg
        self.normalise = Normalise(config["mean"], config["std"])
        self.network = network
        self.channels: int = network.feature_info.channels()[0]
        self.grid = ResponseGrid(float(reduction), 0.5)
        self.input_size = input_size
        self.smallest = reduction

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, 3, H, W) in [0, 1] to features (B, C, h, w), not negative."""
        return F.relu(self.network(self.normalise(image))[0])


def _find_level(model: str, reduction: int) -> int:
    with torch.device("meta"):  # to be looked at alone
        info: Any = create_network(model, features_only=True).feature_info
    reductions = info.reduction()
    if reduction not in reductions:
        raise ValueError(f"expected a reduction of {model} among {reductions}, got {reduction}")
    return len(reductions) - 1 - reductions[::-1].index(reduction)


def _expect_centred(model: str, network: nn.Module) -> None:
    for name, layer in network.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            continue
        kernel, stride, padding = geometry(layer)
        if 2 * padding != kernel - 1:
            raise ValueError(
                f"expected layers of {model} that pad both sides by half of their kernel, got "
                f"{name} of {kernel} pixels, stride {stride}, padding {padding}"
            )
