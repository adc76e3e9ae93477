"""The affinity's local convolution as fused Triton kernels: what the operators do on CUDA.

A program makes the means of one tile of positions: it goes along the rows of what the tile sees,
makes the affinities of a piece of a row, which stay in registers, and multiplies the values there
by them. Only images, values and results pass through memory. Sums have one order: the results are
the same on every run. An image has fewer than 2^31 pixels.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = (8, 8)  # rows and columns of the positions of one program
LABELS = 32  # classes of one program
PIECE = 32  # neighbours at a time, at most: more of them would not fit into the registers
# FP fusion is named because Triton 3.9 warns where it is left to the default.
LAUNCH = {"num_warps": 8, "enable_fp_fusion": True}


def forward(
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    window: int,
    *,
    tile: tuple[int, int] = TILE,
) -> tuple[Tensor, Tensor]:
    """Return the weighted means (B, L, H, W) and the weights' sums (B, 1, H, W)."""
    return _filter(values, image, weights, window, (window - 1) // 2, True, tile)


def backward(
    grad: Tensor,
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    mean: Tensor,
    total: Tensor,
    window: int,
    need_values: bool,
    need_weights: bool,
    *,
    tile: tuple[int, int] = TILE,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to values and weights; (0,) for one that is not needed."""
    grad = grad / total
    grad_values, grad_weights = values.new_empty(0), values.new_empty(0)
    if need_weights:
        grad_weights = _differentiate(grad, values, image, weights, mean, window, tile)
    if need_values:  # who sees whom is turned round, and how near they are is not
        grad_values, _ = _filter(grad, image, weights, window, window // 2, False, tile)
    return grad_values, grad_weights


def _filter(
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    window: int,
    before: int,
    normalise: bool,
    tile: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    out, total = values.new_empty(values.shape), values.new_empty(values[:, :1].shape)
    inputs = (x.contiguous() for x in (values, image, weights))
    if out.numel():
        launch: Any = filter_kernel[grid(values, tile)]
        sizes = (*values.shape[1:], window, before, image.shape[1], normalise)
        with torch.cuda.device_of(values):
            launch(*inputs, out, total, *sizes, *tile_sizes(values, window, tile), **LAUNCH)
    return out, total


def _differentiate(
    grad: Tensor,
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    mean: Tensor,
    window: int,
    tile: tuple[int, int],
) -> Tensor:
    programs = grid(values, tile)
    parts = values.new_empty(*reversed(programs), 2)
    inputs = (x.contiguous() for x in (grad, values, image, weights, mean))
    if values.numel():
        launch: Any = differentiate_kernel[programs]
        sizes = (*values.shape[1:], window, (window - 1) // 2, image.shape[1])
        with torch.cuda.device_of(values):
            launch(*inputs, parts, *sizes, *tile_sizes(values, window, tile), **LAUNCH)
    return -parts.view(-1, 2).sum(0)


@triton.jit
def filter_kernel(
    values,  # (B, L, H, W)
    image,  # (B, C, H, W)
    weights,  # (2,)
    out,  # (B, L, H, W)
    total,  # (B, 1, H, W)
    L,
    H,
    W,
    window,
    before,
    C: tl.constexpr,
    NORMALISE: tl.constexpr,
    LABELS: tl.constexpr,
    PIECE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Write the affinity-weighted mean of each pixel's window, and the sum of the affinities."""
    b, labels, left, top, x, y, exists = _place(L, H, W, LABELS, ROWS, COLUMNS)
    plane, pixel = H * W, y * W + x
    colour, space = tl.load(weights), tl.load(weights + 1)
    image += b * C * plane
    values += (b * L + labels)[None, :] * plane
    sums = tl.zeros((ROWS * COLUMNS, LABELS), values.dtype.element_ty)
    weight = tl.zeros((ROWS * COLUMNS,), values.dtype.element_ty)
    for row in range(top - before, top - before + ROWS + window - 1):
        for start in range(left - before, left - before + COLUMNS + window - 1, PIECE):
            column = start + tl.arange(0, PIECE)
            seen = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            near = row * W + column
            affinity, _, _ = _affinity(
                *(image, plane, pixel, exists, near, seen, x, y, column, row),
                *(window, before, colour, space, C),
            )
            known = seen[:, None] & (labels < L)[None, :]
            value = tl.load(values + near[:, None], mask=known, other=0.0)  # (PIECE, LABELS)
            sums += tl.dot(affinity, value, input_precision="ieee", out_dtype=sums.dtype)
            weight += tl.sum(affinity, 1)
    if NORMALISE:
        sums = sums / tl.where(exists, weight, 1.0)[:, None]
    written = exists[:, None] & (labels < L)[None, :]
    tl.store(out + (b * L + labels)[None, :] * plane + pixel[:, None], sums, mask=written)
    tl.store(total + b * plane + pixel, weight, mask=exists & (tl.min(labels, 0) == 0))


@triton.jit
def differentiate_kernel(
    grad,  # (B, L, H, W), divided by the sum of the affinities
    values,  # (B, L, H, W)
    image,  # (B, C, H, W)
    weights,  # (2,)
    mean,  # (B, L, H, W)
    parts,  # (programs, 2)
    L,
    H,
    W,
    window,
    before,
    C: tl.constexpr,
    LABELS: tl.constexpr,
    PIECE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Write the gradients by the values and by the two log-weights."""
    b, labels, left, top, x, y, exists = _place(L, H, W, LABELS, ROWS, COLUMNS)
    plane, pixel = H * W, y * W + x
    colour, space = tl.load(weights), tl.load(weights + 1)
    image += b * C * plane
    values += (b * L + labels)[:, None] * plane
    own = (b * L + labels)[None, :] * plane + pixel[:, None]
    written = exists[:, None] & (labels < L)[None, :]
    gain = tl.load(grad + own, mask=written, other=0.0)  # (J, LABELS)
    offset = tl.sum(gain * tl.load(mean + own, mask=written, other=0.0), 1)
    to_colour = tl.zeros((ROWS * COLUMNS,), values.dtype.element_ty)
    to_space = tl.zeros((ROWS * COLUMNS,), values.dtype.element_ty)
    for row in range(top - before, top - before + ROWS + window - 1):
        for start in range(left - before, left - before + COLUMNS + window - 1, PIECE):
            column = start + tl.arange(0, PIECE)
            seen = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            near = row * W + column
            affinity, colours, squares = _affinity(
                *(image, plane, pixel, exists, near, seen, x, y, column, row),
                *(window, before, colour, space, C),
            )
            known = (labels < L)[:, None] & seen[None, :]
            value = tl.load(values + near[None, :], mask=known, other=0.0)  # (LABELS, PIECE)
            share = tl.dot(gain, value, input_precision="ieee", out_dtype=to_colour.dtype)
            share = (share - tl.expand_dims(offset, 1)) * affinity
            to_colour += tl.sum(share * colours, 1)
            to_space += tl.sum(share * squares, 1)
    program = tl.program_id(2) * tl.num_programs(1) + tl.program_id(1)
    program = program * tl.num_programs(0) + tl.program_id(0)
    tl.store(parts + 2 * program, tl.sum(to_colour, 0))
    tl.store(parts + 2 * program + 1, tl.sum(to_space, 0))


@triton.jit
def _place(L, H, W, LABELS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return the program's image and classes (int64, for offsets past 2^31), and its positions.

    They are the tile's corner, the positions' x and y, and which of them exist.
    """
    groups = tl.cdiv(L, LABELS)
    b = (tl.program_id(2) // groups).to(tl.int64)
    labels = tl.program_id(2) % groups * LABELS + tl.arange(0, LABELS)
    left, top = tl.program_id(0) * COLUMNS, tl.program_id(1) * ROWS
    i = tl.arange(0, ROWS * COLUMNS)
    x, y = left + i % COLUMNS, top + i // COLUMNS
    return b, labels, left, top, x, y, (x < W) & (y < H)


@triton.jit
def _affinity(
    image,
    plane,
    pixel,
    exists,
    near,
    seen,
    x,
    y,
    column,
    row,
    window,
    before,
    colour,
    space,
    C: tl.constexpr,
):
    """Return the affinities (J, PIECE), and the squared distances in colour and in space."""
    dx, dy = column[None, :] - x[:, None], row - y[:, None]
    colours = tl.zeros_like(colour * dx)
    for c in tl.static_range(C):
        here = tl.load(image + c * plane + pixel, mask=exists, other=0.0)
        there = tl.load(image + c * plane + near, mask=seen, other=0.0)
        difference = here[:, None] - there[None, :]
        colours += difference * difference
    squares = (dx * dx + dy * dy).to(colours.dtype)
    inside = (dx >= -before) & (dx < window - before) & (dy >= -before) & (dy < window - before)
    inside = inside & seen[None, :] & exists[:, None]
    affinity = tl.exp(-(colour * colours + space * squares))
    return tl.where(inside, affinity, 0.0), colours, squares


def grid(values: Tensor, tile: tuple[int, int]) -> tuple[int, int, int]:
    """Return the launch grid: tiles across, tiles down, images times groups of labels."""
    batch, labels, height, width = values.shape
    groups = triton.cdiv(labels, LABELS)
    return triton.cdiv(width, tile[1]), triton.cdiv(height, tile[0]), batch * groups


def tile_sizes(values: Tensor, window: int, tile: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return LABELS, PIECE, ROWS and COLUMNS: powers of 2, of at least 16 for a product."""
    labels, piece = values.shape[1], tile[1] + window - 1
    fitting = [max(16, triton.next_power_of_2(n)) for n in (labels, piece)]
    return min(fitting[0], LABELS), min(fitting[1], PIECE), *tile
