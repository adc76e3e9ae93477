"""Voxel-flow sampling in plain PyTorch: what the operators of `voxel_flow` do on a CPU.

All K frames of a part of the batch go through ATen's sampler at once; b is the part's size below.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

_MODE = 0, 1, True  # of ATen's sampler: bilinear, border, align_corners
_FAR = 1e6  # pixels
_PART = 2**18  # pixels for each thread at a time: scratch memory of that size is used again


def forward(
    frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor, keep_reads: bool
) -> tuple[Tensor, Tensor]:
    """Return the blend and, if ``keep_reads``, each frame's read (B, K, C, H, W); (0,) if not."""
    out = frames.new_empty(frames[:, 0].shape, dtype=flow.dtype)
    kept = []
    for part in _parts(flow):
        grid = _Grid.of(flow[part], offsets[part])
        read = _sample(_images(frames[part], flow), grid.points).view(frames[part].shape)
        _add_up(read, weights[part, :, None], out[part])
        if grid.broken is not None:
            out[part].masked_fill_(grid.broken, torch.nan)
        if keep_reads:
            kept.append(read)
    if not keep_reads:
        reads = flow.new_empty(0)
    elif len(kept) == 1:
        reads = kept[0]
    else:
        reads = torch.cat([flow.new_empty(0, *frames.shape[1:]), *kept])
    return out.to(frames.dtype), reads


def backward(
    grad: Tensor,
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    offsets: Tensor,
    reads: Tensor,
    need_frames: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to frames, flow and weights; (0,) for one that is not needed."""
    grad_frames = frames.new_empty(frames.shape if need_frames else (0,))
    grad_flow = flow.new_empty(flow.shape)
    grad_weights = weights.new_empty(weights.shape if need_weights else (0,))
    for part in _parts(flow):
        shape = frames[part].shape
        images, grid = _images(frames[part], flow), _Grid.of(flow[part], offsets[part])
        gain = grad[part, None].to(flow.dtype)  # (b, 1, C, H, W)
        if grid.broken is not None:
            gain = gain.masked_fill(grid.broken[:, None], 0)
        if need_weights:
            kept = reads.numel() > 0
            read = reads[part] if kept else _sample(images, grid.points).view(shape)
            torch.sum(gain * read, 2, out=grad_weights[part])
        grad_images, grad_points = _sample_backward(
            (gain * weights[part, :, None]).flatten(0, 1), images, grid.points, need_frames
        )
        if need_frames:
            grad_frames[part] = grad_images.view(shape)
        moves = grad_points.view(*shape[:2], *shape[3:], 2).permute(0, 1, 4, 2, 3)
        _add_up(moves, grid.scale, grad_flow[part])
        if grid.broken is not None:
            grad_flow[part].masked_fill_(grid.broken, torch.nan)
            if need_weights:
                grad_weights[part].masked_fill_(grid.broken, torch.nan)
    return grad_frames, grad_flow, grad_weights


class _Grid(NamedTuple):
    """Where the frames are read, in ATen's units: -1 and 1 are the centres of border pixels."""

    points: Tensor  # (b * K, H, W, 2)
    scale: Tensor  # (b, K, 2, 1, 1), units per pixel of flow
    broken: Tensor | None  # (b, 1, H, W), where positions are NaN or infinite; None for nowhere

    @classmethod
    def of(cls, flow: Tensor, offsets: Tensor) -> "_Grid":
        _, _, height, width = flow.shape
        base = flow.new_empty(2, height, width)
        base[0] = torch.linspace(-1, 1, width, dtype=flow.dtype)
        base[1] = torch.linspace(-1, 1, height, dtype=flow.dtype)[:, None]
        unit = flow.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
        scale = (offsets[:, :, None] * unit)[..., None, None]
        points = torch.addcmul(base, flow[:, None], scale)  # (b, K, 2, H, W)
        broken = None
        # ATen's backward reads far outside the image, and ends the process, at a position that
        # is NaN or infinite. One cheap pass tells whether there may be one.
        if not _largest(flow) * _largest(offsets) < _FAR:
            points.nan_to_num_(0).clamp_(-2, 2)
            sound = flow.isfinite().all(1, keepdim=True)
            broken = ~(sound & offsets.isfinite().all(1)[:, None, None, None])
        return cls(points.flatten(0, 1).permute(0, 2, 3, 1), scale, broken)


def _parts(flow: Tensor) -> Iterator[slice]:
    batch, _, height, width = flow.shape
    step = torch.get_num_threads() * max(_PART // (height * width), 1)
    return (slice(i, i + step) for i in range(0, batch, step))


def _images(frames: Tensor, flow: Tensor) -> Tensor:
    return frames.flatten(0, 1).to(flow.dtype)


def _largest(x: Tensor) -> float:
    low, high = x.aminmax()
    return max(-low.item(), high.item())


def _add_up(x: Tensor, factors: Tensor, out: Tensor) -> None:
    """Write the sum over k of ``x[:, k] * factors[:, k]``."""
    torch.mul(x[:, 0], factors[:, 0], out=out)
    for k in range(1, x.shape[1]):
        out.addcmul_(x[:, k], factors[:, k])


def _sample(images: Tensor, points: Tensor) -> Tensor:
    """Read images (N, C, H, W) at points (N, H, W, 2), with every thread at work."""
    stripes = _stripes(images)
    if not stripes:
        return torch.ops.aten.grid_sampler_2d(images, points, *_MODE)
    out = torch.empty_like(images)
    for n, rows, count in stripes:
        copies = images[n].expand(count, -1, -1, -1)
        read = torch.ops.aten.grid_sampler_2d(copies, _cut(points[n, rows], 0, count), *_MODE)
        _cut(out[n, :, rows], 1, count).copy_(read.transpose(0, 1))
    return out


def _sample_backward(
    grad: Tensor, images: Tensor, points: Tensor, need_images: bool
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `_sample` to images, if needed, and to points."""
    differentiate = torch.ops.aten.grid_sampler_2d_backward
    stripes = _stripes(images)
    if not stripes:
        return differentiate(grad, images, points, *_MODE, [need_images, True])
    grad_images = images.new_zeros(images.shape if need_images else (0,))
    grad_points = points.new_empty(points.shape)
    for n, rows, count in stripes:
        copies = images[n].expand(count, -1, -1, -1)
        cut_grad = _cut(grad[n, :, rows], 1, count).transpose(0, 1)
        cut_points = _cut(points[n, rows], 0, count)
        to_copies, to_points = differentiate(
            cut_grad, copies, cut_points, *_MODE, [need_images, True]
        )
        _cut(grad_points[n, rows], 0, count).copy_(to_points)
        if need_images:
            grad_images[n] += to_copies.sum(0)
    return grad_images, grad_points


def _stripes(images: Tensor) -> list[tuple[int, slice, int]]:
    """Cut rows into stripes where images are fewer than threads: ATen gives a thread an image.

    A stripe is a batch element of its own beside the whole image, which is not copied. Each entry
    is an image, its rows, and the number of equal stripes they make; a few rows may remain.
    """
    num_images, _, height, _ = images.shape
    threads = 1 if images.is_cuda else torch.get_num_threads()
    if num_images >= threads or height < threads:
        return []
    even = height - height % threads
    spans = [(slice(even), threads)]
    if even < height:
        spans.append((slice(even, None), 1))
    return [(n, rows, count) for n in range(num_images) for rows, count in spans]


def _cut(x: Tensor, dim: int, count: int) -> Tensor:
    return x.unflatten(dim, (count, -1))
