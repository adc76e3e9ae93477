"""Networks on a dilated trunk whose one head sees far: FCN's, and DeepLab-v3's pyramid.

Chen, Papandreou, Schroff, Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation",
2017. Layer by layer those of torchvision, whose public weights `segmentation.import_weights` reads.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from segmentation.models.parsing import Head, Parsing, enlarge
from segmentation.models.trunk import conv_bn_relu

Kind = Literal["fcn", "deeplab_v3"]


class DilatedNetwork(nn.Module):
    """A trunk on an eighth of the image's size, a head, and its scores at the image's pixels.

    Args:
        trunk: with ``channels``; ``timm`` of a ResNet is torchvision's.
        num_classes: L.
        head: ``deeplab_v3`` or ``fcn``, two convolutions.
        dilations: dilations of DeepLab-v3's 3x3 convolutions; 12, 24 and 36 on an eighth of
            the size.
        width: channels of DeepLab-v3's head.

    Raises:
        ValueError: another head.
    """

    phases = ("whole",)

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        head: Kind = "deeplab_v3",
        dilations: Sequence[int] = (12, 24, 36),
        width: int = 256,
    ) -> None:
        super().__init__()
        channels: int = trunk.channels[-1]  # type: ignore[index,assignment]
        self.trunk = trunk
        if head == "deeplab_v3":
            pyramid = AtrousPyramid(channels, width, dilations)
            layers = [pyramid, nn.Dropout(0.5), conv_bn_relu(width, width, 3)]
        elif head == "fcn":
            width = channels // 4
            layers = [conv_bn_relu(channels, width, 3), nn.Dropout(0.1)]
        else:
            raise ValueError(f"expected the head deeplab_v3 or fcn, got {head!r}")
        self.head = nn.Sequential(*layers, nn.Conv2d(width, num_classes, 1))

    def begin(self, phase: str) -> None:
        """There is one phase: the whole."""

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """(B, 3, H, W), RGB in [0, 1] -> Parsing."""
        logits = enlarge(self.head(self.trunk(image)), image.shape[-2:])
        return Parsing(logits, (Head(logits),) if self.training else ())


class AtrousPyramid(nn.Module):
    """What a pixel sees at several distances, and the mean of the image, side by side.

    Args:
        inputs: channels of the features.
        width: channels of each branch, and of what they become together.
        dilations: dilations of the 3x3 convolutions.
    """

    def __init__(self, inputs: int, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [conv_bn_relu(inputs, width, 1)]
            + [conv_bn_relu(inputs, width, 3, dilation=dilation) for dilation in dilations]
        )
        self.whole = conv_bn_relu(inputs, width, 1)
        self.project = conv_bn_relu((len(dilations) + 2) * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C', h, w)."""
        mean = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([*(branch(x) for branch in self.branches), mean], 1))
