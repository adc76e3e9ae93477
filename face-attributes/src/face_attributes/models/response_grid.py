"""Where the cells of a feature map lie in the image.

Convention: positions are continuous pixel coordinates, x then y, as a box's edges have them: pixel
0 covers [0, 1), so its centre is at 0.5.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vision_shared.layers import sample_bilinear


@dataclass(frozen=True)
class ResponseGrid:
    """The receptive fields of a map's cells: cell i's is centred at ``offset + i * stride``.

    Attributes:
        stride: pixels between neighbouring cells, along both axes.
        offset: centre of cell 0.
    """

    stride: float
    offset: float

    def centres(self, cells: Tensor) -> Tensor:
        """Return the centres of cells, given by their indices."""
        return self.offset + cells * self.stride

    def to_pixels(self, response: Tensor, size: tuple[int, int]) -> Tensor:
        """Read a map (B, h, w) at the centres of an image's pixels, bilinear: (B, *size).

        Pixels beyond the outermost centres take those cells' values. An interpolation to the
        image's size would instead spread the cells evenly over it, and so shift them by half the
        difference of the margins, which padding makes unequal.
        """
        y, x = (
            (torch.arange(n, device=response.device) + 0.5 - self.offset) / self.stride
            for n in size
        )
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)  # (H, W, 2)
        points = points.expand(len(response), -1, -1, -1)
        return sample_bilinear(response[:, None], points)[:, 0]


def fold_layers(layers: Iterable[nn.Module]) -> ResponseGrid:
    """Return the grid of a chain of layers; those without a kernel change nothing.

    Source: Dumoulin, Visin 2016, "A guide to convolution arithmetic for deep learning".
    """
    stride, offset = 1.0, 0.5
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, step, padding = geometry(layer)
            offset += ((kernel - 1) / 2 - padding) * stride
            stride *= step
    return ResponseGrid(stride, offset)


def geometry(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> tuple[int, int, int]:
    """Return span, stride and padding along the rows of a layer with a square kernel."""
    padding = layer.padding
    assert not isinstance(padding, str)
    kernel, step, padding = (
        value[0] if isinstance(value, tuple) else value
        for value in (layer.kernel_size, layer.stride, padding)
    )
    dilation = 1 if isinstance(layer, nn.AvgPool2d) else layer.dilation
    dilation = dilation[0] if isinstance(dilation, tuple) else dilation
    return (kernel - 1) * dilation + 1, step, padding
