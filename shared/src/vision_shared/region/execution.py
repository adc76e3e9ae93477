"""A stage's folded weights, and passes of its program on tokens or on whole maps."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_shared.region.conv import as_autocast, back_table, convolve_rows, region_conv2d
from vision_shared.region.kernels.conv import region_conv
from vision_shared.region.program import Activate, Add, Convolve, Filter, Join, Program
from vision_shared.region.region import Pair, Region

Weights = tuple[Tensor, Tensor]  # (O, C, kh, kw) and (O,)
Convolution = Callable[[int, Convolve, Tensor, Tensor | None], Tensor]


def fold(stage: nn.Module, program: Program) -> dict[int, Weights]:
    """Return each convolution's weights by the number of its step, all that is linear in them."""
    return {
        i: _together([_fold_filter(stage, f) for f in step.filters])
        for i, step in enumerate(program.steps)
        if isinstance(step, Convolve)
    }


def run(stage: nn.Module, program: Program, x: Tensor, convolve: Convolution) -> Tensor:
    """Take the steps on tokens (M, C) or maps (B, C, H, W), whichever ``convolve`` knows."""
    values = {0: x}
    for i, (step, ends) in enumerate(zip(program.steps, program.last_uses(), strict=True)):
        if isinstance(step, Convolve):
            residual = None if step.residual is None else values[step.residual]
            out = convolve(i, step, values[step.reads], residual)
            parts = out.split([program.channels[value] for value in step.writes], 1)
        else:
            inputs = [values[value] for value in step.inputs]
            parts = [take(stage, step, inputs)]
        values.update(zip(step.writes, parts, strict=True))
        for value in ends:
            del values[value]
    return values[program.output]


def on_tokens(weights: dict[int, Weights], region: Region, x: Tensor | None) -> Convolution:
    """Convolve the tokens of a region; ``x`` is the stage's input map, where that is known."""

    def convolve(i: int, step: Convolve, source: Tensor, residual: Tensor | None) -> Tensor:
        weight, bias = weights[i]
        if not step.frozen or region.blocks is not None:
            return region_conv2d(
                source,
                weight,
                bias,
                region=region,
                dilation=step.dilation,
                residual=residual,
                relu=step.relu,
            )
        source, weight, bias, residual = as_autocast(source, weight, bias, residual)
        around = None if x is None else x.to(source.dtype)
        canvas = region.scatter(source, around).permute(0, 2, 3, 1).flatten(0, 2)
        near = step.kernel_size, step.dilation
        tables = region.pixels(*near), back_table(region, canvas, *near)
        taps = weight.permute(2, 3, 1, 0).flatten(0, 1)
        return region_conv(canvas, *tables, taps, bias, residual, step.relu)

    return convolve


def on_rows(weights: dict[int, Weights], tables: Mapping[tuple[Pair, Pair], Tensor]) -> Convolution:
    """Convolve tokens whose neighbours are in tables (T, N) by kernel size and dilation.

    Nothing is read that is not a token; there is no gradient.
    """

    def convolve(i: int, step: Convolve, source: Tensor, residual: Tensor | None) -> Tensor:
        source, weight, bias, residual = as_autocast(source, *weights[i], residual)
        table = tables.get((step.kernel_size, step.dilation))
        return convolve_rows(source, weight, bias, table, residual, step.relu)

    return convolve


def on_maps(weights: dict[int, Weights], mask: Tensor | None, x: Tensor) -> Convolution:
    """Convolve whole maps; to a kernel all outside of a mask (B, H, W) is as if not computed."""

    def convolve(i: int, step: Convolve, source: Tensor, residual: Tensor | None) -> Tensor:
        weight, bias = weights[i]
        if mask is not None and step.gathers:
            outside = x if step.frozen else source.new_zeros(())
            source = torch.where(mask[:, None], source, outside)
        padding = [k // 2 * d for k, d in zip(step.kernel_size, step.dilation, strict=True)]
        out = F.conv2d(source, weight, bias, 1, padding, step.dilation)
        out = out if residual is None else out + residual.to(out.dtype)
        return out.relu() if step.relu else out

    return convolve


def take(stage: nn.Module, step: Join | Add | Activate, inputs: list[Tensor]) -> Tensor:
    """Take a step that is no convolution."""
    if isinstance(step, Join):
        return torch.cat(inputs, 1)
    if isinstance(step, Add):
        out = inputs[0] + inputs[1]
        return out.relu() if step.relu else out
    return inputs[0].relu() if step.module is None else stage.get_submodule(step.module)(inputs[0])


def _fold_filter(stage: nn.Module, part: Filter) -> Weights:
    conv: Any = stage.get_submodule(part.conv)
    weight = conv.weight
    bias = weight.new_zeros(weight.shape[0]) if conv.bias is None else conv.bias
    if part.norm is not None:
        norm: Any = stage.get_submodule(part.norm)
        gain = torch.rsqrt(norm.running_var + norm.eps)
        gain = gain if norm.weight is None else gain * norm.weight
        shift = 0 if norm.bias is None else norm.bias
        weight = weight * gain[:, None, None, None].to(weight.dtype)
        bias = ((bias - norm.running_mean) * gain + shift).to(weight.dtype)
    if part.scale != 1:
        weight, bias = weight * part.scale, bias * part.scale
    return weight, bias


def _together(parts: list[Weights]) -> Weights:
    if len(parts) == 1:
        return parts[0]
    return torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])
