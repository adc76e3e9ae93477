"""Textures: 8-bit images with their smaller versions, read at the scale at which they are seen."""

from dataclasses import dataclass, field

import numpy as np
from numba import njit


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Return linear light of sRGB values in [0, 1] (IEC 61966-2-1).

    >>> round(float(to_linear(np.array(0.5))), 3)
    0.214
    """
    srgb = np.asarray(srgb, np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Return sRGB values in [0, 1] of linear light, clipped to that range."""
    linear = np.clip(np.asarray(linear, np.float32), 0, 1)
    return np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * np.power(linear, 1 / 2.4) - 0.055
    ).astype(np.float32)


LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)  # linear light of each 8-bit value


@dataclass
class Texture:
    """An image that surfaces carry.

    Args:
        image: (H, W, 3) or (H, W, 4) uint8 sRGB, the fourth channel its coverage.

    Attributes:
        alpha: (H, W) uint8 coverage, None where all of it is there.
        pyramid: (T, 3) uint8 texels of all versions, each half the size of the one before.
        sizes: (L, 3) a row a version: its first row in `pyramid`, its height, its width.
    """

    image: np.ndarray
    alpha: np.ndarray | None = field(init=False)
    pyramid: np.ndarray = field(init=False)
    sizes: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        colour = np.ascontiguousarray(self.image[..., :3])
        self.alpha = None
        if self.image.shape[2] == 4 and self.image[..., 3].min() < 250:
            self.alpha = np.ascontiguousarray(self.image[..., 3])
            colour = _bleed(colour, self.alpha)
        levels = [colour]
        while min(levels[-1].shape[:2]) >= 8:
            levels.append(_half(levels[-1]))
        self.pyramid = np.concatenate([level.reshape(-1, 3) for level in levels])
        self.image = self.pyramid[: colour.size // 3].reshape(colour.shape)  # no second copy
        starts = np.cumsum([0, *(level.shape[0] * level.shape[1] for level in levels[:-1])])
        self.sizes = np.array(
            [(start, *level.shape[:2]) for start, level in zip(starts, levels, strict=True)]
        )  # a row a level: where it begins in the pyramid, its height and width


def _half(image: np.ndarray) -> np.ndarray:
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    wide = image[:h, :w].astype(np.uint16)
    rows = wide[::2] + wide[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


def _bleed(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Fill what the mask hides by the mean colour, which smaller versions would mix in."""
    seen = alpha > 64
    mean = colour[seen].mean(0) if seen.any() else np.zeros(3)
    out = colour.copy()
    out[~seen] = mean.astype(np.uint8)
    return out


@njit(cache=True, nogil=True, inline="always")
def look_up(
    pyramid: np.ndarray, sizes: np.ndarray, level: int, u: float, v: float, linear: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write the bilinear, repeating value of a level at (u, v) as linear light to `out` (3,)."""
    start, h, w = sizes[level, 0], sizes[level, 1], sizes[level, 2]
    x = (u - np.floor(u)) * w - 0.5
    y = (1.0 - (v - np.floor(v))) * h - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    left, right = x0 % w, (x0 + 1) % w
    top, bottom = start + (y0 % h) * w, start + ((y0 + 1) % h) * w
    for c in range(3):
        above = linear[pyramid[top + left, c]] * (1 - fx) + linear[pyramid[top + right, c]] * fx
        below = (
            linear[pyramid[bottom + left, c]] * (1 - fx) + linear[pyramid[bottom + right, c]] * fx
        )
        out[c] = above * (1 - fy) + below * fy
