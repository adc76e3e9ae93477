"""Patches: finely divided pieces of the shell that lie on a garment: collar, pockets, buttons.

A patch is made once for a design, by fields on the neutral body, and then follows the cloth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from synthetic_people.design import RGB
from synthetic_people.landmarks import strongest
from synthetic_people.shell import shell

Fields = Mapping[str, np.ndarray]  # coordinates of vertices by name; (M,) each


@dataclass(frozen=True)
class Patch:
    """A piece of cloth on a garment; M vertices.

    Args:
        rows, weights: (M, 3) vertices of the shell, and their shares.
        faces: (F, 3). cut: (M,) the patch is where it is above 0. uv: (M, 2) in [0, 1] or metres.
        above: (M,) metres above the garment. tint: (M, 3) linear RGB.
        bones, bone_weights: (M, 4) skinning.
    """

    rows: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    cut: np.ndarray
    uv: np.ndarray
    above: np.ndarray
    tint: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray

    def place(self, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Return its vertices (M, 3) on a garment's vertices (N, 3) of the whole shell."""
        share = self.weights[..., None]
        return (
            (vertices[self.rows] * share).sum(1)
            + (normals[self.rows] * share).sum(1) * self.above[:, None]
        ).astype(np.float32)


def patch(
    near: np.ndarray,
    field: Callable[[Fields], np.ndarray],
    extra: Fields,
    colour: RGB,
    above: float,
    fine: int = 1,
) -> Patch | None:
    """Return a patch, None where its field is above 0 nowhere.

    Args:
        near: (F,) faces of the shell that it may lie on.
        field: from coordinates x, y, z, down, arm, around, neck and `extra` to metres inside of it.
        extra: (N,) further coordinates of the shell's vertices.
        colour: linear RGB.
        above: metres above the cloth. fine: how many times each triangle is divided in four.
    """
    it = shell()
    rows, weights, faces = _divided(it.faces[near], fine)
    mix = lambda values: (values[rows] * weights).sum(1)  # noqa: E731
    known = {name: getattr(it, name) for name in ("down", "arm", "around", "neck")}
    known |= {axis: it.position[:, k] for k, axis in enumerate("xyz")} | dict(extra)
    cut = field({name: mix(values) for name, values in known.items()})
    used = (cut[faces] > 0).any(1)
    if not used.any():
        return None
    keep, faces = np.unique(faces[used], return_inverse=True)
    rows, weights = rows[keep], weights[keep]
    bones, bone_weights = strongest(
        it.bones[rows].reshape(len(rows), 12),
        (it.bone_weights[rows] * weights[..., None]).reshape(len(rows), 12),
    )
    return Patch(
        rows, weights, faces.reshape(-1, 3).astype(np.int32), cut[keep].astype(np.float32),
        np.zeros((len(keep), 2), np.float32), np.full(len(keep), above, np.float32),
        np.tile(np.float32(colour), (len(keep), 1)), bones, bone_weights,
    )  # fmt: skip


def joined(patches: list[Patch]) -> Patch:
    """Return several patches as one."""
    starts = np.cumsum([0] + [len(p.rows) for p in patches])
    arrays = {
        name: np.concatenate([getattr(p, name) for p in patches])
        for name in Patch.__dataclass_fields__
        if name != "faces"
    }
    faces = [p.faces + start for p, start in zip(patches, starts, strict=False)]
    return Patch(**arrays, faces=np.concatenate(faces).astype(np.int32))


def _divided(faces: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices as rows and weights (M, 3) of the shell's, and faces (F 4^times, 3).

    Vertices of neighbours are shared, so that a patch is shaded smoothly.
    """
    n = 2**times
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"))
    inside = i + j <= n
    i, j = i[inside], j[inside]
    number = {(a, b): k for k, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
    small = []
    for a in range(n):
        for b in range(n - a):
            small.append((number[a, b], number[a + 1, b], number[a, b + 1]))
            if a + b < n - 1:
                small.append((number[a + 1, b], number[a + 1, b + 1], number[a, b + 1]))
    template = np.stack([n - i - j, i, j], 1)  # whole parts of the corners
    rows = np.repeat(faces.astype(np.int64), len(template), 0)
    parts = np.tile(template, (len(faces), 1))
    order = np.argsort(np.where(parts > 0, rows, 1 << 14), 1)
    rows, parts = np.take_along_axis(rows, order, 1), np.take_along_axis(parts, order, 1)
    rows = np.where(parts > 0, rows, 0)
    key = ((rows[:, 0] << 14 | rows[:, 1]) << 14 | rows[:, 2]) << 8 | parts[:, 0] << 4 | parts[:, 1]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    all_faces = np.array(small)[None] + (np.arange(len(faces)) * len(template))[:, None, None]
    return rows[first], parts[first] / n, inverse[all_faces.reshape(-1, 3)]
