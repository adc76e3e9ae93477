"""Patches: finely divided pieces of the shell that lie on a garment: collar, pockets, buttons.

A patch is made once for a design, by fields on the neutral body, and then follows the cloth.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from synthetic_people.design import RGB
from synthetic_people.landmarks import strongest
from synthetic_people.shell import shell


@dataclass(frozen=True)
class Divided:
    """The shell with each face divided in 4 `times` times; M vertices.

    Args:
        rows, weights: (M, 3) vertices of the shell, and their shares.
        faces: (F, 4^times, 3) the parts of each face.
        bones, bone_weights: (M, 4) skinning.
    """

    rows: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray


class Fields:
    """Coordinates of some vertices by name: those of the shell, and `extra` ones."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray, extra: Mapping[str, np.ndarray]):
        self._rows, self._weights, self._extra = rows, weights, extra
        self._known: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._known:
            if name in self._extra:
                values = self._extra[name]
            elif name in "xyz":
                values = shell().position[:, "xyz".index(name)]
            else:
                values = getattr(shell(), name)
            mixed = values[self._rows[:, 0]] * self._weights[:, 0]
            for k in range(1, self._rows.shape[1]):
                mixed = mixed + values[self._rows[:, k]] * self._weights[:, k]
            self._known[name] = mixed
        return self._known[name]


Field = Callable[[Fields], np.ndarray]  # metres inside of something


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
        out = np.zeros((len(self.rows), 3), np.float32)
        for k in range(3):
            rows, share = self.rows[:, k], self.weights[:, k, None]
            out += (vertices[rows] + normals[rows] * self.above[:, None]) * share
        return out


def patch(
    field: Field, extra: Mapping[str, np.ndarray], colour: RGB, above: float, fine: int = 1
) -> Patch | None:
    """Return a patch, None where its field is above 0 nowhere.

    Args:
        field: field from coordinates (those of `Shell`, x, y, z and `extra`) to metres inside of
            it.
        extra: (N,) further coordinates of the shell's vertices.
        colour: linear RGB.
        above: metres above the cloth. fine: how many times each triangle is divided in four.
    """
    it, parts = shell(), divided(fine)
    coarse = field(_whole(extra))
    near = any_corner(coarse > -0.03, it.faces)  # a small field may hide between the vertices
    faces = parts.faces[near].reshape(-1, 3)
    used = np.zeros(len(parts.rows), bool)
    used[faces] = True
    ids = np.flatnonzero(used)
    values = np.full(len(used), -1.0, np.float32)
    values[ids] = field(Fields(parts.rows[ids], parts.weights[ids], extra))
    faces = faces[any_corner(values > 0, faces)]
    if not len(faces):
        return None
    used[:] = False
    used[faces] = True
    ids, number = np.flatnonzero(used), np.cumsum(used) - 1
    tint = np.asarray(colour, np.float32)
    return Patch(
        parts.rows[ids], parts.weights[ids], number[faces].astype(np.int32), values[ids],
        np.zeros((len(ids), 2), np.float32), np.full(len(ids), above, np.float32),
        np.tile(tint, (len(ids), 1)), parts.bones[ids], parts.bone_weights[ids],
    )  # fmt: skip


def any_corner(holds: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return for which faces (F, 3) something holds at one corner at least."""
    return holds[faces[:, 0]] | holds[faces[:, 1]] | holds[faces[:, 2]]


def _whole(extra: Mapping[str, np.ndarray]) -> Fields:
    rows = np.arange(len(shell().rows))[:, None]
    return Fields(rows, np.ones((len(rows), 1), np.float32), extra)


def joined(patches: list[Patch]) -> Patch:
    """Return several patches as one."""
    starts = np.cumsum([0] + [len(p.rows) for p in patches])
    arrays = {
        part.name: np.concatenate([getattr(p, part.name) for p in patches])
        for part in fields(Patch)
        if part.name != "faces"
    }
    faces = [p.faces + start for p, start in zip(patches, starts, strict=False)]
    return Patch(**arrays, faces=np.concatenate(faces).astype(np.int32))


@functools.cache
def divided(times: int) -> Divided:
    """Return the shell divided; neighbours share vertices, so that patches are shaded smoothly."""
    it = shell()
    template, small = _template(2**times)
    rows = np.repeat(it.faces.astype(np.int64), len(template), 0)
    parts = np.tile(template, (len(it.faces), 1))
    order = np.argsort(np.where(parts > 0, rows, 1 << 14), 1)
    rows, parts = np.take_along_axis(rows, order, 1), np.take_along_axis(parts, order, 1)
    rows = np.where(parts > 0, rows, 0)
    key = ((rows[:, 0] << 14 | rows[:, 1]) << 14 | rows[:, 2]) << 8 | parts[:, 0] << 4 | parts[:, 1]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    faces = small[None] + (np.arange(len(it.faces)) * len(template))[:, None, None]
    rows, weights = rows[first].astype(np.int32), (parts[first] / 2**times).astype(np.float32)
    bones, bone_weights = strongest(
        it.bones[rows].reshape(len(rows), 12),
        (it.bone_weights[rows] * weights[..., None]).reshape(len(rows), 12),
    )
    return Divided(rows, weights, inverse[faces].astype(np.int32), bones, bone_weights)


def _template(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a triangle's points as n-ths of its corners (P, 3), and its n^2 parts (n^2, 3)."""
    corners = [(i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    number = {corner: k for k, corner in enumerate(corners)}
    small = []
    for a in range(n):
        for b in range(n - a):
            small.append((number[a, b], number[a + 1, b], number[a, b + 1]))
            if a + b < n - 1:
                small.append((number[a + 1, b], number[a + 1, b + 1], number[a, b + 1]))
    return np.array([(n - i - j, i, j) for i, j in corners]), np.array(small)
