"""Differentiable reading of images between their pixels.

Convention of the whole file: positions are in pixels, x then y, and (0, 0) is the centre of the
top-left pixel; a position outside the image takes the nearest border pixel, and moving it there
changes nothing (zero gradient). A NaN or infinite position reads NaN, and harms nothing else.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.kernels.voxel_flow import voxel_flow

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def sample_bilinear(image: Tensor, points: Tensor) -> Tensor:
    """Read an image at real-valued positions.

    Args:
        image: (B, C, H, W), floating point, any range.
        points: (B, H', W', 2), x then y, pixels; computed in float32, or float64 if given that.

    Returns:
        (B, C, H', W') of the image's type. The gradient to a NaN or infinite point is zero.

    Raises:
        ValueError: A shape, type or device does not fit.

    >>> sample_bilinear(torch.arange(4.0).view(1, 1, 2, 2), torch.tensor([[[[0.5, 0.5]]]]))
    tensor([[[[1.5000]]]])
    """
    _expect("image (B, C, H, W)", image, (None,) * 4)
    _expect("points (B, H', W', 2)", points, (image.shape[0], None, None, 2), image.device)
    dtype = _computing_dtype(image, points)
    height, width = image.shape[2:]
    # ATen's backward ends the process at a NaN or infinite position.
    broken = ~(points.abs() < torch.inf).all(-1)
    x, y = points.to(dtype).masked_fill(broken[..., None], 0).unbind(-1)
    grid = torch.stack([x * (2 / max(width - 1, 1)), y * (2 / max(height - 1, 1))], -1) - 1
    read = F.grid_sample(
        image.to(dtype), grid.clamp(-2, 2), padding_mode="border", align_corners=True
    )
    return read.masked_fill(broken[:, None], torch.nan).to(image.dtype)


def sample_voxel_flow(
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    times: Tensor | Sequence[float],
    time: Tensor | float,
) -> Tensor:
    """Make the image at ``time``: each frame read where the motion puts it, and blended.

    Frame k is read at ``x + (times[k] - time) * flow`` and the result is the sum of
    ``weights[k]`` times what was read. So a time between the frames interpolates, one after
    them extrapolates, and any number of frames is welcome.

    Args:
        frames: (B, K, C, H, W), floating point, any range.
        flow: (B, 2, H, W), x then y: the motion at the target pixel, pixels per frame step.
        weights: (B, K, H, W), used as they are; they sum to 1 for a mean.
        times: (K,) or (B, K), when each frame was taken, frame steps.
        time: A number or (B,), when the target is. Times take no gradient.

    Returns:
        (B, C, H, W) of the frames' type. Positions and weights are computed in float32, or in
        float64 if anything is. Where the flow is NaN or infinite the result is NaN.

    Raises:
        ValueError: A shape, type or device does not fit.

    Source: Liu et al. 2017, "Video Frame Synthesis using Deep Voxel Flow", which has two frames,
    the target midway, and one weight with its complement.

    >>> frames, flow = torch.rand(1, 2, 3, 8, 8), torch.zeros(1, 2, 8, 8)
    >>> weights = torch.full((1, 2, 8, 8), 0.5)
    >>> sample_voxel_flow(frames, flow, weights, times=[0.0, 1.0], time=0.5).shape
    torch.Size([1, 3, 8, 8])
    """
    _expect("frames (B, K, C, H, W)", frames, (None,) * 5)
    batch, num_frames, _, height, width = frames.shape
    _expect("flow (B, 2, H, W)", flow, (batch, 2, height, width), frames.device)
    _expect("weights (B, K, H, W)", weights, (batch, num_frames, height, width), frames.device)
    dtype = _computing_dtype(frames, flow, weights)
    flow, weights = flow.to(dtype), weights.to(dtype)
    offsets = _offsets(times, time, flow, num_frames)
    # An exported program mostly runs without gradients; should one need them, it reads again.
    trained = weights.requires_grad and torch.is_grad_enabled()
    keep_reads = trained and not torch.compiler.is_exporting()
    return voxel_flow(frames, flow, weights, offsets, keep_reads)[0]


def _offsets(
    times: Tensor | Sequence[float], time: Tensor | float, flow: Tensor, num_frames: int
) -> Tensor:
    """Return ``times - time``, (B, K) of the flow's type and on its device, without a wait."""
    batch = flow.shape[0]
    if isinstance(times, Tensor):
        shape = (batch, num_frames) if times.ndim == 2 else (num_frames,)
        _expect_shape("times (K,) or (B, K)", times, shape, flow.device)
    elif len(times) != num_frames:
        raise ValueError(f"expected a time for each of K = {num_frames} frames, got {times}")
    if isinstance(time, Tensor):
        _expect_shape("time, a number or (B,)", time, (batch,), flow.device)
    offsets = flow.new_empty(batch, num_frames)
    for k in range(num_frames):
        offsets[:, k] = (times[..., k] if isinstance(times, Tensor) else times[k]) - time
    return offsets


def _computing_dtype(*tensors: Tensor) -> torch.dtype:
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def _expect(
    contract: str,
    x: Tensor,
    shape: tuple[int | None, ...],
    device: torch.device | None = None,
) -> None:
    if x.dtype not in _FLOATS:
        raise ValueError(f"expected {contract} in floating point, got {x.dtype}")
    _expect_shape(contract, x, shape, device or x.device)


def _expect_shape(
    contract: str, x: Tensor, shape: tuple[int | None, ...], device: torch.device
) -> None:
    """Raise ValueError unless ``x`` has this shape; None is any size, but only B may be 0."""
    fits = x.ndim == len(shape) and all(
        have == want if want is not None else i == 0 or have > 0
        for i, (have, want) in enumerate(zip(x.shape, shape, strict=True))
    )
    if not fits:
        sizes = ", ".join(">0" if want is None else str(want) for want in shape)
        raise ValueError(f"expected {contract} of sizes ({sizes}), got {tuple(x.shape)}")
    if x.device != device:
        raise ValueError(f"expected {contract} on {device}, got {x.device}")
