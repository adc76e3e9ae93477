"""Convolution at the active pixels of a `Region`, and nowhere else.

Source: Li et al. 2017, "Not All Pixels Are Equal: Difficulty-Aware Semantic Segmentation via Deep
Layer Cascade", section 3.2. Unlike their layer, this one takes whole batches, and the gradient
reaches every pixel that was read, active or not.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_shared.region.kernels.conv import region_conv
from vision_shared.region.region import Pair, Region, expect_device, expect_kernel

Inactive = Literal["zero", "frozen"]


def region_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    region: Region,
    dilation: int | Pair = 1,
    inactive: Inactive = "zero",
    residual: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """Convolve at active pixels: ``residual + conv(x)``, cut at zero if ``relu``.

    The stride is 1 and the size stays. With ``m`` the mask, the result equals
    ``conv2d(x * m, weight, bias) * m``, or ``conv2d(x, weight, bias) * m`` if ``inactive`` is
    "frozen". With tokens (M, C), the result is tokens, and layers follow one another without a
    map between them.

    Args:
        x: (B, C, H, W), a map, or (M, C), tokens of the region. A map is read fastest if its
            channels are last in memory.
        weight: (O, C, kh, kw), kh and kw odd.
        bias: (O,).
        region: The active pixels.
        dilation: Rows and columns between taps, or one number for both.
        inactive: value that a tap reads at an inactive pixel: "zero", or "frozen", the map as it
            is.
        residual: addend in the shape of the result: (B, O, H, W) or (M, O).
        relu: Whether active pixels of the result are cut at zero.

    Returns:
        (M, O) for tokens; for a map (B, O, H, W), where inactive pixels are the residual's, and
        zero without one. Under autocast it is computed in, and of, the autocast type.

    Raises:
        ValueError: A shape, type or device does not fit, a kernel size is even, or "frozen" is
            asked of tokens, which know nothing of inactive pixels.
    """
    dilation = _pair(dilation)
    _expect_inputs(x, weight, bias, region, residual)
    expect_kernel(_kernel_size(weight), dilation)
    x, weight, bias, residual = as_autocast(x, weight, bias, residual)
    _expect_one_type(x, weight, bias, residual)
    if inactive not in ("zero", "frozen") or (inactive == "frozen" and x.ndim == 2):
        raise ValueError(f"expected inactive 'zero', or 'frozen' with a map, got {inactive!r}")
    if x.ndim == 2:
        return _convolve_tokens(x, weight, bias, region, dilation, residual, relu)
    added = None if residual is None else region.gather(residual)
    if inactive == "frozen" and _kernel_size(weight) != (1, 1):
        source = x.permute(0, 2, 3, 1).flatten(0, 2)
        key = _kernel_size(weight), dilation
        tables = region.pixels(*key), back_table(region, source, *key)
        out = region_conv(source, *tables, _taps(weight), bias, added, relu)
    else:
        out = _convolve_tokens(region.gather(x), weight, bias, region, dilation, added, relu)
    return region.scatter(out, onto=residual)


class RegionConv2d(nn.Conv2d):
    """`region_conv2d` with the arguments, weights and state of `nn.Conv2d`.

    Without a region it is the same convolution, everywhere. As any convolution, it is fastest with
    maps and weights whose channels are last: ``module.to(memory_format=torch.channels_last)``.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: kh and kw, or one number for both; odd.
        stride: 1.
        padding: "same", or what that is: ``dilation * (kernel_size - 1) / 2``.
        dilation: Rows and columns between taps, or one number for both.
        groups: 1.
        bias: Whether there is one.
        padding_mode: "zeros".
        device: device of the weights.
        dtype: dtype of the weights.

    Raises:
        ValueError: An argument is of a convolution that a region does not do.

    >>> region = Region(torch.eye(4, dtype=torch.bool)[None])
    >>> tokens = region.gather(torch.rand(1, 8, 4, 4))
    >>> RegionConv2d(8, 16, 3)(tokens, region).shape
    torch.Size([4, 16])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: str | int | Pair = "same",
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros"] = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        size, steps = _pair(kernel_size), _pair(dilation)
        expect_kernel(size, steps)
        same = steps[0] * (size[0] // 2), steps[1] * (size[1] // 2)
        for name, value, wanted in (
            ("stride", _pair(stride), (1, 1)),
            ("groups", groups, 1),
            ("padding", _padding(padding, same), same),
            ("padding_mode", padding_mode, "zeros"),
        ):
            if value != wanted:
                raise ValueError(f"expected {name} {wanted} of a region's convolution, got {value}")
        super().__init__(
            in_channels, out_channels, size, 1, same, steps, 1, bias, "zeros", device, dtype
        )

    def forward(  # pyrefly: ignore
        self,
        x: Tensor,
        region: Region | None = None,
        *,
        inactive: Inactive = "zero",
        residual: Tensor | None = None,
        relu: bool = False,
    ) -> Tensor:
        """Convolve at the active pixels, as `region_conv2d` does; everywhere without a region."""
        if region is not None:
            return region_conv2d(
                x,
                self.weight,
                self.bias,
                region=region,
                dilation=_pair(self.dilation),
                inactive=inactive,
                residual=residual,
                relu=relu,
            )
        out = super().forward(x)
        out = out if residual is None else out + residual
        return out.relu() if relu else out


def _convolve_tokens(
    tokens: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    region: Region,
    dilation: Pair,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    """Return tokens (M, O) from tokens (M, C)."""
    if _kernel_size(weight) == (1, 1):
        return convolve_rows(tokens, weight, bias, None, residual, relu)
    table = region.neighbours(_kernel_size(weight), dilation)
    if region.blocks is not None and torch.is_grad_enabled():
        return _convolve_blocks(tokens, table, _taps(weight), bias, residual, relu)
    return convolve_rows(tokens, weight, bias, table, residual, relu)


def convolve_rows(
    tokens: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    """Return tokens (M, O) from tokens (M, C), whose neighbours are in a table (T, M).

    A 1x1 convolution needs none. All are of one type.
    """
    if table is None:
        out = F.linear(tokens, weight.flatten(1), bias)
        out = out if residual is None else out + residual
        return out.relu() if relu else out
    return region_conv(tokens, table, table, _taps(weight), bias, residual, relu)


def _convolve_blocks(
    tokens: Tensor,
    table: Tensor,
    taps: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
) -> Tensor:
    """Return what `region_conv` does, by operators whose gradient adds up all readers of a block.

    The operator's own takes one reader for each tap.
    """
    padded = F.pad(tokens, (0, 0, 0, 1))
    rows = torch.where(table < 0, tokens.shape[0], table).t().flatten()
    columns = padded.index_select(0, rows).view(table.shape[1], -1)
    out = columns @ taps.flatten(0, 1)
    out = out if bias is None else out + bias
    out = out if residual is None else out + residual
    return out.relu() if relu else out


def _taps(weight: Tensor) -> Tensor:
    """Return the weight (O, C, kh, kw) as (T, C, O), taps in raster order; no copy is made."""
    return weight.permute(2, 3, 1, 0).flatten(0, 1)


def _kernel_size(weight: Tensor) -> Pair:
    return weight.shape[2], weight.shape[3]


def _padding(padding: str | int | Pair, same: Pair) -> str | Pair:
    if isinstance(padding, str):
        return same if padding == "same" else padding
    return _pair(padding)


def _pair(x: int | tuple[int, ...]) -> Pair:
    return (x, x) if isinstance(x, int) else (x[0], x[1])


def back_table(region: Region, source: Tensor, kernel_size: Pair, dilation: Pair) -> Tensor:
    """Return who reads each pixel of a map, where a gradient to it will ask; else nothing."""
    if source.requires_grad and torch.is_grad_enabled():
        return region.readers(kernel_size, dilation)
    return region.places.new_empty(kernel_size[0] * kernel_size[1], 0)


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """Return the type that autocast computes a convolution of ``x`` in; None is its own."""
    if not torch.is_autocast_enabled(x.device.type) or x.dtype == torch.float64:
        return None
    return torch.get_autocast_dtype(x.device.type)


def as_autocast(
    x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Cast as autocast does before a convolution, which leaves float64 alone."""
    dtype = autocast_dtype(x)
    if dtype is None:
        return x, weight, bias, residual
    bias = None if bias is None else bias.to(dtype)
    residual = None if residual is None else residual.to(dtype)
    return x.to(dtype), weight.to(dtype), bias, residual


def _expect_inputs(
    x: Tensor, weight: Tensor, bias: Tensor | None, region: Region, residual: Tensor | None
) -> None:
    """Raise ValueError where a shape or device does not fit."""
    if weight.ndim != 4 or 0 in weight.shape:
        raise ValueError(f"expected weight (O, C, kh, kw), all > 0, got {tuple(weight.shape)}")
    num_out, num_in = weight.shape[:2]
    expect = region.expect_tokens if x.ndim == 2 else region.expect_map
    expect("x", x, num_in)
    expect_device("weight", weight, x)
    if bias is not None:
        if bias.shape != (num_out,):
            raise ValueError(f"expected bias (O,) of size ({num_out},), got {tuple(bias.shape)}")
        expect_device("bias", bias, x)
    if residual is not None:
        expect("residual", residual, num_out)


def _expect_one_type(
    x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None
) -> None:
    if not x.is_floating_point():
        raise ValueError(f"expected x in floating point, got {x.dtype}")
    for name, other in (("weight", weight), ("bias", bias), ("residual", residual)):
        if other is not None and other.dtype != x.dtype:
            raise ValueError(f"expected {name} in {x.dtype}, as x is, got {other.dtype}")
