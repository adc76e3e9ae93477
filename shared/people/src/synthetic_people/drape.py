"""How cloth hangs: its distance from the body, and the tube of a skirt around both legs."""

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people.design import Design
from synthetic_people.garment_style import GarmentStyle
from synthetic_people.shell import OFF_ARM, Fitted, shell
from synthetic_people.wardrobe import CATEGORIES

RINGS = np.linspace(-0.5, 2.0, 40)  # levels of the rings about the torso and both legs
COLUMNS = 64
ANGLES = np.arange(COLUMNS) * (2 * np.pi / COLUMNS)
DIRECTIONS = np.stack([np.sin(ANGLES), np.cos(ANGLES)], 1)  # (C, 2) x, z; 0 is in front


_ACROSS = np.ascontiguousarray(DIRECTIONS.T, np.float32)


@dataclass(frozen=True)
class Hull:
    """The convex hull of a body at each of `RINGS`, arms left out.

    Args:
        radius: (R, C) metres from the middle in each of `DIRECTIONS`.
        middle: (R,) z of the middle. height: (R,) y of the rings.
    """

    radius: np.ndarray
    middle: np.ndarray
    height: np.ndarray

    def sample(self, radius: np.ndarray, level: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Return values of (R, C) at levels and angles (N,), bilinear."""
        row = ((level - RINGS[0]) / (RINGS[1] - RINGS[0])).clip(0, len(RINGS) - 1.001)
        column = angle / (2 * np.pi) * COLUMNS
        i, j = row.astype(int), np.floor(column).astype(int)
        a, b = row - i, column - j
        j, k = j % COLUMNS, (j + 1) % COLUMNS
        above = radius[i, j] * (1 - b) + radius[i, k] * b
        below = radius[i + 1, j] * (1 - b) + radius[i + 1, k] * b
        return above * (1 - a) + below * a


@functools.cache
def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the shell in the order of the rings they touch, and where each ring begins."""
    it = shell()
    on = np.flatnonzero((it.arm == OFF_ARM) & (it.down > RINGS[0] - 0.03) & (it.down < 2.03))
    row = (it.down[on] - RINGS[0]) / (RINGS[1] - RINGS[0])
    both = np.concatenate([np.floor(row), np.ceil(row)]).clip(0, len(RINGS) - 1).astype(int)
    order = np.argsort(both, kind="stable")
    starts = np.searchsorted(both[order], np.arange(len(RINGS)))
    return np.concatenate([on, on])[order], starts


_NEAR = np.cos(ANGLES[:, None] - ANGLES[None, :])
_REACH = np.where(_NEAR > 0.35, 1 / np.maximum(_NEAR, 0.35), np.inf)  # (C, C)


def hull(fit: Fitted, distance: np.ndarray) -> Hull:
    """Return the hull of a body with clothes `distance` (N,) metres above the shell."""
    rows, starts = _rows()
    points = fit.vertices[rows][:, [0, 2]]
    points = points + fit.normals[rows][:, [0, 2]] * distance[rows, None].astype(np.float32)
    support = np.maximum.reduceat(points @ _ACROSS, starts, axis=0).astype(np.float64)
    half = COLUMNS // 2
    middle = (support[:, 0] - support[:, half]) / 2
    support = support - middle[:, None] * DIRECTIONS[:, 1]
    radius = _reached(support, _REACH)
    waist, knee, ankle = fit.heights
    slope = (waist - knee) * 1.0
    height = np.interp(RINGS, [-0.5, 0, 1, 2], [waist + 0.5 * slope, waist, knee, ankle])
    return Hull(radius, middle, height)


@njit(cache=True, nogil=True)
def _reached(support, reach):  # type: ignore[no-untyped-def]
    """Radii (R, C) of the hull that supporting lines at distances (R, C) bound."""
    out = np.full_like(support, np.inf)
    for r in range(support.shape[0]):
        for c in range(support.shape[1]):
            for d in range(support.shape[1]):
                out[r, c] = min(out[r, c], support[r, d] * reach[c, d])
    return out


def hanging(radius: np.ndarray, height: np.ndarray, give: float) -> np.ndarray:
    """Return radii (R, C) of cloth that falls from the widest place above it.

    Args:
        radius: (R, C) what it hangs on.
        height: (R,) of the rings, falling.
        give: metres by which it may draw in for each metre that it falls.
    """
    fallen = (height[0] - height)[:, None] * give
    return np.maximum.accumulate(radius + fallen, axis=0) - fallen


CLEAR = 0.009  # metres from a garment to what is worn over it: belts and buttons lie between


def distance(design: Design, fit: Fitted, edges: GarmentStyle, outside: np.ndarray) -> np.ndarray:
    """Return metres (N,) of a garment's cloth above the shell.

    Args:
        design: the garment. fit: the body. edges: where its cloth ends.
        outside: (N,) metres of what is worn below it.
    """
    it = shell()
    layer = CATEGORIES[design.category].layer
    surface = CATEGORIES[design.category].surface
    out = 0.004 + 0.008 * design.loose + 0.003 * layer + fit.hollow * (0.6 + design.loose)
    if surface != "legs":  # cloth lies on what faces upwards and hangs away from what does not
        lies = np.interp(it.position[:, 1], [0.2, 0.45], [0.0, 0.85]) + (it.arm > 0.3) * 0.4
        out = out * (1 - np.minimum(lies, 0.85) * fit.normals[:, 1].clip(0, 1)) + 0.001
    arms = np.where(it.arm > OFF_ARM, np.interp(it.arm, [0.0, 0.35, 0.85, 1], [0, 1, 1, 0.4]), 0)
    wide = 0.4 if "ribs" in design.parts else 1.0
    below = 1 - 0.9 * fit.normals[:, 1].clip(0, 1)
    out = out + arms * design.loose * 0.018 * np.where(it.arm > 0.85, wide, 1) * below
    if surface != "legs":
        out = out + _hang(design, fit, out)
    if "legs" in surface:
        legs = np.maximum(out, _legs(design, it.down))
        out = out + np.interp(it.down, [0.25, 0.5], [0, 1]) * (legs - out)
    out = out + _wrinkles(design)
    worn = edges.closed > -0.03
    return np.where(worn, np.maximum(out, outside + CLEAR), out)


def _hang(design: Design, fit: Fitted, out: np.ndarray) -> np.ndarray:
    """Metres by which a torso's cloth hangs away from the body below the chest."""
    it = shell()
    around = hull(fit, out)
    fallen = hanging(around.radius, around.height, 0.5 - 0.4 * design.loose)
    x, z = fit.vertices[:, 0], fit.vertices[:, 2]
    level = it.down
    z = z - np.interp(level, RINGS, around.middle)
    sideways = np.hypot(x, z)
    want = around.sample(fallen, level, np.arctan2(x, z))
    facing = (fit.normals[:, 0] * x + fit.normals[:, 2] * z) / np.maximum(sideways, 1e-6)
    more = np.maximum(want - sideways, 0) / np.maximum(facing, 0.4) - out
    ends = [0.05, 0.3] if "legs" in CATEGORIES[design.category].surface else [0.5, 0.6]
    falls = np.interp(level, [-0.5, -0.25, *ends], [0, 1, 1, 0])
    drop = np.interp(level, [-0.3, 0.4], [0, 1]) * design.flare * 0.06
    torso = it.arm == OFF_ARM
    draw = min(1.0, 1.6 * design.loose)
    return np.where(torso, falls * (np.maximum(more, 0) * draw + drop), 0)


def _legs(design: Design, down: np.ndarray) -> np.ndarray:
    """Metres of a trouser leg above the leg: its radius falls less than the leg's does."""
    leg = np.interp(down, [0.45, 1, 1.35, 2], [0.088, 0.06, 0.056, 0.04])
    straight = 0.048 + 0.055 * design.loose
    straight = straight + np.interp(down, [0.9, 2], [0, 1]) * design.flare * 0.11
    if "ribs" in design.parts:  # a cuff draws the cloth in above the ankle
        straight = np.where(down > design.hem - 0.1, 0.0, straight)
    return np.maximum(straight - leg, 0.006 + 0.01 * design.loose)


@functools.lru_cache(maxsize=256)
def _wrinkles(design: Design) -> np.ndarray:
    """Metres of the large folds of a design: across the limbs at elbows, knees and waist."""
    it = shell()
    rng = np.random.default_rng(design.seed)
    place = it.position.astype(np.float32)
    out = np.zeros(len(place), np.float32)
    for _ in range(7):
        wave = rng.normal(0, 1, 3) * [28, 42, 28]
        out += np.abs(np.sin(place @ np.float32(wave) + rng.uniform(0, 7))) - 0.6
    elbow = np.exp(-(((it.arm - 0.52) / 0.16) ** 2))
    knee = np.exp(-(((it.down - 1.02) / 0.16) ** 2))
    ankle = np.exp(-(((it.down - 1.9) / 0.14) ** 2))
    waist = np.exp(-(((it.down - 0.02) / 0.14) ** 2)) * (it.arm == OFF_ARM)
    much = 0.25 + elbow + knee + ankle + 0.7 * waist
    stiff = 0.4 if design.fabric in ("wool", "leather") else 1.0
    return (out * much * stiff * (0.001 + 0.003 * design.loose)).astype(np.float32)
