"""Our efficient coarse-to-fine network."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from voxel_flow.models.lucas_kanade import lucas_kanade
from voxel_flow.models.synthesis import (
    Synthesis,
    blend,
    blend_weights,
    crop,
    double,
    outside,
    pad,
    read,
    relative_times,
    shrink,
)


class Compact(nn.Module):
    """Coarse-to-fine voxel flow: three light levels, each refining the one before.

    Our own design. A level sees the frames, the frames as the flow so far aligns them, the flow,
    and the step of Lucas and Kanade from there, at 1/4, 1/2 and full size, and works at a quarter
    of that size. It says what to add to the flow, and how much of the step to take: fractions of a
    pixel come from the closed form, and what is learned is where to trust it. Heads start at zero,
    so that training starts from the plain average of the frames; or, with ``trust``, from the
    closed form alone, which is worth an hour of training.

    Args:
        width: width of the finest level's first convolution; the coarser ones have 1.5 and 2 times
            it.
        num_frames: K.
        rounds: rounds at each scale, coarsest first, down to 1: slower, and better at large motion,
            which the coarser scales find at a fraction of the finest one's cost. A scale's rounds
            share its level's weights; scales beyond the third share the coarsest level's.
        train_rounds: the same in training, for less time and memory; None is ``rounds``.
        cells: sides in pixels, 1, 2 or 4, of the cells of each closed-form step: small ones follow
            thin objects, large ones do not mistake noise for motion. Each step is taken in part.
        own_flows: whether each frame has a velocity of its own, the common one and what a level
            adds to it; the levels then also see how far outside each frame is read. Motion that is
            not even, and what one frame hides, need it.
        trust: share of the steps that an untrained network takes in all, 0 to 1.
    """

    unit = 4.0  # pixels: heads speak in these, and learn the flow in half the steps

    def __init__(
        self,
        width: int = 16,
        num_frames: int = 2,
        rounds: Sequence[int] = (1, 1, 1),
        train_rounds: Sequence[int] | None = None,
        cells: Sequence[int] = (4,),
        own_flows: bool = False,
        trust: float = 0.0,
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
        self.cells = tuple(cells)
        self.own_flows = own_flows
        channels = 8 * num_frames + 2 + 2 * len(cells) + 3 * num_frames * own_flows
        outputs = 2 + len(cells) + num_frames + 2 * num_frames * own_flows
        levels = [
            _Level(channels, wide, outputs) for wide in (2 * width, width + width // 2, width)
        ]
        for level in levels:
            level.trust(slice(2, 2 + len(cells)), trust / len(cells))
        self.levels = nn.ModuleList(levels)

    def forward(self, frames: Tensor, time: Tensor, times: Tensor | None = None) -> Synthesis:
        """Synthesise the frame at ``time``; see the module's docstring for the contract."""
        offsets = relative_times(frames, time, times)
        coarse: list[Tensor] = []
        state: Tensor = offsets.new_zeros(())
        for small, state, _ in self._refine(frames, offsets):
            if self.training and small.shape[-1] < frames.shape[-1]:
                coarse.append(self._blend(small, state, offsets).image)
        return self._blend(frames, crop(state, frames), offsets, coarse)

    def encode(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return the features of the finest three scales for the middle.

        4, 3 and 2 widths at 1/16, 1/8 and 1/4.
        """
        middle = frames.new_full(frames.shape[:1], (frames.shape[1] - 1) / 2)
        offsets = relative_times(frames, middle, None)
        return tuple(features for *_, features in self._refine(frames, offsets))[-3:]

    def _refine(self, frames: Tensor, offsets: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield each scale's frames, state (see `_split`) and features, coarsest first."""
        num_frames = frames.shape[1]
        padded = pad(frames, self.multiple)
        scales = [2**s for s in reversed(range(len(self.rounds)))]
        levels = [self.levels[0]] * (len(scales) - 3) + list(self.levels)
        start = torch.zeros_like(shrink(padded, 2 * scales[0]), dtype=torch.float32)[:, 0, :1]
        state = start.expand(-1, 2 + num_frames * (3 if self.own_flows else 1), -1, -1)
        features = start
        repeats = self.train_rounds if self.training else self.rounds
        for level, scale, rounds in zip(levels, scales, repeats, strict=True):
            small = shrink(padded, scale)
            state = double(state)
            flow, logits, own = self._split(state, num_frames)
            state = torch.cat([2 * flow, logits, 2 * own], 1)
            for _ in range(rounds):
                flow, logits, own = self._split(state, num_frames)
                flows = self._flows(flow, own)
                each = flows.expand(-1, num_frames, -1, -1, -1)
                reads = [read(small, k, each[:, k], offsets) for k in range(num_frames)]
                aligned = torch.stack(reads, 1) * 2 - 1
                steps = [lucas_kanade(aligned, offsets, cell) for cell in self.cells]
                weights = blend_weights(logits, offsets)
                planes = [_planes(offsets, small), flow * 0.1, *steps, weights]
                if self.own_flows:
                    planes += [own * 0.1, outside(flows, offsets)]
                images = torch.cat([small * 2 - 1, aligned], 1).flatten(1, 2)
                update, features = level(torch.cat([images, *planes], 1))
                change, shares, rest = update.tensor_split([2, 2 + len(steps)], 1)
                change = self.unit * change
                for n, step in enumerate(steps):
                    change = change + shares[:, n : n + 1] * step
                state = state + torch.cat([change, rest], 1)
            yield small, state, features

    def _split(self, state: Tensor, num_frames: int) -> tuple[Tensor, ...]:
        """Return the common velocity, the logits, and what each frame's velocity adds to it.

        (B, 2, H, W), (B, K, H, W) and (B, 2 K, H, W), or no channel where frames have no own.
        """
        return state.tensor_split([2, 2 + num_frames], 1)

    def _flows(self, flow: Tensor, own: Tensor) -> Tensor:
        """Return the velocity of all frames, (B, 1, 2, H, W), or of each, (B, K, 2, H, W)."""
        return flow[:, None] + own.unflatten(1, (-1, 2)) if self.own_flows else flow[:, None]

    def _blend(
        self, frames: Tensor, state: Tensor, offsets: Tensor, coarse: Sequence[Tensor] = ()
    ) -> Synthesis:
        """Return the frame that a state makes."""
        flow, logits, own = self._split(state, frames.shape[1])
        flows, weights = self._flows(flow, own), blend_weights(logits, offsets)
        image = blend(frames, flows, weights, offsets)
        return Synthesis(image, flow, weights, tuple(coarse), flows if self.own_flows else None)


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

    def trust(self, outputs: slice, share: float) -> None:
        """Have the untrained head say ``share`` in some of its outputs."""
        assert self.head.bias is not None
        with torch.no_grad():
            self.head.bias.view(-1, 16)[outputs] = share  # as pixel_shuffle reads it

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.shrink(x)
        features = x + self.refine(x)
        return F.pixel_shuffle(self.head(features), 4), features


def _conv_prelu(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def _planes(offsets: Tensor, like: Tensor) -> Tensor:
    """(B, K) -> (B, K, H, W), constant planes."""
    return offsets[:, :, None, None].expand(-1, -1, *like.shape[-2:]).to(like.dtype)
