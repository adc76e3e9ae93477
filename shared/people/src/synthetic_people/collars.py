"""What stands up around the neck: collars, turtlenecks, hoods; and scarves and the knots of ties.

All are tubes or strips over the ring where the neck begins, in `SIDES` steps around it.
"""

import functools
from dataclasses import dataclass

import numpy as np

from synthetic_people.design import Design
from synthetic_people.landmarks import strongest
from synthetic_people.mesh import Material, Mesh
from synthetic_people.shell import joints, shell

SIDES = 40
TURN = (np.arange(SIDES) + 0.5) * (2 * np.pi / SIDES) - np.pi  # about the neck, 0 in front


@dataclass(frozen=True)
class Ring:
    """The ring around the neck where collars begin.

    Args:
        rows, weights: (S, 4) vertices of the shell that give its points.
        bones, bone_weights: (S, 4) skinning.
    """

    rows: np.ndarray
    weights: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray


@functools.lru_cache(maxsize=16)
def ring(level: float = 0.004) -> Ring:
    """Return the ring at a distance from the root of the neck, metres."""
    it = shell()
    here = it.neck[it.pairs] - level
    crossing = (here[:, 0] > 0) != (here[:, 1] > 0)
    a, b = it.pairs[crossing].T
    t = (here[:, 0] / (here[:, 0] - here[:, 1]))[crossing]
    turn = np.arctan2(
        np.sin(it.around[a]) * (1 - t) + np.sin(it.around[b]) * t,
        np.cos(it.around[a]) * (1 - t) + np.cos(it.around[b]) * t,
    )
    gap = np.abs((turn[None] - TURN[:, None] + np.pi) % (2 * np.pi) - np.pi)
    near = np.argsort(gap, 1)[:, :2]
    share = np.exp(-((np.take_along_axis(gap, near, 1) / 0.12) ** 2)) + 1e-6
    share /= share.sum(1, keepdims=True)
    rows = np.concatenate([a[near], b[near]], 1)
    weights = np.concatenate([share * (1 - t[near]), share * t[near]], 1)
    bones, bone_weights = strongest(
        it.bones[rows].reshape(SIDES, 16),
        (it.bone_weights[rows] * weights[..., None]).reshape(SIDES, 16),
    )
    return Ring(rows, weights.astype(np.float32), bones, bone_weights)


def collar(design: Design, cloth: np.ndarray, look: Material, name: str) -> Mesh | None:
    """Return what stands up of a design's collar on its cloth (N, 3), None where nothing does."""
    if design.neck == "turtleneck":
        return _standing(
            cloth, look, name, [0, 0.03, 0.055, 0.025], [0.0, -0.006, -0.004, 0.003], 0
        )
    if design.collar == "stand":
        return _standing(
            cloth, look, name, [0, 0.02, 0.04, 0.02], [0.002, -0.003, -0.004, 0.001], 0.2
        )
    if design.collar == "shirt":
        return _folded(cloth, look, name, design)
    if design.collar == "lapel":
        return _standing(cloth, look, name, [0, 0.014, 0.02, -0.012, -0.03],
                         [0.004, 0.008, 0.016, 0.026, 0.034], 1.3)  # fmt: skip
    if "hood" in design.parts:
        return _hood(cloth, look, name)
    return None


