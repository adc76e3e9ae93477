"""The small trunk of every system here, so that they differ in what they add to it."""

from torch import Tensor, nn

from vision_shared.layers import Normalise


class SmallTrunk(nn.Module):
    """A residual network of three stages on an eighth of the input's size.

    After the stages of Inception-ResNet, which Deep Layer Cascade cuts: every block opens with a
    1x1 convolution, so that a region stage equals the official one (see
    `vision_shared.region.stage`), and the later stages widen what a pixel sees by dilation
    instead of by strides. What every pixel passes, the stem and the first stage, is a quarter of
    the arithmetic: the rest a cascade can save.

    Args:
        width: channels of the stages; a block's 3x3 convolutions have ``width // 2``.
        blocks: blocks in each stage.
        strides: strides of the later two stages: (1, 1) keeps an eighth, (2, 2) ends at a 32nd of
            the size.

    Attributes:
        stages: nn.ModuleList, (B, 3, H, W) in [0, 1] -> (B, C, ceil(H/8), ceil(W/8)) -> ...
        channels: channels of each stage's output.
    """

    def __init__(
        self,
        width: int = 128,
        blocks: tuple[int, int, int] = (2, 4, 8),
        strides: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        stem = nn.Sequential(
            Normalise(),
            conv_bn_relu(3, width // 8, 3, stride=2),
            conv_bn_relu(width // 8, width * 3 // 8, 3, stride=2),
            conv_bn_relu(width * 3 // 8, width, 3, stride=2),
        )
        dilations = (2 if strides[0] == 1 else 1, 4 if strides[1] == 1 else 1)
        first = nn.Sequential(stem, *(Block(width) for _ in range(blocks[0])))
        second, third = (
            nn.Sequential(
                *([conv_bn_relu(width, width, 3, stride=stride)] if stride > 1 else []),
                *(Block(width, dilation) for _ in range(count)),
            )
            for stride, dilation, count in zip(strides, dilations, blocks[1:], strict=True)
        )
        self.stages = nn.ModuleList([first, second, third])
        self.channels = (width, width, width)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the last stage's features."""
        x = image
        for stage in self.stages:
            x = stage(x)
        return x


class Block(nn.Module):
    """relu(x + scale * branch(x)) with a branch of 1x1, 3x3, 1x1, after Szegedy et al. 2017."""

    def __init__(self, channels: int, dilation: int = 1, scale: float = 0.3) -> None:
        super().__init__()
        narrow = channels // 2
        self.scale = scale
        self.branch = nn.Sequential(
            conv_bn_relu(channels, narrow, 1),
            conv_bn_relu(narrow, narrow, 3, dilation=dilation),
            nn.Conv2d(narrow, channels, 1),
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), the scaled residual added."""
        return self.relu(x + self.scale * self.branch(x))


def conv_bn_relu(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU; padded to keep the size at stride 1."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
