"""Estimating voxel flow on images too large to do so at once, or at full size.

Only the estimate is made in parts or at a smaller size. The frames are then read at full size and
as a whole, so that motion may lead from one tile into another, and detail is never lost.
"""

from collections.abc import Callable, Iterator
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from voxel_flow.models import Synthesis
from voxel_flow.models.synthesis import blend, relative_times

OVERLAP = 192
"""Pixels that neighbouring tiles share."""
MARGIN = 64
"""Of these, at a tile's edge, those whose estimate is not used: what lies beyond is missing there.
Over the pixels between the margins one tile gives way to the other."""
SMALLEST_TILE = 2 * OVERLAP

_ALIGNMENT = 32  # the networks' coarsest grid: every tile lies on the whole image's


def synthesise(
    network: Callable[..., Synthesis],
    frames: Tensor,
    time: Tensor,
    *,
    scale: float = 1.0,
    tile: int,
) -> Synthesis:
    """Call a network of `voxel_flow.models`, in tiles or on smaller images where asked to.

    Args:
        network: its weights are those of one call wherever a tile has nothing beside it.
        frames: (B, K, 3, H, W) RGB in [0, 1], taken at times 0, 1, ...
        time: (B,) times of the frames to be made.
        scale: scale of the images on which the flow is estimated, in (0, 1].
        tile: largest side of what the network sees at once, in pixels of those images.
    """
    height, width = frames.shape[-2:]
    small = frames if scale == 1 else _resize(frames, scale)
    if max(small.shape[-2:]) <= tile:
        estimate: Synthesis = network(small, time)
        if scale == 1:
            return estimate
        flows, weights = estimate.flows, estimate.weights
    else:
        flows, weights = _estimate_in_tiles(network, small, time, tile)
    flows, weights = _enlarge(flows.float(), height, width), weights.float()
    if weights.shape[-2:] != (height, width):
        weights = F.interpolate(weights, (height, width), mode="bilinear")
    image = blend(frames, flows, weights, relative_times(frames, time, None))
    own = flows if flows.shape[1] > 1 else None
    return Synthesis(image, flows.mean(1), weights, own_flows=own)


def _resize(frames: Tensor, scale: float) -> Tensor:
    """Resize (B, K, 3, H, W)."""
    size = [max(round(side * scale), 1) for side in frames.shape[-2:]]
    small = F.interpolate(frames.flatten(0, 1), size, mode="bilinear", antialias=True)
    return small.unflatten(0, frames.shape[:2])


def _enlarge(flows: Tensor, height: int, width: int) -> Tensor:
    """Resize flow fields (B, N, 2, H, W); their values, in pixels, grow with them."""
    if flows.shape[-2:] == (height, width):
        return flows
    growth = flows.new_tensor([width / flows.shape[-1], height / flows.shape[-2]])
    large = F.interpolate(flows.flatten(0, 1), (height, width), mode="bilinear")
    return large.unflatten(0, flows.shape[:2]) * growth[:, None, None]


def _estimate_in_tiles(
    network: Callable[..., Synthesis], frames: Tensor, time: Tensor, tile: int
) -> tuple[Tensor, Tensor]:
    """Return flows (B, N, 2, H, W) and weights (B, K, H, W): the tiles' mean, by windows."""
    num_frames, (height, width) = frames.shape[1], frames.shape[-2:]
    planes: Tensor = frames.new_zeros(())
    total = frames.new_zeros(height, width)
    for rows in _spans(height, tile):
        for columns in _spans(width, tile):
            part: Synthesis = network(frames[..., rows, columns], time)
            down, across = _window(rows, height), _window(columns, width)
            window = (down[:, None] * across).to(frames.device)
            made = torch.cat([part.flows.flatten(1, 2), part.weights], 1).float()
            if not planes.ndim:
                planes = frames.new_zeros(*made.shape[:2], height, width)
            planes[..., rows, columns] += made * window
            total[rows, columns] += window
    planes /= total
    return planes[:, :-num_frames].unflatten(1, (-1, 2)), planes[:, -num_frames:]


def _spans(length: int, tile: int) -> Iterator[slice]:
    """Cover ``length`` by as few aligned tiles as will do, all of about one size."""
    count = max(ceil((length - OVERLAP) / (tile - OVERLAP - _ALIGNMENT)), 1) if length > tile else 1
    step = (length - OVERLAP) / count
    for k in range(count):
        start = int(k * step) // _ALIGNMENT * _ALIGNMENT
        stop = length if k == count - 1 else ceil((k + 1) * step) + OVERLAP
        yield slice(start, stop)


def _window(span: slice, length: int) -> Tensor:
    """Return a tile's influence along one side: 1, falling to 0 before its neighbours' insides."""
    size = span.stop - span.start
    fall = (torch.arange(size) + 0.5 - MARGIN) / (OVERLAP - 2 * MARGIN)
    window = torch.ones(size)
    if span.start > 0:
        window = torch.minimum(window, fall.clamp(0, 1))
    if span.stop < length:
        window = torch.minimum(window, fall.flip(0).clamp(0, 1))
    return window
