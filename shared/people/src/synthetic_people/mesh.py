"""Triangle meshes with a material: the body, hair, garments, and all else that is rendered.

Units are metres, y points up, z out of the face of a person at rest, x to that person's left.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Material:
    """Look of a surface: an albedo, and a few numbers of its shading.

    Args:
        texture: name of a texture of the scene, "" for `colour` alone.
        colour: linear RGB that multiplies the texture.
        gloss: strength of the highlight, 0 for none.
        exponent: sharpness of the highlight (Blinn-Phong).
        wrap: per channel, how far diffuse light reaches around the terminator, as below skin.
        two_sided: whether faces seen from behind are drawn; closed surfaces cull them.
        tile: repetitions of the texture per unit of UV.
        fold: strength of the folds that bend normals, 0 for a smooth surface.
        fold_size: metres from fold to fold.
    """

    texture: str = ""
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gloss: float = 0.02
    exponent: float = 12.0
    wrap: tuple[float, float, float] = (0.03, 0.03, 0.03)
    two_sided: bool = False
    tile: float = 1.0
    fold: float = 0.0
    fold_size: float = 0.08


@dataclass
class Mesh:
    """A surface made of triangles.

    Args:
        name: its name, "skin", "hair", "upper" ...
        vertices: (N, 3) float32, metres.
        faces: (F, 3) int32 rows of vertices, counter-clockwise seen from outside.
        uv: (T, 2) float32 texture coordinates, v upwards.
        face_uv: (F, 3) int32 rows of `uv`.
        bones, bone_weights: (N, 4) uint8 and float32, the skinning to the rig's bones.
        material: its look.
        cut: (N,) float32; the surface exists where the interpolated value is above 0. None: all.
        tint: (N, 3) float32 factors of the albedo, None for 1.
        rest: (N, 3) float32 vertices before posing, to which folds stick. None: no folds.
        part: label of its pixels in `parts.PARTS`, one or one a face (F,).
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    face_uv: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray
    material: Material = field(default_factory=Material)
    cut: np.ndarray | None = None
    tint: np.ndarray | None = None
    rest: np.ndarray | None = None
    part: int | np.ndarray = 0

    def moved(self, vertices: np.ndarray) -> "Mesh":
        """Return the same surface with its vertices elsewhere, (N, 3)."""
        return replace(self, vertices=np.ascontiguousarray(vertices, np.float32))

    def only(self, keep: np.ndarray) -> "Mesh":
        """Return the surface without the faces where `keep` (F,) is false; vertices stay."""
        rows = np.flatnonzero(keep)
        part = self.part if np.ndim(self.part) == 0 else np.asarray(self.part)[rows]
        faces, face_uv = self.faces.take(rows, axis=0), self.face_uv.take(rows, axis=0)
        return replace(self, faces=faces, face_uv=face_uv, part=part)


def triangles_of_quads(quads: np.ndarray) -> np.ndarray:
    """Split quads (Q, 4) into triangles (2 Q or fewer, 3); a quad whose last corner repeats is one.

    >>> triangles_of_quads(np.array([[0, 1, 2, 3], [4, 5, 6, 6]])).tolist()
    [[0, 1, 2], [4, 5, 6], [0, 2, 3]]
    """
    second = quads[quads[:, 2] != quads[:, 3]]
    return np.concatenate([quads[:, [0, 1, 2]], second[:, [0, 2, 3]]]).astype(np.int32)


def compact(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices (R,) that faces (F, 3) have, and these faces as rows of them.

    >>> rows, faces = compact(np.array([[4, 9, 7]]))
    >>> rows.tolist(), faces.tolist()
    ([4, 7, 9], [[0, 2, 1]])
    """
    used = np.zeros(faces.max() + 1, bool)
    used[faces] = True
    return np.flatnonzero(used), (np.cumsum(used, dtype=np.int32) - 1)[faces]


@njit(cache=True, nogil=True)
def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals (N, 3) float32: area-weighted means of the normals of adjacent faces.

    Args:
        vertices: (N, 3) float32.
        faces: (F, 3) int32, counter-clockwise seen from outside.
    """
    out = np.zeros_like(vertices)
    for t in range(len(faces)):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, az = (
            vertices[j, 0] - vertices[i, 0],
            vertices[j, 1] - vertices[i, 1],
            vertices[j, 2] - vertices[i, 2],
        )
        bx, by, bz = (
            vertices[k, 0] - vertices[i, 0],
            vertices[k, 1] - vertices[i, 1],
            vertices[k, 2] - vertices[i, 2],
        )
        normal = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
        for corner in (i, j, k):
            for d in range(3):
                out[corner, d] += normal[d]
    for n in range(len(out)):
        length = np.sqrt(out[n, 0] ** 2 + out[n, 1] ** 2 + out[n, 2] ** 2)
        for d in range(3):
            out[n, d] /= max(length, 1e-12)
    return out


@njit(cache=True, nogil=True)
def extremes(vertices: np.ndarray) -> np.ndarray:
    """Return the least and the greatest coordinates (2, 3) of vertices (N, 3)."""
    out = np.empty((2, 3), vertices.dtype)
    out[:] = vertices[0]
    for n in range(len(vertices)):
        for d in range(3):
            out[0, d] = min(out[0, d], vertices[n, d])
            out[1, d] = max(out[1, d], vertices[n, d])
    return out


@njit(cache=True, nogil=True)
def farthest(vertices: np.ndarray, centre: np.ndarray) -> float:
    """Return the greatest distance of vertices (N, 3) from a point (3,)."""
    most = np.float32(0)
    for n in range(len(vertices)):
        total = np.float32(0)
        for d in range(3):
            offset = vertices[n, d] - centre[d]
            total += offset * offset
        most = max(most, total)
    return np.sqrt(most)
