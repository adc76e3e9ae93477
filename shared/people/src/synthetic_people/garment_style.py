"""Where the cloth of a design ends: fields on the shell, metres, above 0 where there is cloth."""

import functools
from dataclasses import dataclass

import numpy as np

from synthetic_people.design import Design
from synthetic_people.shell import OFF_ARM, Shell, shell
from synthetic_people.wardrobe import CATEGORIES

THIGH, CALF, ARM = 0.553, 0.376, 0.42  # metres that a level spans: waist to knee, to ankle, arm
FAR = np.float64(1.0)  # of a field where an edge is nowhere near


@dataclass(frozen=True)
class GarmentStyle:
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


def _opening(design: Design, it: Shell) -> np.ndarray:
    return opening(design, it.position[:, 0], it.down, it.position[:, 2] > 0.02)


LONG = 0.26  # level from which on a shirt's hem hangs in one piece around both legs


def has_skirt(design: Design) -> bool:
    """Return whether a part of a garment hangs around both legs."""
    surface = CATEGORIES[design.category].surface
    return "skirt" in surface or (surface == "shirt" and design.hem > LONG)


@functools.lru_cache(maxsize=256)
def style_of(design: Design) -> GarmentStyle:
    """Return the edges of a design."""
    it = shell()
    none = np.full(len(it.rows), FAR)
    surface = CATEGORIES[design.category].surface
    hem = SEAM if has_skirt(design) else design.hem
    lower = (hem - it.down) * np.where(it.down > 1, CALF, THIGH)
    if surface == "legs":
        rise = np.where(it.arm > OFF_ARM, -FAR, (it.down - design.rise) * THIGH)
        return _style(none, none, lower, rise, none)
    return _style(neckline(design, it), sleeve(design, it), lower, none, _opening(design, it))


def _style(*edges: np.ndarray) -> GarmentStyle:
    return GarmentStyle(*(edge.astype(np.float32) for edge in edges))


def neckline(design: Design, it: Shell) -> np.ndarray:
    """Return the field of a neckline; `design.depth` says how deep it is."""
    front = np.maximum(np.cos(it.around), 0) ** 2
    side = np.sin(it.around) ** 2
    depth = design.depth
    x, y = np.abs(it.position[:, 0]), it.position[:, 1]
    ahead = it.position[:, 2] > 0.02
    high = it.neck - 0.008
    if design.collar in ("shirt", "stand") or "hood" in design.parts:
        return it.neck - 0.001  # up to where the collar stands
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
    x, y = np.abs(it.position[:, 0]), it.position[:, 1]
    narrow = 0.018 * (0.4 + design.depth) if design.category == "tank" else 0.0
    seam = np.interp(y, [0.41, 0.45, 0.48, 0.53, 0.6], [0.3, 0.2, 0.158, 0.138, 0.142]) - x
    narrow = narrow * np.interp(y, [0.42, 0.5], [0.3, 1])
    return np.minimum(seam - narrow, np.where(it.arm > OFF_ARM, (0.07 - it.arm) * ARM, FAR))


def opening(design: Design, x: np.ndarray, down: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Return the field of a front that is worn open.

    Args:
        design: the garment. x: (N,) metres from the middle. down: (N,) levels.
        front: (N,) whether a vertex is in front.
    """
    if not design.open:
        return np.full(len(x), FAR)
    wide = design.open * np.interp(down, [-0.75, -0.57, 0.15, 0.9], [0.3, 0.35, 0.6, 0.75])
    return np.where(front, np.abs(x) - wide, FAR)
