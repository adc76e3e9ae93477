"""Region convolution as PyTorch operators: gather and GEMM on a CPU, implicit GEMM on CUDA.

All are opaque to torch.compile and torch.export: one node each, any number of active pixels. A
table (T, M), int32, says for each tap t of a kernel and each output row m which row of the source
is read there; -1 reads zeros.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.decompositions import decomposes
from vision_shared.kernels.on_cuda import kernels_on_cuda
from vision_shared.region.kernels import conv_cpu


@torch.library.custom_op("vision_shared::region_rows", mutates_args=())
def region_rows(mask: Tensor) -> Tensor:
    """Return the flat indices where ``mask`` is True, (M,), int64, ascending.

    The one wait for the device of a region; M is a size of its own in a traced program.
    """
    return mask.flatten().nonzero().squeeze(1)


@torch.library.custom_op("vision_shared::region_picks", mutates_args=())
def region_picks(places: Tensor, rows: Tensor) -> Tensor:
    """Return the tokens (M',), int64, of a region that are those of the pixels ``rows``.

    Args:
        places: (B * H * W,), int32, the region's token at each pixel, -1 where there is none.
        rows: (M',), int64, flat indices of pixels.

    Raises:
        ValueError: The region has no token at some of the pixels. To know it waits for the device.
    """
    picks = places[rows].long()
    outside = int((picks < 0).sum())
    if outside:
        raise ValueError(
            f"expected a region inside its parent, got {outside} of {len(rows)} active pixels "
            "where the parent has none"
        )
    return picks


@torch.library.custom_op("vision_shared::region_conv", mutates_args=(), device_types="cpu")
def region_conv(
    source: Tensor,
    table: Tensor,
    back_table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    """Return ``act(sum over t of source[table[t]] @ weight[t] + bias + residual)``, (M, O).

    The operator behind `vision_shared.region.region_conv2d`, which checks what goes in.

    Args:
        source: (N, C), floating point; the other tensors have its type, except tables.
        table: (T, M), the row of the source at the offset of tap t from output m; -1 for none.
        back_table: (T, N), the output at the offset of tap t from row n of the source; -1 for
            none. Only the gradient to the source reads it.
        weight: (T, C, O), the taps in raster order.
        bias: (O,).
        residual: (M, O).
        relu: Whether the result is cut at zero.

    The gradients are sums in a fixed order: the same on every run.
    """
    return conv_cpu.forward(source, table, weight, bias, residual, relu)


@torch.library.custom_op("vision_shared::region_conv_weight", mutates_args=(), device_types="cpu")
def region_conv_weight(source: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient to the weight, (T, C, O), from that to the result, (M, O)."""
    return conv_cpu.weight_gradient(source, table, grad)


def _kernels_on_cuda() -> Any:
    return kernels_on_cuda("vision_shared.region.kernels.conv_triton", conv_cpu)


@region_conv.register_kernel("cuda")
def _(
    source: Tensor,
    table: Tensor,
    back_table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    return _kernels_on_cuda().forward(source, table, weight, bias, residual, relu)


@region_conv_weight.register_kernel("cuda")
def _(source: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    return _kernels_on_cuda().weight_gradient(source, table, grad)


@region_rows.register_fake
def _(mask: Tensor) -> Tensor:
    return mask.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


@region_picks.register_fake
def _(places: Tensor, rows: Tensor) -> Tensor:
    return rows.new_empty(rows.shape)


@region_conv.register_fake
def _(
    source: Tensor,
    table: Tensor,
    back_table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    return source.new_empty(table.shape[1], weight.shape[2])


@region_conv_weight.register_fake
def _(source: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    return source.new_empty(table.shape[0], source.shape[1], grad.shape[1])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    source, table, back_table, weight, _, _, relu = inputs
    ctx.save_for_backward(source, table, back_table, weight, output if relu else None)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    source, table, back_table, weight, output = ctx.saved_tensors
    need_source, _, _, need_weight, need_bias, need_residual, _ = ctx.needs_input_grad
    if output is not None:
        grad = torch.where(output <= 0, 0, grad)
    to_source = to_weight = None
    if need_source:
        # What tap t read from the source goes back by the tap on the other side of the centre.
        tables = back_table.flip(0), table.flip(0)
        to_source = region_conv(grad, *tables, weight.transpose(1, 2), None, None, False)
    if need_weight:
        to_weight = region_conv_weight(source, table, grad)
    to_bias = grad.sum(0) if need_bias else None
    return to_source, None, None, to_weight, to_bias, grad if need_residual else None, None


region_conv.register_autograd(_differentiate, setup_context=_setup_context)


@decomposes(region_rows)
def _(mask: Tensor) -> Tensor:
    return mask.flatten().nonzero().squeeze(1)


@decomposes(region_picks)
def _(places: Tensor, rows: Tensor) -> Tensor:
    return places.index_select(0, rows).long()


@decomposes(region_conv)
def _(
    source: Tensor,
    table: Tensor,
    back_table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    index = torch.where(table < 0, source.shape[0], table).t().flatten()  # -1 reads the zeros
    columns = F.pad(source, (0, 0, 0, 1)).index_select(0, index)  # (M * T, C)
    out = columns.reshape(table.shape[1], weight.shape[0] * weight.shape[1]) @ weight.flatten(0, 1)
    for term in (bias, residual):
        out = out if term is None else out + term
    return out.relu() if relu else out
