"""Where the cloth of a design ends: fields on the shell, metres, above 0 where there is cloth."""

import functools
from dataclasses import dataclass

import numpy as np

from synthetic_people.design import Design
from synthetic_people.shell import OFF_ARM, Shell, joints, shell
from synthetic_people.wardrobe import CATEGORIES

THIGH, CALF, ARM = 0.553, 0.376, 0.42  # metres that a level spans: waist to knee, to ankle, arm
FAR = np.float64(1.0)  # of a field where an edge is nowhere near


@dataclass(frozen=True)
class Cut:
    """The edges of a garment on the shell, (N,) each; cloth is where all are above 0.

    Args:
        neck, sleeve, hem, rise, front: fields of the neckline, the sleeves' ends or armholes, the
            lower edge, the upper edge of what is worn from the waist down, and the opening.
    """

    neck: np.ndarray
    sleeve: np.ndarray
    hem: np.ndarray
    rise: np.ndarray
    front: np.ndarray

    @property
    def closed(self) -> np.ndarray:
        """The cloth as if its front were closed."""
        return np.minimum.reduce([self.neck, self.sleeve, self.hem, self.rise])

    @property
    def cloth(self) -> np.ndarray:
        """The cloth."""
        return np.minimum(self.closed, self.front)


SEAM = 0.02  # level at which a torso ends where a skirt is sewn to it


@functools.lru_cache(maxsize=512)
def cut(design: Design) -> Cut:
    """Return the edges of a design."""
    it = shell()
    none = np.full(len(it.rows), FAR)
    surface = CATEGORIES[design.category].surface
    if surface == "skirt":
        raise ValueError(f"expected a garment on the shell, got a {design.category}")
    hem = SEAM if surface == "shirt+skirt" else design.hem
    lower = (hem - it.down) * np.where(it.down > 1, CALF, THIGH)
    if surface == "legs":
        rise = np.where(it.arm > OFF_ARM, -FAR, (it.down - design.rise) * THIGH)
        return Cut(none, none, lower, rise, none)
    return Cut(neckline(design, it), sleeve(design, it), lower, none, opening(design, it.position))


def neckline(design: Design, it: Shell) -> np.ndarray:
    """Return the field of a neckline; `design.depth` says how deep it is."""
    front = np.maximum(np.cos(it.around), 0) ** 2
    side = np.sin(it.around) ** 2
    depth = design.depth
    x, y = np.abs(it.position[:, 0]), it.position[:, 1]
    ahead = it.position[:, 2] > 0.02
    high = it.neck - 0.008
    if design.neck == "turtleneck":
        return it.neck + 0.06
    if design.neck == "boat":
        return it.neck - 0.012 - (0.03 + 0.035 * depth) * side
    if design.neck == "scoop":
        return it.neck - 0.022 - 0.02 * side - (0.04 + 0.07 * depth) * front
    if design.neck == "off-shoulder":
        return 0.492 - 0.02 * depth - y
    if design.neck == "v":
        point = 0.5 - 0.13 * depth if design.collar != "lapel" else 0.34 - 0.06 * depth
        run, drop = 0.068, 0.595 - point
        edge = (x * drop - (y - point) * run) / np.hypot(run, drop)
        return np.minimum(high - 0.004, np.where(ahead, edge, FAR))
    if design.neck == "square":
        box = np.maximum(x - 0.08 - 0.02 * depth, 0.5 - 0.07 * depth - y)
        return np.minimum(high - 0.012, np.where(ahead, box, FAR))
    return high - 0.018 * depth - (0.012 * front if not design.collar else 0.0)


def sleeve(design: Design, it: Shell) -> np.ndarray:
    """Return the field of the sleeves' ends, or of armholes where there are none."""
    end = design.sleeve if design.sleeve is not None else 1.0
    if end > 0.1:
        return np.where(it.arm > OFF_ARM, (end - it.arm) * ARM, FAR)
    centre = joints()["upperarm01.L"] * [1, 1, 1] + [0.016, -0.022, 0.0]
    away = it.position * [1.0, 1.0, 0.8]
    away[:, 0] = np.abs(away[:, 0])
    hole = np.linalg.norm(away - centre * [1, 1, 0.8], axis=1)
    wide = 0.075 + (0.025 if design.category == "tank" else 0.0) * (0.4 + design.depth)
    return np.where(it.arm > 0.14, -FAR, hole - wide)


def opening(design: Design, position: np.ndarray) -> np.ndarray:
    """Return the field of a front that is worn open, at neutral positions (N, 3)."""
    if not design.open:
        return np.full(len(position), FAR)
    x, y = np.abs(position[:, 0]), position[:, 1]
    wide = design.open * np.interp(y, [-0.3, 0.1, 0.5, 0.6], [0.75, 0.6, 0.35, 0.3])
    return np.where(position[:, 2] > 0.02, x - wide, FAR)
