"""Region convolution on a CPU: what the operators of `region_conv` do there.

The rows that all taps read are gathered side by side into columns, and one matrix product does
the rest. Measured against a product for each tap, it wins unless most of the table is -1.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

_COLUMNS = 2**23  # bytes of columns for each thread at a time: more does not stay in the cache


def forward(
    source: Tensor,
    table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    """Return ``act(sum over t of source[table[t]] @ weight[t] + bias + residual)``, (M, O)."""
    num_out, flat = table.shape[1], weight.flatten(0, 1)
    out = source.new_zeros(num_out, flat.shape[1]) if residual is None else residual.clone()
    if bias is not None:
        out += bias
    if num_out <= source.shape[0]:
        for part, columns in _columns(source, table):
            out[part].addmm_(columns, flat)
    else:  # a gradient to a map: it goes to pixels near the region, and to few others
        rows = (table >= 0).any(0).nonzero().squeeze(1)
        for part, columns in _columns(source, table[:, rows]):
            out[rows[part]] = torch.addmm(out[rows[part]], columns, flat)
    return out.relu_() if relu else out


def weight_gradient(source: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient to the weight, (T, C, O), from that to the result, (M, O)."""
    num_taps, num_in, num_out = table.shape[0], source.shape[1], grad.shape[1]
    wide = torch.promote_types(source.dtype, torch.float32)
    weight = source.new_zeros(num_taps * num_in, num_out, dtype=wide)
    for part, columns in _columns(source, table):
        if weight.dtype == source.dtype:
            weight.addmm_(columns.t(), grad[part])
        else:
            weight += columns.t() @ grad[part]
    return weight.to(source.dtype).view(num_taps, num_in, num_out)


def _columns(source: Tensor, table: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield parts of the outputs and what they read, (m, T * C); a part's memory is the next's."""
    (num_taps, num_out), (num_rows, channels) = table.shape, source.shape
    # A copy with a row of zeros is cheap, unless the source is a map of which little is read.
    is_padded = num_rows <= num_out
    if is_padded:
        source = torch.cat([source, source.new_zeros(1, channels)])
    index = table.t().flatten()
    missing = index < 0
    index = index.masked_fill(missing, num_rows if is_padded else 0)
    row_bytes = num_taps * channels * source.element_size()
    step = torch.get_num_threads() * max(_COLUMNS // row_bytes, 1)
    memory = source.new_empty(min(step, num_out) * num_taps, channels)
    for start in range(0, num_out, step):
        part = slice(start, min(start + step, num_out))
        taps = slice(start * num_taps, part.stop * num_taps)
        read = memory[: taps.stop - taps.start]
        torch.index_select(source, 0, index[taps], out=read)
        if not is_padded:
            read.index_fill_(0, missing[taps].nonzero().squeeze(1), 0)
        yield part, read.view(-1, num_taps * channels)
