"""Candidate windows.

The paper takes 500 of EdgeBoxes (Zitnick, Dollar 2014). Its edge detector is a trained model that
no package brings, so two things stand in for it: all windows of a range of sizes and aspects, and
the boxes of what the response itself holds together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import torch
from torch import Tensor


@dataclass(frozen=True)
class WindowRule:
    """Which windows are proposed, whatever the size of the image.

    Attributes:
        smallest: height of the smallest window, as a share of the image's shorter side.
        largest: largest value, likewise.
        per_octave: heights from one to its double.
        aspects: widths over heights; a head is narrower than high.
        step: step from one window to the next, as a share of its height.
        margin: width of the ring that a window is contrasted with, as a share of its sides. A wide
            one holds a window back from growing; a narrow one keeps it from clinging to the middle
            of what fills the image.
        levels: the response is cut at these shares of its range, lowest to highest, and the box of
            each connected component is a window too.

    Raises:
        ValueError: a number out of range.
    """

    smallest: float = 0.25
    largest: float = 0.95
    per_octave: int = 4
    aspects: Sequence[float] = (0.65, 0.8, 1.0)
    step: float = 0.1
    margin: float = 0.5
    levels: Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aspects", tuple(self.aspects))  # so that it can be hashed
        object.__setattr__(self, "levels", tuple(self.levels))
        if not 0 < self.smallest <= self.largest or self.per_octave < 1:
            raise ValueError(
                f"expected 0 < smallest <= largest and per_octave of at least 1, got {self}"
            )
        if self.step <= 0 or self.margin <= 0:
            raise ValueError(f"expected a step and a margin above 0, got {self}")
        if not self.aspects or min(self.aspects) <= 0 or not all(0 < x < 1 for x in self.levels):
            raise ValueError(f"expected aspects above 0 and levels in (0, 1), got {self}")

    def heights(self, shorter: int) -> list[float]:
        """Return the heights in pixels, ascending, evenly spaced on a logarithmic scale."""
        octaves = math.log2(self.largest / self.smallest)
        number = math.floor(octaves * self.per_octave + 1e-9) + 1
        return [shorter * self.smallest * 2 ** (i / self.per_octave) for i in range(number)]


@lru_cache(maxsize=32)
def dense_windows(size: tuple[int, int], rule: WindowRule) -> Tensor:
    """Return all windows inside an image of (H, W), (N, 4) in whole pixels.

    The outermost touch the borders. None is larger than the image; where even the smallest is,
    there are none.
    """
    height, width = size
    parts = []
    for tall in rule.heights(min(size)):
        for aspect in rule.aspects:
            h, w = max(1, round(tall)), max(1, round(tall * aspect))
            if h > height or w > width:
                continue
            step = max(1.0, tall * rule.step)
            top = _places(height - h, step)
            left = _places(width - w, step)
            y, x = torch.meshgrid(top, left, indexing="ij")
            parts.append(torch.stack([x, y, x + w, y + h], -1).flatten(0, 1))
    return torch.cat(parts) if parts else torch.zeros(0, 4, dtype=torch.long)


def component_windows(response: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the boxes of the connected parts of (H, W) above each level, (N, 4) on its device.

    Parts touch at a side or a corner. A flat response has none.
    """
    values = response.detach().float().cpu().numpy()
    low, high = float(values.min()), float(values.max())
    boxes = []
    for level in levels if high > low else ():
        above = (values >= low + level * (high - low)).astype("uint8")
        _, _, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
        boxes += [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:].tolist()]
    return torch.tensor(boxes, dtype=torch.long, device=response.device).view(-1, 4)


def _places(room: int, step: float) -> Tensor:
    """0 to ``room``, both included, about ``step`` apart."""
    return torch.linspace(0, room, math.ceil(room / step) + 1).round().long()
