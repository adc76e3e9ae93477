"""Flat layers in exact motion: what lies at a pixel at any time, occlusion included.

Every point of a layer goes in a straight line at its own constant speed, x(t) = X + (t - 1/2) v(X),
where X is the point's place at t = 1/2; v is a shift, a turn, a zoom, a little perspective and a
smooth deformation. Times run from 0 to 1, coordinates are x then y, in pixels of the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

GRID = 8  # pixels: motion is smooth, and solved for on every eighth pixel
ITERATIONS = 6  # of the inverse motion: slopes are below 0.4, so errors fall by 0.2 in each


@dataclass
class Motion:
    """Velocity of a layer's points, pixels from t = 0 to t = 1.

    Args:
        centre: centre of turn, zoom and perspective, (2,).
        shift: velocity there, (2,).
        linear: its gradient there, (2, 2): turn, zoom, shear.
        tilt: perspective, (2,), per pixel.
        waves: deformation, (n, 5): wave vector, phase and amplitude along x and y.
    """

    centre: np.ndarray
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2))
    linear: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    tilt: np.ndarray = field(default_factory=lambda: np.zeros(2))
    waves: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))

    def velocity(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the velocity, x and y, of the points that are at (x, y) at t = 1/2."""
        across, down = x - self.centre[0], y - self.centre[1]
        depth = self.tilt[0] * across + self.tilt[1] * down
        vx = self.shift[0] + (self.linear[0, 0] + depth) * across + self.linear[0, 1] * down
        vy = self.shift[1] + self.linear[1, 0] * across + (self.linear[1, 1] + depth) * down
        for kx, ky, phase, ax, ay in self.waves:
            wave = np.sin(kx * across + ky * down + phase)
            vx, vy = vx + ax * wave, vy + ay * wave
        return vx, vy

    def origin(self, x: np.ndarray, y: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points that are at (x, y) at a time are at t = 1/2."""
        first_x, first_y = x, y
        for _ in range(ITERATIONS if time != 0.5 else 0):
            vx, vy = self.velocity(first_x, first_y)
            first_x, first_y = x - (time - 0.5) * vx, y - (time - 0.5) * vy
        return first_x, first_y


@dataclass
class Layer:
    """An image in motion.

    Args:
        canvas: (h, w, 3) uint8, reflected at its border: it covers the frame; or (h, w, 4) with
            alpha, by which the colours are not multiplied.
        corner: position of the canvas' first pixel in the frame at t = 1/2, x then y.
        motion: motion of its points.
    """

    canvas: np.ndarray
    corner: np.ndarray
    motion: Motion

    def draw(self, frame: np.ndarray, time: float) -> None:
        """Paint the layer, as it is at a time, onto a frame (H, W, 3) uint8."""
        opaque = self.canvas.shape[2] == 3
        x0, y0, x1, y1 = (0, 0, *frame.shape[1::-1]) if opaque else self._box(frame, time)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        lookup = self._lookup(x0, y0, x1, y1, time)
        border = cv2.BORDER_REFLECT_101 if opaque else cv2.BORDER_CONSTANT
        x, y = cv2.split(lookup)
        read = cv2.remap(self.canvas, x, y, cv2.INTER_CUBIC, borderMode=border)
        if opaque:
            frame[y0:y1, x0:x1] = read
            return
        alpha = cv2.cvtColor(read[..., 3], cv2.COLOR_GRAY2RGB)
        over = cv2.multiply(read[..., :3], alpha, scale=1 / 255)
        under = cv2.multiply(frame[y0:y1, x0:x1], cv2.bitwise_not(alpha), scale=1 / 255)
        frame[y0:y1, x0:x1] = cv2.add(over, under)

    def _box(self, frame: np.ndarray, time: float) -> tuple[int, int, int, int]:
        """Return the part of a frame that the moved canvas can touch: x0, y0, x1, y1."""
        height, width = self.canvas.shape[:2]
        edge = np.linspace(0, 1, 9)
        x = self.corner[0] + width * np.r_[edge, edge, edge * 0, edge * 0 + 1]
        y = self.corner[1] + height * np.r_[edge * 0, edge * 0 + 1, edge, edge]
        vx, vy = self.motion.velocity(x, y)
        x, y = x + (time - 0.5) * vx, y + (time - 0.5) * vy
        right, below = min(int(x.max()) + 3, frame.shape[1]), min(int(y.max()) + 3, frame.shape[0])
        return max(int(x.min()) - 2, 0), max(int(y.min()) - 2, 0), right, below

    def _lookup(self, x0: int, y0: int, x1: int, y1: int, time: float) -> np.ndarray:
        """Return where in the canvas each pixel of a box comes from, (y1 - y0, x1 - x0, 2)."""
        columns, rows = (x1 - x0 - 1) // GRID + 2, (y1 - y0 - 1) // GRID + 2
        x, y = np.meshgrid(
            x0 + GRID * np.arange(columns, dtype=np.float32),
            y0 + GRID * np.arange(rows, dtype=np.float32),
        )
        coarse = np.dstack(self.motion.origin(x, y, time)) - self.corner
        # bilinear, so that the grid's points stay on every eighth pixel, as `resize` would not
        matrix = np.array([[1 / GRID, 0, 0], [0, 1 / GRID, 0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shape = ((columns - 1) * GRID, (rows - 1) * GRID)
        fine = cv2.warpAffine(
            coarse.astype(np.float32), matrix, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return fine[: y1 - y0, : x1 - x0]


def draw_frame(layers: Sequence[Layer], size: int, time: float) -> np.ndarray:
    """Return layers as they are at a time, the first behind: (size, size, 3) uint8."""
    frame = np.zeros((size, size, 3), np.uint8)
    for layer in layers:
        layer.draw(frame, time)
    return frame


def draw_motion(
    rng: np.random.Generator, centre: np.ndarray, max_speed: float, extent: float
) -> Motion:
    """Return a random motion, slow ones more often than fast ones.

    Args:
        rng: source of randomness.
        centre: centre of the layer, (2,).
        max_speed: largest speed of the shift, in pixels from t = 0 to t = 1.
        extent: extent of the layer, in pixels, to which deformation is in proportion.
    """
    speed, heading = max_speed * rng.random() ** 3, rng.uniform(0, 2 * np.pi)
    turn, zoom = _sometimes(rng, 0.10, 0.5), _sometimes(rng, 0.06, 0.5)
    shear, stretch = _sometimes(rng, 0.03, 0.3), _sometimes(rng, 0.03, 0.3)
    linear = np.array([[zoom + stretch, shear - turn], [shear + turn, zoom - stretch]])
    tilt = np.array([_sometimes(rng, 2e-4, 0.3), _sometimes(rng, 2e-4, 0.3)])
    waves = []
    for _ in range(rng.integers(1, 4) if rng.random() < 0.4 else 0):
        number = 2 * np.pi / max(rng.uniform(0.4, 2.0) * extent, 30.0)
        along = rng.uniform(0, 2 * np.pi)
        slope = rng.normal(0, 0.10, 2).clip(-0.25, 0.25)  # beyond, the layer would fold
        phase = rng.uniform(0, 2 * np.pi)
        waves.append([number * np.cos(along), number * np.sin(along), phase, *slope / number])
    return Motion(
        centre,
        speed * np.array([np.cos(heading), np.sin(heading)]),
        linear.clip(-0.35, 0.35),
        tilt.clip(-5e-4, 5e-4),
        np.array(waves).reshape(-1, 5),
    )


def _sometimes(rng: np.random.Generator, deviation: float, probability: float) -> float:
    return float(rng.normal(0, deviation)) if rng.random() < probability else 0.0
