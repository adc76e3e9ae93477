"""Voxel-flow sampling as two fused Triton kernels: what the operators do on CUDA.

A program makes one tile of one image. Only the inputs and the results pass through memory, and
inputs are read where they lie: slices of a batch, and maps whose channels are last, are not copied.
Positions stay in pixels, so that a zero flow returns the frame exactly. Everything is computed in
the flow's type, whatever the type of the frames. An image has fewer than 2^31 pixels.
"""

import warnings
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = (4, 64)  # rows and columns of the pixels of one program
# FP fusion is named because Triton 3.9 warns where it is left to the default.
LAUNCH = {"num_warps": 8, "enable_fp_fusion": True}


def forward(
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    offsets: Tensor,
    keep_reads: bool,
    *,
    tile: tuple[int, int] = TILE,
) -> tuple[Tensor, Tensor]:
    """Return the blend and (0,): to read again is cheaper than to keep what was read."""
    batch, num_frames, channels, height, width = frames.shape
    out = frames.new_empty(batch, channels, height, width)
    if out.numel():
        inputs = [_reachable(x) for x in (frames, flow, weights)]
        strides = [step for x in inputs for step in x.stride()]
        launch: Any = forward_kernel[_grid(out, tile)]
        with torch.cuda.device_of(flow):
            launch(
                *inputs,
                offsets.contiguous(),
                out,
                *strides,
                *(height, width, channels, num_frames),
                *tile,
                **LAUNCH,
            )
    return out, flow.new_empty(0)


