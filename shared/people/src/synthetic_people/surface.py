"""Position, normal and albedo of the visible samples of an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people.camera import Camera
from synthetic_people.mesh import Mesh, vertex_normals
from synthetic_people.raster import Fragments
from synthetic_people.texture import LINEAR, Texture, look_up


@dataclass
class Surface:
    """The visible samples of an image, in rows.

    Args:
        index: (S,) flat index of each sample into the (H, W) fragments.
        mesh: (S,) int16 index of its mesh.
        position, normal, albedo: (S, 3) float32; metres, unit length, linear RGB.
    """

    index: np.ndarray
    mesh: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray


def visible_surface(
    fragments: Fragments,
    meshes: Sequence[Mesh],
    textures: Sequence[Texture | None],
    camera: Camera,
    factor: int,
) -> Surface:
    """Return the surface at each visible sample; `factor` as in `rasterise`."""
    flat = fragments.mesh.ravel()
    index = np.flatnonzero(flat >= 0)
    index = index[np.argsort(flat[index], kind="stable")]
    out = Surface(
        index,
        flat[index],
        *(np.zeros((len(index), 3), np.float32) for _ in range(3)),
    )
    bounds = np.searchsorted(out.mesh, np.arange(len(meshes) + 1))
    triangle, corner = fragments.triangle.ravel(), fragments.corner.reshape(-1, 2)
    scale = camera.focal * camera.height * factor
    for number, mesh in enumerate(meshes):
        rows = slice(bounds[number], bounds[number + 1])
        if rows.start == rows.stop:
            continue
        material = mesh.material
        texture = textures[number] or BLANK
        _resolve(
            triangle[index[rows]],
            corner[index[rows]],
            mesh.vertices,
            vertex_normals(mesh.vertices, mesh.faces),
            mesh.faces,
            mesh.uv,
            mesh.face_uv,
            mesh.tint if mesh.tint is not None else NONE,
            mesh.rest if mesh.rest is not None else NONE,
            np.array(material.colour, np.float32),
            texture.pyramid,
            texture.sizes,
            LINEAR,
            material.tile,
            material.fold if mesh.rest is not None else 0.0,
            material.fold_size,
            camera.eye,
            scale,
            out.position[rows],
            out.normal[rows],
            out.albedo[rows],
        )
    return out


BLANK = Texture(np.full((1, 1, 3), 255, np.uint8))
NONE = np.zeros((0, 3), np.float32)


@njit(cache=True, nogil=True)
def _lattice(x: int, y: int, z: int) -> float:
    h = (x * 374761393 + y * 668265263 + z * 1440662683) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65536.0


@njit(cache=True, nogil=True)
def _smooth_noise(x: float, y: float, z: float) -> float:
    """Value noise in [0, 1): trilinear between hashed lattice points, with smooth steps."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    x, y, z = x - i, y - j, z - k
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    total = 0.0
    for di in range(2):
        for dj in range(2):
            for dk in range(2):
                weight = (x if di else 1 - x) * (y if dj else 1 - y) * (z if dk else 1 - z)
                total += weight * _lattice(i + di, j + dj, k + dk)
    return total


@njit(cache=True, nogil=True)
def _fold_slope(x: float, y: float, z: float, size: float) -> np.ndarray:
    """Gradient of the height of folds: rounded ridges in two octaves, longer along the body."""
    step = 0.05
    out = np.zeros(3)
    for octave in range(2):
        s = (1.0 + 1.3 * octave) / size
        a, b, c = x * s, y * s * 0.35, z * s
        here = _ridge(a, b, c)
        gain = 1.0 / (1 + octave)
        out[0] += gain * (_ridge(a + step, b, c) - here) / step
        out[1] += gain * 0.35 * (_ridge(a, b + step, c) - here) / step
        out[2] += gain * (_ridge(a, b, c + step) - here) / step
    return out


@njit(cache=True, nogil=True, inline="always")
def _ridge(x: float, y: float, z: float) -> float:
    """Noise folded at its middle, with a round edge: a sharp one looks like a scratch."""
    return np.sqrt((_smooth_noise(x, y, z) - 0.5) ** 2 + 0.0015)


