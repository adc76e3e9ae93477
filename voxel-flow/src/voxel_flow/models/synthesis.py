"""A synthesis, and what networks share to make one: blending, reading, sizes."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.layers import sample_voxel_flow


class Synthesis(NamedTuple):
    """A synthesised frame and the voxel flow that made it.

    Attributes:
        image: (B, 3, H, W), in the range of the frames.
        flow: (B, 2, H, W), velocity x then y, pixels per unit of time, at the pixels of ``image``.
        weights: (B, K, H, W), the share of each source frame; they sum to 1 over K.
        coarse: while training, the frame as each coarser level makes it, (B, 3, H / s, W / s).
    """

    image: Tensor
    flow: Tensor
    weights: Tensor
    coarse: tuple[Tensor, ...] = ()


def relative_times(frames: Tensor, time: Tensor, times: Tensor | None) -> Tensor:
    """(B, K) times of the source frames, relative to the target's."""
    if frames.ndim != 5 or frames.shape[2] != 3 or time.shape != frames.shape[:1]:
        raise ValueError(
            "expected frames (B, K, 3, H, W) and time (B,), "
            f"got {tuple(frames.shape)} and {tuple(time.shape)}"
        )
    if times is None:
        times = torch.arange(frames.shape[1], device=frames.device, dtype=torch.float32)
    return times - time[:, None].float()


def blend_weights(logits: Tensor, offsets: Tensor, native: Tensor | None = None) -> Tensor:
    """Softmax over frames with a prior that is linear in time between two frames.

    The prior 1 / |t_k - t| makes it (1 - t, t) for a pair, and all of frame k at t = t_k. With
    ``native`` offsets the logits hold that time's prior already.
    """
    prior = _log_nearness(offsets)
    if native is not None:
        prior = prior - _log_nearness(native)
    return (logits.float() + prior[:, :, None, None]).softmax(1)


def _log_nearness(offsets: Tensor) -> Tensor:
    return -offsets.abs().clamp_min(1e-6).log()


def sample(frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    return sample_voxel_flow(frames, flow, weights, offsets, 0.0)


def read(frames: Tensor, k: int, flow: Tensor, offsets: Tensor) -> Tensor:
    """Frame ``k`` as the flow aligns it with the target."""
    whole = torch.ones_like(flow[:, :1])
    return sample(frames[:, k : k + 1], flow, whole, offsets[:, k : k + 1])


def outside(flows: list[Tensor], offsets: Tensor) -> Tensor:
    """How far outside each frame a velocity for each reads it, 0 to 1 pixel: (B, K, H, W)."""
    height, width = flows[0].shape[-2:]
    x = torch.arange(width, device=offsets.device, dtype=torch.float32)
    y = torch.arange(height, device=offsets.device, dtype=torch.float32)[:, None]
    planes = []
    for k, flow in enumerate(flows):
        offset = offsets[:, k, None, None]
        right, down = x + offset * flow[:, 0], y + offset * flow[:, 1]
        beyond = torch.maximum(-right, right - (width - 1))
        planes.append(torch.maximum(beyond, torch.maximum(-down, down - (height - 1))))
    return torch.stack(planes, 1).clamp(0, 1)


def pad(frames: Tensor, multiple: int) -> Tensor:
    """Pad right and below by repeating the border, to sizes that divide by ``multiple``."""
    height, width = frames.shape[-2:]
    # `-width % multiple` in a form that torch.export can see divides by `multiple` once padded
    right = (width + multiple - 1) // multiple * multiple - width
    below = (height + multiple - 1) // multiple * multiple - height
    padded = F.pad(frames.flatten(1, 2), (0, right, 0, below), mode="replicate")
    return padded.unflatten(1, frames.shape[1:3])


def crop(plane: Tensor, like: Tensor) -> Tensor:
    """Undo `_pad`. Not by a slice, whose bound torch.export could not prove for every size."""
    right, below = like.shape[-1] - plane.shape[-1], like.shape[-2] - plane.shape[-2]
    return F.pad(plane, (0, right, 0, below))


def shrink(frames: Tensor, scale: int) -> Tensor:
    if scale == 1:
        return frames
    return F.avg_pool2d(frames.flatten(1, 2), scale).unflatten(1, frames.shape[1:3])


def double(plane: Tensor) -> Tensor:
    return enlarge(plane, 2)


def enlarge(plane: Tensor, scale: int) -> Tensor:
    return F.interpolate(plane, scale_factor=scale, mode="bilinear", align_corners=False)
