"""What hangs from the waist around both legs: skirts, and the lower part of dresses and coats."""

import functools

import numpy as np
from scipy.spatial.distance import cdist

from synthetic_people import body, cloth
from synthetic_people.design import Design
from synthetic_people.drape import ANGLES, COLUMNS, DIRECTIONS, RINGS, Hull, hanging, hull
from synthetic_people.garment_style import SEAM, opening
from synthetic_people.mesh import Mesh
from synthetic_people.shell import OFF_ARM, Fitted, fitted, shell
from synthetic_people.wearer import Wearer

LAP = 0.07  # level by which a skirt reaches up under the torso's cloth


def met(design: Design, wearer: Wearer, around: Hull, above: np.ndarray) -> np.ndarray:
    """Move a torso's cloth out to where the skirt that is sewn to it begins."""
    it = shell()
    radius = skirt_radii(design, around, RINGS, wearer.skirt)
    gap = wearer.gap(around, radius) + 0.002
    near = np.interp(it.down, [-0.22, SEAM - 0.03], [0, 1]) * (it.arm == OFF_ARM)
    return above + near * np.maximum(gap - above, 0)


def skirt(
    design: Design, name: str, wearer: Wearer, around: Hull
) -> tuple[Mesh, dict[str, tuple[str, int]]]:
    """A tube around both legs, from the waist to the hem."""
    sewn = design.kind != "lower"
    start = SEAM - LAP if sewn else design.rise
    inner = (start + 0.02 < RINGS) & (design.hem - 0.02 > RINGS)
    levels = np.concatenate([[start], RINGS[inner], [design.hem]])
    radius = skirt_radii(design, around, levels, wearer.skirt)
    if sewn:
        radius[0] -= 0.008  # it begins under the torso's cloth, so that no gap opens in a bend
    place = points(around, radius, levels)
    vertices = place.reshape(-1, 3)
    bones, weights = _weights(levels)
    seen = levels > wearer.beneath - 0.08 if design.kind == "lower" else levels > -1
    faces, uv, face_uv = _tube(seen, place)
    mesh = Mesh(
        name, vertices, faces, uv, face_uv, bones, weights,
        cloth.material(design, name.removesuffix(".skirt")),
        _tube_opening(design, levels, place, around) if design.open else None,
    )  # fmt: skip
    _wear_skirt(design, wearer, around, levels, radius)
    left, right = 3 * COLUMNS // 4, COLUMNS // 4  # of the image: -x, +x of the body
    last = (len(levels) - 1) * COLUMNS
    marks = {"left_hem": (name, last + left), "right_hem": (name, last + right)}
    if design.kind == "lower":
        marks |= {"left_waistline": (name, left), "right_waistline": (name, right)}
    return mesh, marks


def _wear_skirt(
    design: Design, wearer: Wearer, around: Hull, levels: np.ndarray, radius: np.ndarray
) -> None:
    """Note what a skirt covers, and how far out it is where other clothes fall over it."""
    it = shell()
    within = ((levels[0] - 0.05 < RINGS) & (levels[-1] + 0.05 > RINGS))[:, None]
    full = np.stack([np.interp(RINGS, levels, radius[:, c]) for c in range(COLUMNS)], 1) + 0.006
    wearer.skirt = np.where(within, np.maximum(wearer.skirt, full), wearer.skirt)
    on = (it.arm == OFF_ARM) & (it.down > levels[0]) & (it.down < min(0.45, levels[-1]))
    gap = np.minimum(wearer.gap(around, full), 0.1)
    wearer.outside = np.where(on, np.maximum(wearer.outside, gap), wearer.outside)
    if not design.open:
        hidden = (it.arm == OFF_ARM) & (it.down > levels[0] + 0.03)
        wearer.covered |= hidden & (it.down < levels[-1] - 0.06)


def _tube_opening(
    design: Design, levels: np.ndarray, place: np.ndarray, around: Hull
) -> np.ndarray:
    """The opening of a front goes on in a skirt; its width is that of the neutral body."""
    side, waist = COLUMNS // 4, int(np.abs(RINGS).argmin())
    slim = neutral_width() / around.radius[waist, side]
    front = np.broadcast_to(DIRECTIONS[:, 1] > 0, place.shape[:2])
    down = np.repeat(levels, COLUMNS)
    return opening(design, slim * place[..., 0].ravel(), down, front.ravel()).astype(np.float32)


