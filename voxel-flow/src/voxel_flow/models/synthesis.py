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
        own_flows: (B, K, 2, H, W), the velocity along which each frame is read, where each has one
            of its own; ``flow`` is then what they have in common.
    """

    image: Tensor
    flow: Tensor
    weights: Tensor
    coarse: tuple[Tensor, ...] = ()
    own_flows: Tensor | None = None

    @property
    def flows(self) -> Tensor:
        """The velocity along which frames are read, (B, 1 or K, 2, H, W): one for all, or each."""
        return self.flow[:, None] if self.own_flows is None else self.own_flows


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


def blend(frames: Tensor, flows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    """Read each frame (B, K, C, H, W) along its velocity, and add them up by their weights.

    ``flows`` is (B, 1, 2, H, W), of all frames, or (B, K, 2, H, W); offsets as `relative_times`.
    """
    if flows.shape[1] == 1:
        return sample(frames, flows[:, 0], weights, offsets)
    reads = [read(frames, k, flows[:, k], offsets) for k in range(frames.shape[1])]
    return (torch.stack(reads, 1) * weights[:, :, None]).sum(1)


def sample(frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    """Return (B, 3, H, W) sampled from both frames along the flow (paper, equations 2 to 4)."""
    return sample_voxel_flow(frames, flow, weights, offsets, 0.0)


def read(frames: Tensor, k: int, flow: Tensor, offsets: Tensor) -> Tensor:
    """Frame ``k`` as the flow aligns it with the target."""
    whole = torch.ones_like(flow[:, :1])
    return sample(frames[:, k : k + 1], flow, whole, offsets[:, k : k + 1])


def outside(flows: Tensor, offsets: Tensor) -> Tensor:
    """How far outside each frame its velocity reads it, 0 to 1 pixel.

    (B, K, 2, H, W), (B, K) -> (B, K, H, W).
    """
    height, width = flows.shape[-2:]
    x = torch.arange(width, device=flows.device, dtype=torch.float32)
    y = torch.arange(height, device=flows.device, dtype=torch.float32)[:, None]
    right, down = (offsets[:, :, None, None, None] * flows).unbind(2)
    right, down = x + right, y + down
    beyond_x = torch.maximum(-right, right - (width - 1))
    beyond_y = torch.maximum(-down, down - (height - 1))
    return torch.maximum(beyond_x, beyond_y).clamp(0, 1)


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
    """Return (B, 2, 3, H / scale, W / scale), means of blocks."""
    if scale == 1:
        return frames
    return F.avg_pool2d(frames.flatten(1, 2), scale).unflatten(1, frames.shape[1:3])


def double(plane: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W), bilinear; values stay."""
    return enlarge(plane, 2)


def enlarge(plane: Tensor, scale: int) -> Tensor:
    """(B, C, H, W) -> (B, C, scale H, scale W), bilinear; values stay."""
    return F.interpolate(plane, scale_factor=scale, mode="bilinear", align_corners=False)
