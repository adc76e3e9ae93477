"""VGG-16 as Deep Parsing Network has it, an eighth of the image's size at its end.

Simonyan, Zisserman 2015, "Very Deep Convolutional Networks", and Liu et al. 2015, table 1: the last
two poolings are gone, and what came behind them is dilated by 2 and 4 instead. (The released code
keeps those poolings with stride 1.) Its classifier's layers are convolutions here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from vision_shared.layers import Normalise
from vision_shared.vgg_weights import copy_convolution, copy_convolutions, copy_vgg16

ContextLayer = Literal["large_fov", "paper"]

_BLOCKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))  # channels by the first's, convolutions
_DILATIONS = (1, 1, 1, 1, 2)


class Vgg16(nn.Module):
    """(B, 3, H, W), RGB in [0, 1] -> (B, C, ceil(H / 8), ceil(W / 8)): groups b1 to b10.

    Args:
        context: the layer fc6. ``paper``: 7x7 with dilation 4, which spans 25x25, and 4096
            channels: 103 of the network's 134 million weights. ``large_fov``: 3x3 with dilation 12
            and 1024 channels, as DeepLab's; the same span, 20 million weights in all.
        width: channels of the first convolution, of which the others are multiples; VGG-16's is 64.
        weights: a file of torchvision's state dict for VGG-16, with batch normalisation or other
            widths it does not fit; read whenever the network is built. None starts from noise
            (He et al. 2015).

    Attributes:
        channels: (C,), 16 or 64 widths.

    Raises:
        ValueError: another context, or a file of something else.
        FileNotFoundError: no file of weights there.
    """

    def __init__(
        self, context: ContextLayer = "large_fov", width: int = 64, weights: str | None = None
    ) -> None:
        super().__init__()
        if context not in ("large_fov", "paper"):
            raise ValueError(f"expected the context large_fov or paper, got {context!r}")
        self.normalise = Normalise()
        self.features = _features(width)
        inputs, outputs = 8 * width, (16 if context == "large_fov" else 64) * width
        kernel, dilation = (3, 12) if context == "large_fov" else (7, 4)
        self.fc6 = nn.Conv2d(inputs, outputs, kernel, padding=12, dilation=dilation)
        self.fc7 = nn.Conv2d(outputs, outputs, 1)
        self.dropout = nn.Dropout(0.5)
        self.channels = (outputs,)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore
        if weights is not None:
            copy_vgg16(Path(weights), self._copy)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [0, 1] -> (B, C, H / 8, W / 8), output of the dilated fc7."""
        x = self.features(self.normalise(image))  # (B, 8 widths, H / 8, W / 8)
        x = self.dropout(self.fc6(x).relu())
        return self.dropout(self.fc7(x).relu())

    def _copy(self, state: Mapping[str, Tensor]) -> None:
        """Copy torchvision's weights; those of the layers fc thinned out to what is here.

        Every fourth channel and third tap of VGG's 4096 and 7x7, as DeepLab's authors did it.
        """
        copy_convolutions([m for m in self.features if isinstance(m, nn.Conv2d)], state)
        inputs, outputs = self.fc6.in_channels, self.fc6.out_channels
        wide = state["classifier.0.weight"].view(-1, inputs, 7, 7)
        each, tap = len(wide) // outputs, 6 // (self.fc6.kernel_size[0] - 1)
        copy_convolution(
            self.fc6, wide[::each, :, ::tap, ::tap], state["classifier.0.bias"][::each]
        )
        square = state["classifier.3.weight"][::each, ::each, None, None]
        copy_convolution(self.fc7, square, state["classifier.3.bias"][::each])


def _features(width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for i, (factor, count) in enumerate(_BLOCKS):
        for _ in range(count):
            outputs, dilation = factor * width, _DILATIONS[i]
            layers += [nn.Conv2d(channels, outputs, 3, 1, dilation, dilation), nn.ReLU()]
            channels = outputs
        if i < 3:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers)
