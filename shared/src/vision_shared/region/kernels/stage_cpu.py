"""Convolutions of a region stage on a CPU: weights packed once, results where they are needed.

What costs here beside the products is memory that is touched for the first time, so rows are
gathered a part at a time into scratch memory that is used again, and results are written
into the columns of a join, or added to the residual in place.
"""

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 4096  # at a time for each thread
_GATHERED_ROWS = 128  # at a time for each thread: so many columns stay in the cache
_CACHED = 2**18  # numbers for each thread that two passes over them find in the cache
_PAYS = 0.97  # of the other's time: less is measured by chance


class Product:
    """A convolution at chosen rows, as one matrix product.

    Args:
        weight: (T, C, O), taps in raster order.
        bias: (O,).
        widths: widths of the parts that the result is written in, side by side; their sum is O.
        add: Whether the result, one part then, is added to a residual.
    """

    def __init__(self, weight: Tensor, bias: Tensor, widths: tuple[int, ...], add: bool) -> None:
        self.num_taps, self.depth = weight.shape[0], weight[..., 0].numel()
        self.widths = list(widths)
        self.weight = weight.flatten(0, 1)
        self.bias, self.add, self.multiply = bias, add, _multiply
        self.step = _ROWS if self.num_taps == 1 else _GATHERED_ROWS
        if weight.dtype == torch.float32 and _packing_pays(self.depth, len(bias), add, self.step):
            self.weight, self.multiply = _pack(self.weight), _multiply_packed
            self.step = _packed_step(self.step)
        else:
            self.weight = self.weight.contiguous()

    def num_rows_at_once(self, num_rows: int) -> int:
        """Return the number of rows in one block, at most ``num_rows``."""
        return min(self.step * torch.get_num_threads(), num_rows)

    def scratch_size(self, num_rows: int) -> int:
        """Return how many numbers of scratch memory a call for that many outputs takes."""
        width = self.depth if self.num_taps > 1 else sum(self.widths) * (len(self.widths) > 1)
        return self.num_rows_at_once(num_rows) * width

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
        num_rows = outs[0].shape[0]
        if num_rows == 0:
            return
        step = self.num_rows_at_once(num_rows)
        for x, *parts in zip(
            self._columns(source, table, step, scratch),
            *(out.split(step) for out in outs),
            strict=True,
        ):
            out = parts[0]
            if len(parts) > 1:
                out = scratch[: len(x) * len(self.bias)].view(len(x), -1)
            made = self.multiply(x, self.weight, self.bias, out, self.add, relu)
            if made is not parts[0]:
                for part, columns in zip(parts, made.split(self.widths, 1), strict=True):
                    part.copy_(columns)

    def _columns(
        self, source: Tensor, table: Tensor | None, step: int, scratch: Tensor
    ) -> Iterable[Tensor]:
        """Return what the outputs read, (m, T * C), ``step`` at a time."""
        if table is None:
            return source.split(step)
        return self._gathered(source, table.split(step * self.num_taps), scratch)

    def _gathered(
        self, source: Tensor, indices: Sequence[Tensor], scratch: Tensor
    ) -> Iterator[Tensor]:
        """Yield the rows (m, T * C) of one index after another, each in the place of the last."""
        rows = columns = scratch[:0]
        for index in indices:
            if len(index) != len(rows):  # the first, and the last
                rows = scratch[: len(index) * source.shape[1]].view(len(index), -1)
                columns = rows.view(-1, self.depth)
            torch.index_select(source, 0, index, out=rows)
            yield columns


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
    x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, add: bool, relu: bool
) -> Tensor:
    """Multiply by a weight (K, O) with the BLAS library, into ``out``."""
    if not add:
        torch.addmm(bias, x, weight, out=out)
        return out.relu_() if relu else out
    out.addmm_(x, weight)
    for part in out.split(max(_CACHED * torch.get_num_threads() // len(bias), 1)):
        part.add_(bias)
        if relu:
            part.relu_()
    return out


def _multiply_packed(
    x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, add: bool, relu: bool
) -> Tensor:
    """Multiply by a packed weight with oneDNN, which returns a tensor of its own."""
    act = "relu" if relu and not add else "none"
    product = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, act, [], "")
    if not add:
        return product
    out.add_(product)
    return out.relu_() if relu else out


def _packed_step(step: int) -> int:
    """Return how many rows at a time suit oneDNN where so many suit the BLAS library."""
    return min(4 * step, _ROWS)


def _pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous())


@cache
def _packing_pays(depth: int, width: int, add: bool, step: int) -> bool:
    """Measure, once, which of the two ways to multiply is faster on this machine.

    The BLAS library gets ``step`` rows at a time.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    num_rows = 8 * _GATHERED_ROWS
    x, weight, bias = torch.zeros(num_rows, depth), torch.zeros(depth, width), torch.zeros(width)
    out = torch.zeros(num_rows, width)
    ways = (_multiply, weight, step), (_multiply_packed, _pack(weight), _packed_step(step))
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(7):
        for (multiply, matrix, rows), times in zip(ways, taken, strict=True):
            start = time.thread_time()
            for read, written in zip(x.split(rows), out.split(rows), strict=True):
                made = multiply(read, matrix, bias, written, add, True)
                if made is not written:
                    written.copy_(made)
            times.append(time.thread_time() - start)
    return statistics.median(taken[1]) < _PAYS * statistics.median(taken[0])
