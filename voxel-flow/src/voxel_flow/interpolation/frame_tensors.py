"""Between video frames and a network's tensors."""

from functools import cached_property

import av
import numpy as np
import torch
from torch import Tensor

from vision_shared.video.colour import from_levels, to_levels, white_level
from vision_shared.video.colour_tensors import is_planar, to_image, to_planes
from vision_shared.video.reader import TimedFrame


class Source:
    """A source frame; on the device from when it is first needed."""

    def __init__(self, timed: TimedFrame, device: torch.device) -> None:
        self.timed = timed
        self._device = device

    @cached_property
    def image(self) -> Tensor:
        """(3, H, W), float32 RGB in [0, 1], times alpha: what it shows on black."""
        planes = self._planes
        return planes if len(planes) == 3 else planes[:3] * planes[3:]

    @cached_property
    def alpha(self) -> Tensor | None:
        """(1, H, W) in [0, 1], of a format that can be transparent."""
        return self._planes[3:] if len(self._planes) == 4 else None

    @cached_property
    def _planes(self) -> Tensor:
        if self._device.type == "cuda" and is_planar(self.timed.frame):
            return to_image(self.timed.frame, self._device)
        levels = torch.from_numpy(to_levels(self.timed.frame))
        if self._device.type == "cuda":  # the copy runs beside what the GPU does
            levels = levels.pin_memory().to(self._device, non_blocking=True)
        return (levels.permute(2, 0, 1).float() / white_level(self.timed.frame)).clamp_(max=1)


def with_alpha(image: Tensor, alpha: Tensor) -> Tensor:
    """Return (B, 4, H, W) of RGB (B, 3, H, W) that was multiplied with alpha (B, 1, H, W)."""
    colour = torch.where(alpha > 0, image / alpha.clamp_min(1e-6), 0)
    return torch.cat([colour, alpha], 1)


def to_frame(image: Tensor, like: av.VideoFrame) -> av.VideoFrame:
    """Return RGB (3, H, W), or (4, H, W) with alpha, in [0, 1] as a frame like ``like``."""
    if image.is_cuda and is_planar(like):
        return to_planes(image, like)
    white = white_level(like)
    # rounded, not cut off: that would make every synthesised frame half a level too dark
    levels = (image.clamp(0, 1) * white).round().permute(1, 2, 0).contiguous()
    if white == 255:
        return from_levels(levels.to(torch.uint8).cpu().numpy(), like)
    return from_levels(levels.cpu().numpy().astype(np.uint16), like)