@njit(cache=True, nogil=True, inline="always")
def _faces(vertices: np.ndarray, i: int, j: int, k: int, eye: np.ndarray) -> bool:
    """Whether the outer side of a face is seen from a point."""
    total = 0.0
    for d in range(3):
        e, f = (d + 1) % 3, (d + 2) % 3
        across = (vertices[j, e] - vertices[i, e]) * (vertices[k, f] - vertices[i, f])
        across -= (vertices[j, f] - vertices[i, f]) * (vertices[k, e] - vertices[i, e])
        total += across * (eye[d] - vertices[i, d])
    return total >= 0


@njit(cache=True, nogil=True)
def _resolve(
    triangle: np.ndarray, corner: np.ndarray, vertices: np.ndarray, normals: np.ndarray,
    faces: np.ndarray, uv: np.ndarray, face_uv: np.ndarray, tint: np.ndarray, rest: np.ndarray,
    colour: np.ndarray, pyramid: np.ndarray, sizes: np.ndarray, linear: np.ndarray, tile: float,
    fold: float, fold_size: float, eye: np.ndarray, scale: float, position: np.ndarray,
    normal: np.ndarray, albedo: np.ndarray,
) -> None:  # fmt: skip
    texel = np.zeros(3, np.float32)
    for s in range(len(triangle)):
        t = triangle[s]
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        a, b = corner[s, 0], corner[s, 1]
        c = 1 - a - b
        length = 0.0
        distance = 0.0
        for d in range(3):
            position[s, d] = vertices[i, d] * a + vertices[j, d] * b + vertices[k, d] * c
            normal[s, d] = normals[i, d] * a + normals[j, d] * b + normals[k, d] * c
        if fold > 0:
            slope = _fold_slope(
                rest[i, 0] * a + rest[j, 0] * b + rest[k, 0] * c,
                rest[i, 1] * a + rest[j, 1] * b + rest[k, 1] * c,
                rest[i, 2] * a + rest[j, 2] * b + rest[k, 2] * c,
                fold_size,
            )
            for d in range(3):
                normal[s, d] -= fold * slope[d]
        for d in range(3):
            view = eye[d] - position[s, d]
            distance += view * view
            length += normal[s, d] * normal[s, d]
        distance = np.sqrt(distance)
        # a two-sided surface is lit on the side that is seen: that of the face, for folds and
        # smooth normals may point away from the camera where the face does not
        sign = 1.0 if _faces(vertices, i, j, k, eye) else -1.0
        length = max(np.sqrt(length), 1e-9) * sign
        for d in range(3):
            normal[s, d] /= length
        p, q, r = face_uv[t, 0], face_uv[t, 1], face_uv[t, 2]
        if len(pyramid) > 1:
            level = _level(vertices, i, j, k, uv, p, q, r, tile, sizes, distance / scale)
            u = (uv[p, 0] * a + uv[q, 0] * b + uv[r, 0] * c) * tile
            v = (uv[p, 1] * a + uv[q, 1] * b + uv[r, 1] * c) * tile
            look_up(pyramid, sizes, level, u, v, linear, texel)
        else:
            texel[:] = 1.0
        for d in range(3):
            factor = colour[d]
            if len(tint):
                factor *= tint[i, d] * a + tint[j, d] * b + tint[k, d] * c
            albedo[s, d] = texel[d] * factor


@njit(cache=True, nogil=True, inline="always")
def _level(
    vertices: np.ndarray, i: int, j: int, k: int, uv: np.ndarray, p: int, q: int, r: int,
    tile: float, sizes: np.ndarray, sample_size: float,
) -> int:  # fmt: skip
    """The version of a texture in which about one texel falls on a sample of this triangle."""
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
    area = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2)
    texels = abs(
        (uv[q, 0] - uv[p, 0]) * (uv[r, 1] - uv[p, 1])
        - (uv[q, 1] - uv[p, 1]) * (uv[r, 0] - uv[p, 0])
    )
    texels *= tile * tile * sizes[0, 1] * sizes[0, 2]
    per_sample = np.sqrt(texels / max(area, 1e-12)) * sample_size
    return min(max(int(np.round(np.log2(max(per_sample, 1e-6)))), 0), len(sizes) - 1)
