"""A pinhole camera: where points of the scene lie in the image."""

import functools
from dataclasses import dataclass

import numpy as np


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
        x, y, depth = ((np.asarray(points, np.float64) - self.eye) @ self.axes.T).T
        scale = self.focal * self.height / np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return np.stack([self.width / 2 + x * scale, self.height / 2 + y * scale, depth], 1)

    def rays(self, factor: int = 1) -> np.ndarray:
        """Return unnormalised directions (H * factor, W * factor, 3) of depth 1 through samples."""
        x = (np.arange(self.width * factor) + 0.5) / factor - self.width / 2
        y = (np.arange(self.height * factor) + 0.5) / factor - self.height / 2
        right, down, forward = self.axes
        scale = 1 / (self.focal * self.height)
        return (
            forward + (x * scale)[None, :, None] * right + (y * scale)[:, None, None] * down
        ).astype(np.float32)