def backward(
    grad: Tensor,
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    offsets: Tensor,
    reads: Tensor,
    need_frames: bool,
    need_weights: bool,
    *,
    tile: tuple[int, int] = TILE,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to frames, flow and weights; (0,) for one that is not needed.

    The one to the frames is summed by atomics: its last bits differ between runs, and under
    `torch.use_deterministic_algorithms` it is refused. The others are the same on every run.
    """
    if need_frames:
        _alert_not_deterministic()
    grad_frames = flow.new_zeros(frames.shape if need_frames else (0,))
    grad_flow = flow.new_empty(flow.shape)
    grad_weights = weights.new_empty(weights.shape if need_weights else (0,))
    if grad.numel():
        inputs = [_reachable(x) for x in (grad, frames, flow, weights)]
        strides = [step for x in inputs for step in x.stride()]
        launch: Any = backward_kernel[_grid(grad, tile)]
        _, num_frames, channels, height, width = frames.shape
        with torch.cuda.device_of(flow):
            launch(
                *inputs,
                offsets.contiguous(),
                *(grad_frames, grad_flow, grad_weights),
                *strides,
                *(height, width, channels, num_frames),
                *(need_frames, need_weights, *tile),
                **LAUNCH,
            )
    return grad_frames.to(frames.dtype), grad_flow, grad_weights


@triton.jit
def forward_kernel(
    frames,  # (B, K, C, H, W)
    flow,  # (B, 2, H, W)
    weights,  # (B, K, H, W)
    offsets,  # (B, K)
    out,  # (B, C, H, W)
    fb,
    fk,
    fc,
    fy,
    fx,
    mb,
    mc,
    my,
    mx,
    wb,
    wk,
    wy,
    wx,
    H,
    W,
    C: tl.constexpr,
    K: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Make a tile. Strides are those of frames (f), of the motion (m) and of weights (w)."""
    b, x, y, inside = _place(H, W, ROWS, COLUMNS)
    plane, pixel = H * W, y * W + x
    motion = flow + b * mb + y * my + x * mx
    dx, dy, finite = _motion(motion, mc, inside, offsets + b * K, K)
    taps = ()
    for k in tl.static_range(K):
        offset = tl.load(offsets + b * K + k)
        share = weights + _start(b * wb, k, wk, 0, 0) + y * wy + x * wx
        weight = tl.load(share, mask=inside, other=0.0)
        corner, right, down, east, south, _, _ = _locate(x + offset * dx, y + offset * dy, H, W)
        corners = _corners(corner, right, down, fy, fx)
        taps += ((corners, _shares(weight, east, south)),)
    for c in range(C):
        value = tl.zeros_like(dx)
        for k in tl.static_range(K):
            corners, shares = taps[k]
            source = frames + _start(b * fb, k, fk, c, fc)
            for i in tl.static_range(4):
                value += shares[i] * tl.load(source + corners[i]).to(value.dtype)
        value = tl.where(finite, value, float("nan"))
        tl.store(out + (b * C + c) * plane + pixel, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def backward_kernel(
    grad,  # (B, C, H, W)
    frames,  # (B, K, C, H, W)
    flow,  # (B, 2, H, W)
    weights,  # (B, K, H, W)
    offsets,  # (B, K)
    grad_frames,  # (B, K, C, H, W), zeros
    grad_flow,  # (B, 2, H, W)
    grad_weights,  # (B, K, H, W)
    gb,
    gc,
    gy,
    gx,
    fb,
    fk,
    fc,
    fy,
    fx,
    mb,
    mc,
    my,
    mx,
    wb,
    wk,
    wy,
    wx,
    H,
    W,
    C: tl.constexpr,
    K: tl.constexpr,
    NEED_FRAMES: tl.constexpr,
    NEED_WEIGHTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Make a tile of every gradient, contiguous each. Strides as above, and of ``grad`` (g)."""
    b, x, y, inside = _place(H, W, ROWS, COLUMNS)
    plane, pixel = H * W, y * W + x
    motion = flow + b * mb + y * my + x * mx
    dx, dy, finite = _motion(motion, mc, inside, offsets + b * K, K)
    used = inside & finite
    grad_dx = tl.zeros_like(dx)
    grad_dy = tl.zeros_like(dy)
    for k in tl.static_range(K):
        offset = tl.load(offsets + b * K + k)
        share = weights + _start(b * wb, k, wk, 0, 0) + y * wy + x * wx
        weight = tl.load(share, mask=inside, other=0.0)
        corner, right, down, east, south, moves_x, moves_y = _locate(
            x + offset * dx, y + offset * dy, H, W
        )
        corners = _corners(corner, right, down, fy, fx)
        shares = _shares(weight, east, south)
        grad_weight = tl.zeros_like(dx)
        grad_x = tl.zeros_like(dx)
        grad_y = tl.zeros_like(dx)
        for c in range(C):
            given = grad + _start(b * gb, c, gc, 0, 0) + y * gy + x * gx
            g = tl.load(given, mask=used, other=0.0).to(dx.dtype)
            source = frames + _start(b * fb, k, fk, c, fc)
            v00 = tl.load(source + corners[0]).to(dx.dtype)
            v01 = tl.load(source + corners[1]).to(dx.dtype)
            v10 = tl.load(source + corners[2]).to(dx.dtype)
            v11 = tl.load(source + corners[3]).to(dx.dtype)
            top, bottom = v00 + (v01 - v00) * east, v10 + (v11 - v10) * east
            grad_weight += g * (top + (bottom - top) * south)
            grad_x += g * ((v01 - v00) * (1 - south) + (v11 - v10) * south)
            grad_y += g * (bottom - top)
            if NEED_FRAMES:
                image = grad_frames + ((b * K + k) * C + c) * plane
                places = _corners(corner, right, down, W, 1)
                for i in tl.static_range(4):
                    tl.atomic_add(image + places[i], g * shares[i], mask=used, sem="relaxed")
        grad_dx += tl.where(moves_x, offset * weight * grad_x, 0.0)
        grad_dy += tl.where(moves_y, offset * weight * grad_y, 0.0)
        if NEED_WEIGHTS:
            target = grad_weights + (b * K + k) * plane + pixel
            tl.store(target, tl.where(finite, grad_weight, float("nan")), mask=inside)
    target = grad_flow + b * 2 * plane + pixel
    tl.store(target, tl.where(finite, grad_dx, float("nan")), mask=inside)
    tl.store(target + plane, tl.where(finite, grad_dy, float("nan")), mask=inside)


@triton.jit
def _place(H, W, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return the program's image (int64, for offsets past 2^31), its pixels, and which exist.

    The tile is a vector: every access then has one layout, and a pixel never changes threads.
    """
    i = tl.arange(0, ROWS * COLUMNS)
    x = tl.program_id(0) * COLUMNS + i % COLUMNS
    y = tl.program_id(1) * ROWS + i // COLUMNS
    return tl.program_id(2).to(tl.int64), x, y, (x < W) & (y < H)


@triton.jit
def _motion(flow, step, inside, offsets, K: tl.constexpr):
    """Return the flow, x and y, and where it is finite, as every offset has to be."""
    dx = tl.load(flow, mask=inside, other=0.0)
    dy = tl.load(flow + step, mask=inside, other=0.0)
    reach = tl.zeros_like(dx)
    for k in tl.static_range(K):
        reach += tl.abs(tl.load(offsets + k))
    far = float("inf")
    return dx, dy, (tl.abs(dx) < far) & (tl.abs(dy) < far) & (reach < far)


@triton.jit
def _locate(x, y, H, W):
    """Return where a position lies, and where it moves the read.

    That is the row and column of its top-left pixel, 1 where there is another one to the right,
    and below, and its shares in these two.

    Minimum and maximum drop NaN, so that every index lies in the image whatever the flow is.
    """
    last_x, last_y = W - 1.0, H - 1.0
    moves_x = (x > 0) & (x < last_x)
    moves_y = (y > 0) & (y < last_y)
    x = tl.minimum(tl.maximum(x, 0.0), last_x)
    y = tl.minimum(tl.maximum(y, 0.0), last_y)
    left = tl.floor(x)
    top = tl.floor(y)
    right = tl.where(left < last_x, 1, 0)
    down = tl.where(top < last_y, 1, 0)
    corner = (top.to(tl.int32), left.to(tl.int32))
    return corner, right, down, x - left, y - top, moves_x, moves_y


@triton.jit
def _start(begin, i, i_stride, j, j_stride):
    """Return an offset in int64: planes may begin beyond 2^31."""
    return begin + tl.cast(i, tl.int64) * i_stride + tl.cast(j, tl.int64) * j_stride


@triton.jit
def _corners(corner, right, down, row, column):
    """Return the offsets of the four pixels around a position, by the strides of an image."""
    first = corner[0] * row + corner[1] * column
    east = right * column
    south = down * row
    return first, first + east, first + south, first + south + east


@triton.jit
def _shares(weight, east, south):
    """Return what each of the four pixels adds to the result, in `_locate`'s order."""
    upper, lower = weight * (1 - south), weight * south
    return upper * (1 - east), upper * east, lower * (1 - east), lower * east


def _reachable(x: Tensor) -> Tensor:
    """Return ``x``, or a copy if two of an image's pixels lie 2^31 elements apart."""
    (height, width), (row, column) = x.shape[-2:], x.stride()[-2:]
    return x if (height - 1) * row + (width - 1) * column < 2**31 else x.contiguous()


def _grid(image: Tensor, tile: tuple[int, int]) -> tuple[int, int, int]:
    batch, _, height, width = image.shape
    return triton.cdiv(width, tile[1]), triton.cdiv(height, tile[0]), batch


def _alert_not_deterministic() -> None:
    """Do what PyTorch's own operators do under `torch.use_deterministic_algorithms`."""
    if not torch.are_deterministic_algorithms_enabled():
        return
    message = (
        "the gradient of sample_voxel_flow to its frames does not have a deterministic "
        "implementation on CUDA, but you set 'torch.use_deterministic_algorithms(True)'. Detach "
        "the frames, or pass warn_only=True if the difference does not matter to you."
    )
    if not torch.is_deterministic_algorithms_warn_only_enabled():
        raise RuntimeError(message)
    warnings.warn(message, stacklevel=2)
