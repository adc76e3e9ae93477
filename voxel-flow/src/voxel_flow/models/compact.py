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
        rounds: at each scale, coarsest first, down to 1: slower, and better at large motion, which
            the coarser scales find at a fraction of the finest one's cost. A scale's rounds share
            its level's weights; scales beyond the third share the coarsest level's.
        train_rounds: the same in training, for less time and memory; None is ``rounds``.
    """

    unit = 4.0  # pixels: heads speak in these, and learn the flow in half the steps

    def __init__(
        self,
        width: int = 16,
        num_frames: int = 2,
        rounds: Sequence[int] = (1, 1, 1),
        train_rounds: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if len(rounds) < 3 or min(rounds) < 1:
            raise ValueError(f"expected the rounds of 3 scales or more, each >= 1, got {rounds}")
        train_rounds = rounds if train_rounds is None else train_rounds
        if len(train_rounds) != len(rounds) or min(train_rounds) < 1:
            raise ValueError(f"expected {len(rounds)} train_rounds, each >= 1, got {train_rounds}")
        self.rounds = tuple(rounds)
        self.train_rounds = tuple(train_rounds)
        self.multiple = 2 ** (len(rounds) + 1)  # a level works at a quarter of its scale
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
        """Return the features of the finest three scales for the middle.

        4, 3 and 2 widths at 1/16, 1/8 and 1/4.
        """
        middle = frames.new_full(frames.shape[:1], (frames.shape[1] - 1) / 2)
        offsets = relative_times(frames, middle, None)
        return tuple(features for *_, features in self._refine(frames, offsets))[-3:]

    def _refine(self, frames: Tensor, offsets: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield each scale's frames, flow, logits and features, coarsest first."""
        padded = pad(frames, self.multiple)
        scales = [2**s for s in reversed(range(len(self.rounds)))]
        levels = [self.levels[0]] * (len(scales) - 3) + list(self.levels)
        start = torch.zeros_like(shrink(padded, 2 * scales[0]), dtype=torch.float32)
        flow, logits = start[:, 0, :2], start[:, :, 0]
        features = start
        repeats = self.train_rounds if self.training else self.rounds
        for level, scale, rounds in zip(levels, scales, repeats, strict=True):
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
