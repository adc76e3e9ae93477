"""TensorFlow's "same" padding, of timm's tf_ networks, in a form that is exported for every size.

Where such a convolution strides, what it pads depends on the image's size, and with each stride
torch would have to prove more about a formula that grows threefold: after five of them it gives up,
or fixes the size. Here a program pads by as much as any size needs, and reads from where this size
begins.
"""

from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F


class SameConv2d(Conv2dSame):
    """timm's layer; while it is exported, the same numbers by operators that take every size."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, C, H, W), padded as TensorFlow does, into (B, C', H', W')."""
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        strides = self.stride
        skips = any(1 < span < stride for span, stride in zip(spans, strides, strict=True))
        if skips or not torch.compiler.is_exporting():
            return super().forward(x)
        for dim, span, stride in zip((2, 3), spans, strides, strict=True):
            x = _pad(x, dim, span, stride) if span > 1 else x
        return F.conv2d(x, self.weight, self.bias, strides, 0, self.dilation, self.groups)


def make_exportable(network: nn.Module) -> None:
    """Replace timm's "same" convolutions of a network by `SameConv2d`, parameters kept."""
    for name, layer in list(network.named_modules()):
        if type(layer) is Conv2dSame:
            sizes: dict[str, Any] = {
                key: getattr(layer, key) for key in ("kernel_size", "stride", "dilation", "groups")
            }
            same = SameConv2d(layer.in_channels, layer.out_channels, **sizes)
            same.weight, same.bias = layer.weight, layer.bias
            network.set_submodule(name, same)


def _pad(x: Tensor, dim: int, span: int, stride: int) -> Tensor:
    """Pad so that ceil(size / stride) windows of ``span`` fit; an odd pixel goes behind."""
    size = x.shape[dim]
    cells = (size + stride - 1) // stride
    most = span // 2
    before = (span - stride + -size % stride) // 2
    margins = [0, 0, most, span] if dim == 2 else [most, span]
    positions = torch.arange((cells - 1) * stride + span, device=x.device) + (most - before)
    return F.pad(x, margins).index_select(dim, positions)
