"""The affinity's local convolution in plain PyTorch: what the operators do on a CPU.

Positions are taken in blocks of 4x8, which see nearly the same neighbours, so that the sums over
neighbours are matrix products. The squared distance between colours a and b is one as well,
|a|^2 - 2 a.b + |b|^2: a product of rank C + 2. Of the affinities, which are as many as pixels times
window^2, only those of a few blocks exist at a time.

Below: Y blocks in a column of blocks, J positions in a block, Z neighbours that it sees.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = (4, 8)  # rows and columns
_PART = 2**19  # affinities at a time, 2 MiB: more than that leaves the cache
# The exponential of less is nothing beside the position's own, 1; and tiny numbers are slow.
_LEAST = {torch.float32: -32.0, torch.float64: -64.0}


def forward(values: Tensor, image: Tensor, weights: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return the weighted means (B, L, H, W) and the weights' sums (B, 1, H, W)."""
    sums, total = _filter(values, image, weights, window, (window - 1) // 2)
    return sums.div_(total), total


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
) -> tuple[Tensor, Tensor]:
    """Return the gradients to values and weights; (0,) for one that is not needed."""
    grad = grad / total
    grad_values, grad_weights = values.new_empty(0), values.new_empty(0)
    if need_weights:
        offset = -(grad * mean).sum(1, keepdim=True)
        grad_weights = _differentiate(grad, offset, values, image, weights, window)
    if need_values:  # who sees whom is turned round, and how near they are is not
        grad_values, _ = _filter(grad, image, weights, window, window // 2)
    return grad_values, grad_weights


def _filter(
    values: Tensor, image: Tensor, weights: Tensor, window: int, before: int
) -> tuple[Tensor, Tensor]:
    """Return the sums of the neighbours' values and of 1, each times its affinity."""
    labels, height, width = values.shape[1:]
    reach = _Reach.of(window, before, values)
    out, total = torch.empty_like(values), values.new_empty(len(values), 1, height, width)
    ones = values.new_ones(1, height, width)
    for b, left, features in _columns(image):
        seen = reach.neighbours(left, values[b], ones)  # (Y, Z, L + 1)
        sums = seen.new_empty(len(seen), reach.squares.shape[0], labels + 1)
        for part, affinity in _affinities(features, left, weights, reach):
            torch.bmm(affinity, seen[part], out=sums[part])
        _write(out[b], left, sums[..., :labels])
        _write(total[b], left, sums[..., labels:])
    return out, total


def _differentiate(
    grad: Tensor, offset: Tensor, values: Tensor, image: Tensor, weights: Tensor, window: int
) -> Tensor:
    """Return the sum over pairs of their affinity, of how a loss depends on it, and of -distance.

    A loss depends on the affinity of a position and a neighbour by ``grad`` at the first times
    ``values`` at the second, and by ``offset`` at the first.
    """
    reach = _Reach.of(window, (window - 1) // 2, values)
    ones = values.new_ones(1, *values.shape[2:])
    colour, space = values.new_zeros((), dtype=torch.double), reach.squares.new_zeros(())
    for b, left, features in _columns(image):
        seen, own = reach.neighbours(left, values[b], ones), _blocks(left, grad[b], offset[b])
        near, here = reach.neighbours(left, features), _of_centres(_blocks(left, features))
        for part, affinity in _affinities(features, left, weights, reach):
            share = torch.bmm(own[part], seen[part].transpose(1, 2)).mul_(affinity)  # (n, J, Z)
            colour += (torch.bmm(share, near[part]) * here[part]).sum(dtype=torch.double)
            space += (share.sum(0) * reach.squares).sum()
    return -torch.stack([colour.to(values.dtype), space])


class _Reach(NamedTuple):
    """Who is a neighbour of whom inside a block, and how far away."""

    window: int
    before: int  # rows above, and columns to the left, that a position sees
    squares: Tensor  # (J, Z), squared distances in pixels
    outside: Tensor  # (J, Z), where a neighbour of the block is outside the position's own window

    @classmethod
    def of(cls, window: int, before: int, like: Tensor) -> "_Reach":
        steps = [
            torch.arange(size + window - 1, device=like.device)
            - before
            - torch.arange(size, device=like.device)[:, None]
            for size in BLOCK
        ]
        out_y, out_x = ((step < -before) | (step >= window - before) for step in steps)
        dy, dx = (step.to(like.dtype) for step in steps)
        squares = dy[:, None, :, None] ** 2 + dx[None, :, None, :] ** 2
        outside = out_y[:, None, :, None] | out_x[None, :, None, :]
        positions = BLOCK[0] * BLOCK[1]
        return cls(window, before, squares.reshape(positions, -1), outside.reshape(positions, -1))

    def neighbours(self, left: int, *planes: Tensor) -> Tensor:
        """(C, H, W) each -> (Y, Z, C in all), a view whose blocks overlap; 0 outside the image."""
        return _cut(left, self.window, self.before, planes)


def _affinities(
    features: Tensor, left: int, weights: Tensor, reach: _Reach
) -> Iterator[tuple[slice, Tensor]]:
    """Yield a few of the column's blocks at a time and their affinities (n, J, Z).

    What is outside the image has some affinity, too: its values are 0.
    """
    colour, space = weights.tolist()
    table = (-space * reach.squares).masked_fill_(reach.outside, -math.inf)
    near = reach.neighbours(left, features).transpose(1, 2)
    here = _of_centres(_blocks(left, features))
    step = max(torch.get_num_threads() * _PART // table.numel(), 1)
    scratch = table.new_empty(min(step, len(here)), *table.shape)
    for first in range(0, len(here), step):
        part = slice(first, first + step)
        affinity = scratch[: len(here[part])]
        torch.baddbmm(
            table.expand_as(affinity), here[part], near[part], alpha=-colour, out=affinity
        )
        yield part, affinity.clamp_(min=_LEAST[table.dtype]).exp_()


def _columns(image: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """Yield each column of blocks: the image's index, where it begins, the image's features.

    The features (C + 2, H, W) are b, 1 and |b|^2; of them, in `_of_centres`'s order, the squared
    distance is a product.
    """
    for b, colours in enumerate(image - 0.5):  # smaller numbers, and smaller errors
        squares = colours.square().sum(0, keepdim=True)
        features = torch.cat([colours, torch.ones_like(squares), squares])
        yield from ((b, left, features) for left in range(0, image.shape[-1], BLOCK[1]))


def _of_centres(features: Tensor) -> Tensor:
    """(..., b, 1, |b|^2) -> (..., -2 b, |b|^2, 1)."""
    return torch.cat([-2 * features[..., :-2], features[..., -1:], features[..., -2:-1]], -1)


def _blocks(left: int, *planes: Tensor) -> Tensor:
    """(C, H, W) each -> (Y, J, C in all), the positions themselves."""
    return _cut(left, 1, 0, planes)


def _cut(left: int, window: int, before: int, planes: tuple[Tensor, ...]) -> Tensor:
    """Copy the strip that a column of blocks sees, and view it as overlapping blocks."""
    height, width = planes[0].shape[1:]
    channels = sum(len(plane) for plane in planes)
    rows, columns = (size + window - 1 for size in BLOCK)
    count = -(-height // BLOCK[0])
    strip = planes[0].new_zeros(count * BLOCK[0] + window - 1, columns, channels)
    start = left - before
    first, last = max(start, 0), min(start + columns, width)
    inside = strip[before : before + height, first - start : last - start]
    torch.cat([plane[:, :, first:last].permute(1, 2, 0) for plane in planes], -1, out=inside)
    pitch = columns * channels
    return strip.as_strided((count, rows * columns, channels), (BLOCK[0] * pitch, channels, 1))


def _write(out: Tensor, left: int, blocks: Tensor) -> None:
    """Put (Y, J, C) into (C, H, W) from column ``left`` on; blocks may reach beyond the image."""
    target = out[:, :, left : left + BLOCK[1]]
    strip = blocks.reshape(-1, BLOCK[1], blocks.shape[-1]).permute(2, 0, 1)
    target.copy_(strip[:, : target.shape[1], : target.shape[2]])