def _weights(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bones, grid = skirt_weights()
    row = ((levels - RINGS[0]) / (RINGS[1] - RINGS[0])).clip(0, len(RINGS) - 1.001)
    i = row.astype(int)
    part = (row - i)[:, None, None].astype(np.float32)
    dense = (grid[i] * (1 - part) + grid[i + 1] * part).reshape(-1, len(bones))
    order = np.argpartition(-dense, 4, axis=1)[:, :4]
    kept = np.take_along_axis(dense, order, 1)
    return bones[order].astype(np.uint8), kept / kept.sum(1, keepdims=True)


def _tube(seen: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return faces and texture coordinates (metres of cloth) of a tube of rings (L, C, 3).

    There are faces only between rings that are `seen` (L,).
    """
    rings = len(place)
    ring, column = np.mgrid[: rings - 1, :COLUMNS]
    ring, column = ring[seen[:-1]], column[seen[:-1]]
    after = (column + 1) % COLUMNS
    a, b = ring * COLUMNS + column, ring * COLUMNS + after
    c, d = a + COLUMNS, b + COLUMNS
    faces = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
    wide = COLUMNS + 1
    radius = np.hypot(place[..., 0], place[..., 2]).mean()
    u = np.broadcast_to(np.append(ANGLES, 2 * np.pi) * radius, (rings, wide))
    v = np.broadcast_to(place[:, :1, 1], (rings, wide))
    a, b = ring * wide + column, ring * wide + column + 1
    c, d = a + wide, b + wide
    face_uv = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
    return faces, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), face_uv


@functools.cache
def skirt_weights() -> tuple[np.ndarray, np.ndarray]:
    """Return the bones (B,) that move skirts, and their weights (R, C, B) on the rings.

    A place of a skirt follows the parts of torso and legs around it, the more of them the further
    down it is, so that it stays smooth when the legs part.
    """
    it = shell()
    neutral = fitted_neutral()
    around = hull(neutral, np.zeros(len(it.rows), np.float32))
    on = np.flatnonzero((it.arm == OFF_ARM) & (it.down > -0.6) & (it.down < 2.0))
    bones = np.unique(it.bones[on])
    dense = np.zeros((len(on), len(bones)), np.float32)
    for k in range(4):
        dense[np.arange(len(on)), np.searchsorted(bones, it.bones[on, k])] += it.bone_weights[on, k]
    grid = points(around, around.radius, RINGS)
    gap = cdist(grid.reshape(-1, 3), neutral.vertices[on], "sqeuclidean")
    gap = gap.reshape(len(RINGS), COLUMNS, -1)
    reach = np.interp(RINGS, [0, 0.5, 1, 2], [0.018, 0.05, 0.08, 0.11])[:, None, None]
    near = np.exp(-0.5 * gap / reach**2) + 1e-9
    weights = near @ dense
    return bones, (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


@functools.cache
def fitted_neutral() -> Fitted:
    """Return the shell on the neutral body."""
    return fitted(body.base_vertices())


@functools.cache
def neutral_width() -> float:
    """Return the metres from the middle to the side of the neutral waist."""
    around = hull(fitted_neutral(), np.zeros(len(shell().rows), np.float32))
    return float(around.radius[np.abs(RINGS).argmin(), COLUMNS // 4])


def points(around: Hull, radius: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return points (L, C, 3) of a tube of radii (L, C) at levels (L,)."""
    middle = np.interp(levels, RINGS, around.middle)
    height = np.interp(levels, RINGS, around.height)
    x = radius * DIRECTIONS[:, 0]
    z = radius * DIRECTIONS[:, 1] + middle[:, None]
    return np.stack([x, np.broadcast_to(height[:, None], x.shape), z], -1).astype(np.float32)


def skirt_radii(design: Design, around: Hull, levels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return radii (L, C) of a skirt at levels, over a hull and the skirts (R, C) below it."""
    sewn = design.kind != "lower"  # the hull is then that of the torso's cloth
    close = np.maximum(around.radius + (0.002 if sewn else 0.006 + 0.012 * design.loose), inside)
    fallen = hanging(close, around.height, 0.03)
    if design.flare < 0:
        fallen = fallen + min(1.0, -2 * design.flare) * (close - fallen)
    below = np.maximum(around.height[np.searchsorted(RINGS, 0.0)] - around.height, 0)[:, None]
    wide = fallen + below * max(design.flare, 0) * 0.28
    rows = (levels - RINGS[0]) / (RINGS[1] - RINGS[0])
    i = rows.astype(int).clip(0, len(RINGS) - 2)
    part = (rows - i)[:, None]
    return (wide[i] * (1 - part) + wide[i + 1] * part) * _pleats(design, levels)


def _pleats(design: Design, levels: np.ndarray) -> np.ndarray:
    """Factors (L, C) of the radius: folds that deepen downwards, sharper where pleated."""
    rng = np.random.default_rng(design.seed + 1)
    pleated = "pleats" in design.parts
    count = int(rng.integers(9, 14) if pleated else rng.integers(4, 8))
    deep = 0.035 if pleated else 0.012 + 0.035 * max(design.flare, 0)
    deep *= np.interp(levels, [0.0, 0.25, 1.2], [0.15 if pleated else 0, 0.5, 1.0])
    if design.flare < -0.2:
        deep = deep * 0.3
    wave = np.cos(count * ANGLES + rng.uniform(0, 7)) + 0.5 * np.cos(
        (count + 2) * ANGLES + rng.uniform(0, 7)
    )
    return 1 + deep[:, None] * wave
