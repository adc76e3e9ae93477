"""A loop without a jump: the frames whose ends are most alike, and what lies between the ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxel_flow.interpolation.interpolator import FrameInterpolator

Image = np.ndarray  # uint8 RGB, (H, W, 3)

SMOOTH = 24
"""Frames per second from which a loop is smooth."""
SHORTEST = 0.6
"""Of a burst: the share of its frames that a loop keeps, at least."""
LONGEST_CLOSING = 4.0
"""Steps of the burst that the ends may be apart; further ones are not closed but played back."""
_THUMBNAIL = (96, 54)


@dataclass(frozen=True)
class Loop:
    """Which frames of a burst play over and over.

    Attributes:
        order: indices of the burst's frames; after the last comes the first again.
        closing: how many steps of the burst the way from the last to the first takes.
        times: how many frames are shown for each step.
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
    """Choose the part of a burst whose ends are most alike in relation to its steps.

    Args:
        images: (H, W, 3) RGB, of one size, in order; two or more.
        rate: of them, per second.
    """
    times = max(ceil(SMOOTH / rate), 1)
    small = [cv2.resize(i, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(float) for i in images]
    count = len(images)
    steps = [_distance(one, other) for one, other in pairwise(small)]
    usual = max(float(np.median(steps)), 0.25)  # a still burst loops anywhere
    shortest = max(ceil(SHORTEST * count), 2)
    ends = [(i, j) for i in range(count) for j in range(i + shortest - 1, count)]
    apart = {pair: _distance(small[pair[0]], small[pair[1]]) / usual for pair in ends}
    # of ends about as far apart the longest
    first, last = min(ends, key=lambda pair: (round(apart[pair], 1), pair[0] - pair[1]))
    order = tuple(range(first, last + 1))
    if apart[first, last] > LONGEST_CLOSING:
        there = tuple(range(count))
        return Loop((*there, *there[-2:0:-1]), 1, times, goes_back=True)
    return Loop(order, max(round(apart[first, last]), 1), times, goes_back=False)


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


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(one - other).mean())


def _to_tensor(image: Image, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1).float() / 255


def _to_image(interpolator: FrameInterpolator, one: Tensor, other: Tensor, time: float) -> Image:
    made = interpolator.synthesise(one, other, time).clamp(0, 1)
    return (made * 255).round().permute(1, 2, 0).to(torch.uint8).cpu().numpy()
