"""Our efficient coarse-to-fine network."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from voxel_flow.models.lucas_kanade import lucas_kanade
from voxel_flow.models.synthesis import (
    Synthesis,
    blend_weights,
    crop,
    double,
    pad,
    read,
    relative_times,
    sample,
    shrink,
)


class Compact(nn.Module):
    """Coarse-to-fine voxel flow: three light levels, each refining the one before.

    Our own design. A level sees the frames, the frames as the flow so far aligns them, the flow,
    and the step of Lucas and Kanade from there, at 1/4, 1/2 and full size, and works at a quarter
    of that size. It says what to add to the flow, and how much of the step to take: fractions of a
    pixel come from the closed form, and what is learned is where to trust it. Heads start at zero,
    so that training starts from the plain average of the frames.

    Args:
        width: of the finest level's first convolution; the coarser ones have 1.5 and 2 times it.
        num_frames: K.
        rounds: of each level, coarsest first, with the same weights: slower, and better at large
            motion, which the coarser levels find at a fraction of the finest level's cost.
    """

    multiple = 16  # the coarsest level works at 1/16 of the input
    unit = 4.0  # pixels: heads speak in these, and learn the flow in half the steps

    def __init__(
        self, width: int = 16, num_frames: int = 2, rounds: Sequence[int] = (1, 1, 1)
    ) -> None:
        super().__init__()
        if len(rounds) != 3 or min(rounds) < 1:
            raise ValueError(f"expected the rounds of 3 levels, each at least 1, got {rounds}")
        self.rounds = tuple(rounds)
        channels = 8 * num_frames + 4
        outputs = 3 + num_frames
        self.levels = nn.ModuleList(
            [
                _Level(channels, 2 * width, outputs),
                _Level(channels, width + width // 2, outputs),
                _Level(channels, width, outputs),
            ]
        )

    def forward(self, frames: Tensor, time: Tensor, times: Tensor | None = None) -> Synthesis:
        """Synthesise the frame at ``time``; see the module's docstring for the contract."""
        offsets = relative_times(frames, time, times)
        coarse: list[Tensor] = []
        flow = logits = offsets.new_zeros(())
        for small, flow, logits, _ in self._refine(frames, offsets):
            if self.training and small.shape[-1] < frames.shape[-1]:
                coarse.append(sample(small, flow, blend_weights(logits, offsets), offsets))
        flow, weights = crop(flow, frames), blend_weights(crop(logits, frames), offsets)
        return Synthesis(sample(frames, flow, weights, offsets), flow, weights, tuple(coarse))

    def encode(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return each level's features for the middle: 4, 3 and 2 widths at 1/16, 1/8 and 1/4."""
        middle = frames.new_full(frames.shape[:1], (frames.shape[1] - 1) / 2)
        offsets = relative_times(frames, middle, None)
        return tuple(features for *_, features in self._refine(frames, offsets))

    def _refine(self, frames: Tensor, offsets: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield each level's frames, flow, logits and features, coarsest first."""
        padded = pad(frames, self.multiple)
        start = torch.zeros_like(shrink(padded, 8), dtype=torch.float32)
        flow, logits = start[:, 0, :2], start[:, :, 0]
        features = start
        for level, scale, rounds in zip(self.levels, (4, 2, 1), self.rounds, strict=True):
            small = shrink(padded, scale)
            flow, logits = 2 * double(flow), double(logits)
            for _ in range(rounds):
                reads = [read(small, k, flow, offsets) for k in range(small.shape[1])]
                aligned = torch.stack(reads, 1) * 2 - 1
                step = lucas_kanade(aligned, offsets)
                planes = [_planes(offsets, small), flow * 0.1, step, blend_weights(logits, offsets)]
                images = torch.cat([small * 2 - 1, aligned], 1).flatten(1, 2)
                update, features = level(torch.cat([images, *planes], 1))
                flow = flow + self.unit * update[:, :2] + update[:, 2:3] * step
                logits = logits + update[:, 3:]
            yield small, flow, logits, features


class _Level(nn.Module):
    """(B, C, H, W) -> (B, outputs, H, W) and the features at a quarter of the size behind it."""

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        super().__init__()
        wide = 2 * width
        self.shrink = nn.Sequential(_conv_prelu(channels, width, 2), _conv_prelu(width, wide, 2))
        self.refine = nn.Sequential(*(_conv_prelu(wide, wide, 1) for _ in range(3)))
        self.head = nn.Conv2d(wide, 16 * outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.shrink(x)
        features = x + self.refine(x)
        return F.pixel_shuffle(self.head(features), 4), features


def _conv_prelu(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def _planes(offsets: Tensor, like: Tensor) -> Tensor:
    """(B, K) -> (B, K, H, W), constant planes."""
    return offsets[:, :, None, None].expand(-1, -1, *like.shape[-2:]).to(like.dtype)
