"""A loop without a jump: the frames whose ends are most alike, and what lies between the ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

import cv2
import numpy as np
import torch
from torch import Tensor

from voxel_flow.evaluation.baselines import backward_warp, dis_flow
from voxel_flow.interpolation.interpolator import FrameInterpolator

Image = np.ndarray  # uint8 RGB, (H, W, 3)

SMOOTH = 24
"""Frames per second from which a loop is smooth."""
SHORTEST = 0.6
"""Of a burst: the share of its frames that a loop keeps, at least."""
MAX_RESIDUAL = 2.0
"""Of ends that are joined, at most: what motion leaves unexplained, in relation to a step's."""
LONGEST_CLOSING = 4
"""Steps of the burst that the way between the ends takes, at most."""

_THUMBNAIL = (192, 108)
_NOISE = 0.5  # levels; a burst in which nothing moves loops anywhere
_TRIED = 8  # pairs of ends


@dataclass(frozen=True)
class Loop:
    """Which frames of a burst play over and over.

    Attributes:
        order: indices of the burst's frames; after the last comes the first again.
        closing: number of steps of the burst that the way from the last to the first takes.
        times: number of frames that are shown for each step.
        goes_back: whether it plays forth and back, for the ends are too far apart.
    """

    order: tuple[int, ...]
    closing: int
    times: int
    goes_back: bool

    @property
    def num_frames(self) -> int:
        """How many frames are shown."""
        return self.times * (len(self.order) - 1 + self.closing)


def choose_loop(images: Sequence[Image], rate: Fraction) -> Loop:
    """Choose the part of a burst whose ends motion can join.

    Ends that are alike are tried first; motion joins them where the last frame, moved along the
    optical flow to the first, resembles it about as a frame of the burst does the next one. Where
    no ends do, the burst plays forth and back.

    Args:
        images: (H, W, 3) RGB, of one size, in order; two or more.
        rate: rate of them, per second.
    """
    times = max(ceil(SMOOTH / rate), 1)
    small = [cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA) for image in images]
    count = len(images)
    steps = list(pairwise(small))
    usual = max(float(np.median([_difference(*step) for step in steps])), _NOISE)
    limit = MAX_RESIDUAL * max(float(np.median([_unlike(*step) for step in steps])), _NOISE)
    shortest = max(ceil(SHORTEST * count), 2)
    ends = [(i, j) for i in range(count) for j in range(i + shortest - 1, count)]
    apart = {(i, j): _difference(small[j], small[i]) / usual for i, j in ends}
    # of ends about as far apart the longest
    for first, last in sorted(ends, key=lambda e: (round(apart[e], 1), e[0] - e[1]))[:_TRIED]:
        if _unlike(small[last], small[first]) <= limit:
            closing = min(max(round(apart[first, last]), 1), LONGEST_CLOSING)
            return Loop(tuple(range(first, last + 1)), closing, times, goes_back=False)
    return Loop((*range(count), *range(count - 2, 0, -1)), 1, times, goes_back=True)


def play(
    loop: Loop, images: Sequence[Image], rate: Fraction, interpolator: FrameInterpolator
) -> Iterator[tuple[Image, Fraction]]:
    """Yield the loop's frames and their times in seconds; what lies between frames is made."""
    at = 1 / (rate * loop.times)
    shown = 0
    for here, there in zip(loop.order, (*loop.order[1:], loop.order[0]), strict=True):
        is_closing = shown >= loop.times * (len(loop.order) - 1)
        count = loop.times * (loop.closing if is_closing else 1)
        one, other = (_to_tensor(images[k], interpolator.device) for k in (here, there))
        for k in range(count):
            made = images[here] if k == 0 else _to_image(interpolator, one, other, k / count)
            yield made, shown * at
            shown += 1


def _difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def _unlike(one: Image, other: Image) -> float:
    """Return how much of a frame, in levels, motion from the one before does not explain."""
    return _difference(backward_warp(one, dis_flow(other, one)), other)


def _to_tensor(image: Image, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1).float() / 255


def _to_image(interpolator: FrameInterpolator, one: Tensor, other: Tensor, time: float) -> Image:
    made = interpolator.synthesise(one, other, time).clamp(0, 1)
    return (made * 255).round().permute(1, 2, 0).to(torch.uint8).cpu().numpy()
