"""A pinhole camera: where points of the scene lie in the image."""

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Camera:
    """A pinhole that looks at a point.

    Convention: image x to the right, y downwards, in pixels; (0, 0) is the corner of the first
    pixel, whose centre is (0.5, 0.5). Depth is measured along the optical axis, in metres.

    Args:
        eye: (3,) position of the pinhole, metres.
        target: (3,) the point in the middle of the image.
        focal: focal length in image heights; 1.2 is a phone, 2 and more a portrait lens.
        height, width: size of the image in pixels.
        roll: rotation about the optical axis, radians.
    """

    eye: np.ndarray
    target: np.ndarray
    focal: float
    height: int
    width: int
    roll: float = 0.0

    @functools.cached_property
    def axes(self) -> np.ndarray:
        """Rows: image right, image down, forward; (3, 3)."""
        forward = self.target - self.eye
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(self.roll), np.sin(self.roll)
        return np.stack([c * right + s * down, c * down - s * right, forward])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return x, y in pixels and depth in metres, (N, 3) float64, of points (N, 3).

        >>> camera = Camera(np.array([0.0, 0, 4]), np.zeros(3), 1.0, 100, 200)
        >>> camera.project(np.array([[0.0, 0.4, 0.0]])).round(3).tolist()
        [[100.0, 40.0, 4.0]]
        """
        out = in_axes(np.asarray(points), np.asarray(self.eye, np.float64), self.axes)
        _divide(out, self.focal * self.height, self.width / 2, self.height / 2)
        return out

    def rays(self, factor: int = 1) -> np.ndarray:
        """Return unnormalised directions (H * factor, W * factor, 3) of depth 1 through samples."""
        x = (np.arange(self.width * factor) + 0.5) / factor - self.width / 2
        y = (np.arange(self.height * factor) + 0.5) / factor - self.height / 2
        right, down, forward = self.axes
        scale = 1 / (self.focal * self.height)
        return (
            forward + (x * scale)[None, :, None] * right + (y * scale)[:, None, None] * down
        ).astype(np.float32)


@njit(cache=True, nogil=True)
def in_axes(points: np.ndarray, origin: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return coordinates (N, 3) float64 of points (N, 3) along rows of `axes` (3, 3)."""
    out = np.empty((len(points), 3))
    for n in range(len(points)):
        x = points[n, 0] - origin[0]
        y = points[n, 1] - origin[1]
        z = points[n, 2] - origin[2]
        for d in range(3):
            out[n, d] = axes[d, 0] * x + axes[d, 1] * y + axes[d, 2] * z
    return out


@njit(cache=True, nogil=True)
def _divide(points: np.ndarray, scale: float, x: float, y: float) -> None:
    """Divide coordinates (N, 3) along the axes by their depth, and move them to the middle x, y."""
    for n in range(len(points)):
        depth = points[n, 2]
        share = scale / (depth if abs(depth) >= 1e-6 else 1e-6)
        points[n, 0] = x + points[n, 0] * share
        points[n, 1] = y + points[n, 1] * share
