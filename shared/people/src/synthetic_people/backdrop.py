"""The photograph behind the people, as a plane at infinity that follows the camera."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people.texture import LINEAR


@dataclass(frozen=True)
class Backdrop:
    """A photograph behind the scene.

    Args:
        photo: (P, Q, 3) uint8 sRGB, at least as large as the image.
        shift: x, y pixels by which the image's origin lies in the photograph, moved by pans.
        zoom: pixels of the photograph per pixel of the image.
    """

    photo: np.ndarray
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0

    def linear(self, height: int, width: int, factor: int = 1) -> np.ndarray:
        """Return its linear light at `factor` x `factor` samples a pixel, (H, W, 3) float32."""
        out = np.empty((height * factor, width * factor, 3), np.float32)
        _spread(self.photo, LINEAR, self.shift[0], self.shift[1], self.zoom, factor, out)
        return out

    def flow_to(self, later: "Backdrop", height: int, width: int) -> np.ndarray:
        """Return where each pixel centre goes in a later view of the same photograph, (H, W, 2)."""
        y, x = np.mgrid[:height, :width] + 0.5
        xy = np.stack([x, y], -1)
        place = xy * self.zoom + np.array(self.shift)
        return ((place - np.array(later.shift)) / later.zoom - xy).astype(np.float32)


@njit(cache=True, nogil=True)
def _spread(
    photo: np.ndarray, linear: np.ndarray, left: float, top: float, zoom: float, factor: int,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write the bilinear value of a photograph, mirrored at its borders, to each sample."""
    h, w = photo.shape[0], photo.shape[1]
    for j in range(out.shape[0]):
        y = (j + 0.5) / factor * zoom + top - 0.5
        j0 = int(np.floor(y))
        fy = y - j0
        upper, lower = _mirrored(j0, h), _mirrored(j0 + 1, h)
        for i in range(out.shape[1]):
            x = (i + 0.5) / factor * zoom + left - 0.5
            i0 = int(np.floor(x))
            fx = x - i0
            first, second = _mirrored(i0, w), _mirrored(i0 + 1, w)
            for c in range(3):
                above = linear[photo[upper, first, c]] * (1 - fx)
                above += linear[photo[upper, second, c]] * fx
                below = linear[photo[lower, first, c]] * (1 - fx)
                below += linear[photo[lower, second, c]] * fx
                out[j, i, c] = above * (1 - fy) + below * fy


@njit(cache=True, nogil=True)
def _mirrored(place: int, size: int) -> int:
    place = place % (2 * size)
    return place if place < size else 2 * size - 1 - place
