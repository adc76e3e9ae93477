"""What every trunk offers, and the small one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vision_shared.layers import Normalise


class Trunk(NamedTuple):
    """The layers below a network's heads: shared ones, then one branch for each of its tasks.

    Attributes:
        shared: (B, 3, H, W), RGB in [0, 1] -> (B, C, H / stride, W / stride): what landmarks are
            pooled from.
        branches: each (B, C, h, w) -> (B, C', h', w').
        channels: C.
        stride: stride of the shared features, pixels.
        branch_channels: C'.
        branch_stride: stride of the branches' features, pixels.
        grid: cells a side that a branch's features are max-pooled to before full connections.
        fc: first weights and biases of one full connection after the other, where there are some.
    """

    shared: nn.Module
    branches: tuple[nn.Module, ...]
    channels: int
    stride: int
    branch_channels: int
    branch_stride: int
    grid: int
    fc: tuple[tuple[Tensor, Tensor], ...] = ()


def small_trunk(
    num_branches: int, channels: Sequence[int] = (24, 48, 64, 64), branch: int = 96, grid: int = 4
) -> Trunk:
    """Build a trunk for images of 64 to 96 pixels: a quarter of the size, then an eighth.

    Args:
        num_branches: number of branches of the trunk.
        channels: channels of the four shared convolutions.
        branch: channels of a branch's two.
        grid: cells a side, see `Trunk`.
    """
    c1, c2, c3, c4 = channels
    shared = nn.Sequential(
        Normalise(),
        conv_bn_relu(3, c1, stride=2),
        conv_bn_relu(c1, c2),
        nn.MaxPool2d(2),
        conv_bn_relu(c2, c3),
        conv_bn_relu(c3, c4),
    )
    branches = tuple(
        nn.Sequential(conv_bn_relu(c4, branch, stride=2), conv_bn_relu(branch, branch))
        for _ in range(num_branches)
    )
    return Trunk(shared, branches, c4, 4, branch, 8, grid)


def conv_bn_relu(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution that keeps the size at stride 1, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class FullyConnected(nn.Module):
    """A branch's features, max-pooled to a grid, through one layer: (B, C, h, w) -> (B, D).

    Args:
        channels: C.
        grid: cells a side.
        width: D.
        dropout: dropout of the D outputs.
    """

    def __init__(self, channels: int, grid: int, width: int, dropout: float) -> None:
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(grid)
        self.layers = fc(channels * grid**2, width, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) of any size -> (B, D)."""
        return self.layers(self.pool(features).flatten(1))


def start_fc(layers: Sequence[nn.Module], weights: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Begin full connections, one above the other, with the weights of others.

    One of another width stays as it is, and so do those above it. Inputs of a later one that the
    others have not, which stand behind theirs, keep their weights.

    Args:
        layers: each a linear layer, or a `fc` or `FullyConnected` with one.
        weights: (D, D') and (D,) each, of a trunk.
    """
    for place, (layer, (weight, bias)) in enumerate(zip(layers, weights, strict=False)):
        linear = next(module for module in layer.modules() if isinstance(module, nn.Linear))
        width, inputs = weight.shape
        more = linear.in_features - inputs
        if linear.out_features != width or more < 0 or (place == 0 and more):
            return
        with torch.no_grad():
            linear.weight[:, :inputs] = weight
            linear.bias.copy_(bias)


def fc(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Return a linear layer as VGG has it, with its ReLU and dropout."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout))
