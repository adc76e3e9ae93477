"""The trunk of Deep Layer Cascade: Inception-ResNet on an eighth of the input's size.

Blocks after Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning", 2017; numbers of blocks and channels, strides and dilations as in
the network that Li et al. 2017 released (5 A, 10 B and 5 C blocks, residual scale 0.3). No public
weights fit it: `segmentation.models.timm_trunk` has a relative with weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vision_shared.layers import Normalise

SCALE = 0.3
MEAN = STD = (0.5, 0.5, 0.5)


class InceptionResNet(nn.Module):
    """Groups of layers ``stem``, ``a``, ``reduction_a``, ``b``, ``reduction_b`` and ``c``.

    Args:
        cuts: the groups that a stage ends with, in order; the last stage ends with ``c``.
        blocks: A, B and C blocks.

    Attributes:
        stages: nn.ModuleList, (B, 3, H, W) in [0, 1] -> (B, C, ceil(H/8), ceil(W/8)) -> ...
        channels: channels of each stage's output.

    Raises:
        ValueError: a cut that is no group, or out of order.
    """

    def __init__(
        self,
        cuts: Sequence[str] = ("reduction_a", "reduction_b"),
        blocks: Sequence[int] = (5, 10, 5),
    ) -> None:
        super().__init__()
        groups = {
            "stem": (_Stem(), 384),
            "a": (nn.Sequential(*(_block_a() for _ in range(blocks[0]))), 384),
            "reduction_a": (_reduction_a(), 1152),
            "b": (nn.Sequential(*(_block_b() for _ in range(blocks[1]))), 1152),
            "reduction_b": (_reduction_b(), 2048),
            "c": (nn.Sequential(*(_block_c() for _ in range(blocks[2]))), 2048),
        }
        names = list(groups)
        ends = [*(names.index(cut) if cut in names else -1 for cut in cuts), len(names) - 1]
        if ends != sorted(set(ends)) or ends[0] < 0:
            raise ValueError(f"expected cuts among {names[:-1]}, in order, got {list(cuts)}")
        starts = [0, *(end + 1 for end in ends)]
        self.stages = nn.ModuleList(
            nn.Sequential(*(groups[name][0] for name in names[start : end + 1]))
            for start, end in zip(starts, ends, strict=False)
        )
        self.stages[0].insert(0, Normalise(MEAN, STD))  # type: ignore[operator]
        self.channels = tuple(groups[names[end]][1] for end in ends)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the last stage's features."""
        x = image
        for stage in self.stages:
            x = stage(x)
        return x


class _Stem(nn.Module):
    """(B, 3, H, W) -> (B, 384, H / 8, W / 8), the stem of Inception-v4, padded (figure 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.open = nn.Sequential(_conv(3, 32, 3, stride=2), _conv(32, 32, 3), _conv(32, 64, 3))
        self.fork_1 = _Branches(nn.MaxPool2d(3, 2, 1), _conv(64, 96, 3, stride=2))
        self.fork_2 = _Branches(
            nn.Sequential(_conv(160, 64, 1), _conv(64, 96, 3)),
            nn.Sequential(
                _conv(160, 64, 1), _conv(64, 64, (7, 1)), _conv(64, 64, (1, 7)), _conv(64, 96, 3)
            ),
        )
        self.fork_3 = _Branches(_conv(192, 192, 3, stride=2), nn.MaxPool2d(3, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.fork_3(self.fork_2(self.fork_1(self.open(x))))


class _Branches(nn.Module):
    """Branches side by side, joined along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class _Residual(nn.Module):
    """relu(x + 0.3 * up(branches(x)))."""

    def __init__(self, channels: int, joined: int, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = _Branches(*branches)
        self.up = nn.Conv2d(joined, channels, 1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + SCALE * self.up(self.branches(x)))


def _block_a() -> nn.Module:
    return _Residual(
        384,
        128,
        _conv(384, 32, 1),
        nn.Sequential(_conv(384, 32, 1), _conv(32, 32, 3)),
        nn.Sequential(_conv(384, 32, 1), _conv(32, 48, 3), _conv(48, 64, 3)),
    )


def _reduction_a() -> nn.Module:
    """Strides and pooling are left out: the grid stays, and what would be pooled passes through."""
    return _Branches(
        nn.Identity(),
        _conv(384, 384, 3),
        nn.Sequential(_conv(384, 256, 1), _conv(256, 256, 3), _conv(256, 384, 3)),
    )


def _block_b() -> nn.Module:
    return _Residual(
        1152,
        384,
        _conv(1152, 192, 1),
        nn.Sequential(
            _conv(1152, 128, 1),
            _conv(128, 160, (1, 7), dilation=2),
            _conv(160, 192, (7, 1), dilation=2),
        ),
    )


def _reduction_b() -> nn.Module:
    return _Branches(
        nn.Identity(),
        nn.Sequential(_conv(1152, 256, 1), _conv(256, 384, 3, dilation=2)),
        nn.Sequential(_conv(1152, 256, 1), _conv(256, 256, 3, dilation=2)),
        nn.Sequential(
            _conv(1152, 256, 1), _conv(256, 256, 3, dilation=2), _conv(256, 256, 3, dilation=2)
        ),
    )


def _block_c() -> nn.Module:
    return _Residual(
        2048,
        448,
        _conv(2048, 192, 1),
        nn.Sequential(
            _conv(2048, 192, 1),
            _conv(192, 224, (1, 3), dilation=4),
            _conv(224, 256, (3, 1), dilation=4),
        ),
    )


def _conv(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (dilation * (size[0] // 2), dilation * (size[1] // 2))
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
