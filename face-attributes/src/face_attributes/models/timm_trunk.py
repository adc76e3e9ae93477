"""A backbone of timm as LNet's trunk."""

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from face_attributes.models.response_grid import ResponseGrid, geometry
from vision_shared.inputs import InputError
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network, feature_levels

CENTRED = 0.5
"""Centre of pixel 0, where cell 0 lies if all layers pad evenly."""


class TimmTrunk(nn.Module):
    """The features of a timm network where its cells are ``reduction`` pixels apart.

    Where its cells lie is known exactly: layers that pad both sides by half of their kernel, as
    those of ResNets, MobileNets and EfficientNets, centre cell i at pixel ``i * reduction``; others
    (TensorFlow's padding, the patches of ConvNeXts) move the cells by as much at every image's
    size, for images are filled up to whole cells.

    Args:
        model: timm's name of it, e.g. ``resnet18``, ``mobilenetv3_small_100``, ``convnext_atto``.
        reduction: pixels between cells; LNet's are 16.
        pretrained: ImageNet weights, or a file of weights (`vision_shared.pretrained`).
        input_size: pixels a side of the regions that it is given in a cascade.

    Attributes:
        channels: channels of the features; negative values are cut, so that a response is one.

    Raises:
        InputError: no such network, no such reduction, or layers side by side that pad otherwise.
    """

    def __init__(
        self, model: str, reduction: int = 16, pretrained: bool | str = False, input_size: int = 224
    ) -> None:
        super().__init__()
        levels = feature_levels(model, [reduction])
        network: Any = create_network(model, pretrained, features_only=True, out_indices=levels)
        config = network.default_cfg
        self.normalise = Normalise(config["mean"], config["std"])
        self.network = network
        self.channels: int = network.feature_info.channels()[0]
        self.grid = _grid(model, network, reduction)
        self.input_size = input_size
        self.smallest = reduction

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, 3, H, W) in [0, 1] to features (B, C, h, w), not negative."""
        x = self.normalise(image)
        if self.grid.offset != CENTRED:
            height, width = image.shape[2:]
            x = F.pad(x, (0, -width % self.smallest, 0, -height % self.smallest))
        return F.relu(self.network(x)[0])


def _grid(model: str, network: Any, reduction: int) -> ResponseGrid:
    """Return where the cells of a network's features lie (Dumoulin, Visin 2016)."""
    stride, offset, all_centred = 1, CENTRED, True
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            continue
        kernel, step, padding = geometry(layer)
        if isinstance(layer, Conv2dSame):  # of images of whole cells, an odd pixel goes behind
            padding = max(kernel - step, 0) // 2
        shift = (kernel - 1) / 2 - padding
        all_centred &= shift == 0
        if stride < reduction:  # what some networks have behind their features moves nothing
            offset += shift * stride
        stride *= step
    if all_centred:
        return ResponseGrid(float(reduction), CENTRED)
    if stride not in (reduction, _last_reduction(model)):  # some are side by side: no one path
        raise InputError(
            f"expected layers of {model} that pad both sides by half of their kernel, or follow "
            f"one another; its strides multiply to {stride}"
        )
    return ResponseGrid(float(reduction), offset)


def _last_reduction(model: str) -> int:
    with torch.device("meta"):  # to be looked at alone
        network: Any = create_network(model, features_only=True)
    return network.feature_info.reduction()[-1]
