"""Convolutions of a region stage on a CPU: weights packed once, results where they are needed.

What costs here beside the products is memory that is touched for the first time, so rows are
gathered a part at a time into scratch memory that is used again, and results are written
into the columns of a join, or added to the residual in place.
"""

import statistics
import time
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_SCRATCH = 2**20  # numbers for each thread
_FEWEST = 256  # rows at a time, or a product would read its weights too often


class Product:
    """A convolution at chosen rows, as one matrix product.

    Args:
        weight: (T, C, O), taps in raster order.
        bias: (O,).
        widths: Of the parts that the result is written in, side by side; their sum is O.
        add: Whether the result, one part then, is added to a residual.
    """

    def __init__(self, weight: Tensor, bias: Tensor, widths: tuple[int, ...], add: bool) -> None:
        self.num_taps, self.depth = weight.shape[0], weight[..., 0].numel()
        self.weight = weight.flatten(0, 1)
        self.bias, self.add, self.multiply = bias, add, _multiply
        if weight.dtype == torch.float32 and _packing_pays(self.depth, widths, add):
            self.weight, self.multiply = _pack(self.weight), _multiply_packed
        else:
            self.weight = self.weight.contiguous()
        self.step = _SCRATCH // (len(bias) if self.num_taps == 1 else self.depth)

    def num_rows_at_once(self, num_rows: int) -> int:
        return min(max(self.step * torch.get_num_threads(), _FEWEST), max(num_rows, 1))

    def scratch_size(self, num_rows: int) -> int:
        """Return how many numbers of scratch memory a call for that many outputs takes."""
        return self.num_rows_at_once(num_rows) * self.depth if self.num_taps > 1 else 0

    def __call__(
        self,
        source: Tensor,
        table: Tensor | None,
        outs: Sequence[Tensor],
        relu: bool,
        scratch: Tensor,
    ) -> None:
        """Write ``act(columns @ weight + bias)`` to ``outs``, or add it to what the one holds.

        Args:
            source: (N, C).
            table: (M * T,), the rows of the source that each output reads; None for 1x1, where
                each reads its own.
            outs: (M, O') each.
            relu: Whether the result is cut at zero.
            scratch: (S,), at least as long as `scratch_size` says.
        """
        num_rows, taps = outs[0].shape[0], self.num_taps
        step = self.num_rows_at_once(num_rows)
        for start in range(0, num_rows, step):
            x = source[start : start + step]
            if table is not None:
                index = table[start * taps : (start + step) * taps]
                columns = scratch[: len(index) * source.shape[1]].view(len(index), -1)
                x = torch.index_select(source, 0, index, out=columns).view(-1, self.depth)
            parts = [out[start : start + step] for out in outs]
            self.multiply(x, self.weight, self.bias, parts, self.add, relu)


class DenseConvolution:
    """A convolution of a whole map that keeps its size.

    Args:
        weight: (O, C, kh, kw).
        bias: (O,).
        dilation: dh and dw.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dilation: tuple[int, int]) -> None:
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias, self.dilation = bias, list(dilation)
        taps = zip(weight.shape[2:], dilation, strict=True)
        self.padding = [k // 2 * d for k, d in taps]
        self.packed: Tensor | None = None
        self.packed_for: torch.Size | None = None

    def __call__(self, x: Tensor, relu: bool, residual: Tensor | None = None) -> Tensor:
        """Convolve (B, C, H, W), channels last in memory, into (B, O, H, W).

        A residual is added in place, and is the result.
        """
        if x.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
            out = F.conv2d(x, self.weight, self.bias, 1, self.padding, self.dilation)
            out = out if residual is None else residual.add_(out)
            return out.relu_() if relu else out
        if self.packed_for != x.shape:  # packed for another size it is slow
            self.packed_for = x.shape
            self.packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, [1, 1], self.dilation, 1, list(x.shape)
            )
        how = self.packed, self.bias, self.padding, [1, 1], self.dilation, 1
        if residual is None:
            act = "relu" if relu else "none"
            return torch.ops.mkldnn._convolution_pointwise(x, *how, act, [], "")
        end = ("add", 1.0, "relu" if relu else None, [], None)
        return torch.ops.mkldnn._convolution_pointwise_.binary(residual, x, *how, *end)


def _multiply(
    x: Tensor, weight: Tensor, bias: Tensor, outs: Sequence[Tensor], add: bool, relu: bool
) -> None:
    """Multiply by a weight (K, O) with the BLAS library."""
    if add:
        outs[0].addmm_(x, weight).add_(bias)
    elif len(outs) == 1:
        torch.addmm(bias, x, weight, out=outs[0])
    else:
        _split(torch.addmm(bias, x, weight), outs)
    if relu:
        for out in outs:
            out.relu_()


def _multiply_packed(
    x: Tensor, weight: Tensor, bias: Tensor, outs: Sequence[Tensor], add: bool, relu: bool
) -> None:
    """Multiply by a packed weight with oneDNN, which returns a tensor of its own."""
    act = "relu" if relu and not add else "none"
    product = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, act, [], "")
    if not add:
        _split(product, outs)
    elif relu:
        outs[0].add_(product).relu_()
    else:
        outs[0].add_(product)


def _split(product: Tensor, outs: Sequence[Tensor]) -> None:
    for out, part in zip(outs, product.split([out.shape[1] for out in outs], 1), strict=True):
        out.copy_(part)


def _pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous())


@cache
def _packing_pays(depth: int, widths: tuple[int, ...], add: bool) -> bool:
    """Measure, once, which of the two ways to multiply is faster on this machine."""
    if not torch.backends.mkldnn.is_available():
        return False
    x, weight, bias = torch.zeros(512, depth), torch.zeros(depth, sum(widths)), torch.zeros(1)
    bias, outs = bias.expand(sum(widths)).contiguous(), [torch.zeros(512, o) for o in widths]
    ways = (_multiply, weight), (_multiply_packed, _pack(weight))
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(9):
        for (multiply, matrix), times in zip(ways, taken, strict=True):
            start = time.thread_time()
            multiply(x, matrix, bias, outs, add, True)
            times.append(time.thread_time() - start)
    return statistics.median(taken[1]) < statistics.median(taken[0])