def _base(cloth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the ring (S, 3), directions outwards (S, 3), and up the neck (3,)."""
    it = ring()
    point = (cloth[it.rows] * it.weights[..., None]).sum(1)
    for _ in range(3):  # a seam is smoother than the edges that it was found on
        point = (np.roll(point, 1, 0) + 2 * point + np.roll(point, -1, 0)) / 4
    middle = point.mean(0)
    up = joints()["head"] - joints()["neck01"]
    up = up / np.linalg.norm(up)
    out = point - middle
    out -= (out @ up)[:, None] * up
    return point, out / np.linalg.norm(out, axis=1, keepdims=True), up


def _strip(rows: np.ndarray, look: Material, name: str, keep: np.ndarray | None = None) -> Mesh:
    """A mesh of rings (R, S, 3) around the neck; `keep` (S,) are the steps that exist."""
    count = len(rows)
    r, s = np.mgrid[: count - 1, :SIDES]
    if keep is not None:
        r, s = r[:, keep], s[:, keep]
    a, b = r * SIDES + s, r * SIDES + (s + 1) % SIDES
    faces = np.concatenate([
        np.stack([a, b, a + SIDES], -1).reshape(-1, 3),
        np.stack([b, b + SIDES, a + SIDES], -1).reshape(-1, 3),
    ]).astype(np.int32)  # fmt: skip
    it = ring()
    u = np.broadcast_to(TURN * 0.065, (count, SIDES))
    v = np.broadcast_to(np.arange(count)[:, None] * 0.02, (count, SIDES))
    return Mesh(
        name, rows.reshape(-1, 3).astype(np.float32), faces,
        np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), faces,
        np.tile(it.bones, (count, 1)), np.tile(it.bone_weights, (count, 1)), look,
    )  # fmt: skip


def _standing(
    cloth: np.ndarray, look: Material, name: str, heights: list[float], outs: list[float],
    gap: float,
) -> Mesh:  # fmt: skip
    """Rings at heights and distances outwards; `gap` radians at each side of the front are open."""
    point, out, up = _base(cloth)
    rows = np.stack([
        point + up * h + out * o for h, o in zip(heights, outs, strict=True)
    ])  # fmt: skip
    return _strip(rows, look, name, np.abs(TURN + np.pi / SIDES) > gap if gap else None)


def _folded(cloth: np.ndarray, look: Material, name: str, design: Design) -> Mesh:
    """A shirt's collar: it stands, folds over, and ends in two points in front."""
    point, out, up = _base(cloth)
    front = np.exp(-(((np.abs(TURN) - 0.3) / 0.35) ** 2))[:, None]
    long = 0.018 + 0.022 * front + 0.012 * ((design.seed >> 3) % 3) / 2 * front
    wide = np.where(np.abs(TURN) > 1.9, 0.6, 1.0)[:, None]
    stand = up * 0.03 * np.where(np.abs(TURN) < 0.5, 0.8, 1.0)[:, None]
    rows = np.stack([
        point + out * 0.002,
        point + stand - out * 0.003,
        point + stand * 1.05 + out * 0.001,
        point + stand * 0.35 + out * 0.01 * wide,
        point - up * long * 0.75 + out * (0.012 + 0.35 * long) * wide,
    ])  # fmt: skip
    return _strip(rows, look, name, np.abs(TURN + np.pi / SIDES) > 0.12)


def _hood(cloth: np.ndarray, look: Material, name: str) -> Mesh:
    """A hood that lies on the back: a collar in front that grows to a bag behind."""
    point, out, up = _base(cloth)
    back = ((1 - np.cos(TURN)) / 2)[:, None]  # 0 in front, 1 behind
    high = 0.02 + 0.03 * back
    rows = [point + out * 0.002]
    for high_share, reach, drop in (
        (0.6, 0.006, 0.0), (1.0, 0.016, 0.0), (1.05, 0.03, 0.01), (0.6, 0.052, 0.05),
        (0.1, 0.058, 0.11), (-0.2, 0.04, 0.15), (-0.3, 0.012, 0.17),
    ):  # fmt: skip
        rows.append(
            point + up * (high * high_share) + out * (reach * (0.2 + 0.8 * back))
            - np.array([0, 1.0, 0]) * drop * back**1.4
        )  # fmt: skip
    return _strip(np.stack(rows), look, name, np.abs(TURN + np.pi / SIDES) > 0.2)


def scarf(cloth: np.ndarray, look: Material, name: str) -> Mesh:
    """Return a scarf wound once around the neck."""
    point, out, up = _base(cloth)
    around = np.linspace(0, 2 * np.pi, 9)
    uneven = 1 + 0.12 * np.cos(3 * TURN + 1) + 0.1 * np.cos(7 * TURN)
    sag = 0.02 * np.exp(-((TURN / 0.8) ** 2))[:, None]
    rows = [
        point + out * (0.026 + 0.03 * np.cos(a) * uneven[:, None])
        + up * (0.024 + 0.034 * np.sin(a)) - up * sag
        for a in around
    ]  # fmt: skip
    return _strip(np.stack(rows[::-1]), look, name)
