"""The rasteriser: which triangle is seen at each sample of the image, and where on it.

A z-buffer over meshes, one compiled loop a mesh. Cut-out textures (hair, lashes) and level-set cuts
(hems, necklines) are decided per sample, here, so that colour, labels, shadow and flow agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people.camera import Camera
from synthetic_people.mesh import Mesh
from synthetic_people.texture import Texture

NOTHING = -1  # mesh index of samples where no mesh is seen
NEAR = 0.05  # metres before the pinhole in which nothing is drawn


@dataclass
class Fragments:
    """Visible surface at each sample of an image of (H, W) samples.

    mesh: (H, W) int16 index of the mesh, -1 for none. triangle: (H, W) int32 its face.
    corner: (H, W, 2) float32, the perspective-correct weights of the face's corners 0 and 1.
    depth: (H, W) float32 metres along the optical axis, inf where nothing is seen.
    """

    mesh: np.ndarray
    triangle: np.ndarray
    corner: np.ndarray
    depth: np.ndarray

    @classmethod
    def empty(cls, height: int, width: int) -> "Fragments":
        """Return an image in which nothing is seen."""
        return cls(
            np.full((height, width), NOTHING, np.int16),
            np.zeros((height, width), np.int32),
            np.zeros((height, width, 2), np.float32),
            np.full((height, width), np.inf, np.float32),
        )


def rasterise(
    meshes: Sequence[Mesh], textures: Sequence[Texture | None], camera: Camera, factor: int = 1
) -> Fragments:
    """Return what is seen at `factor` x `factor` samples a pixel.

    Args:
        meshes: surfaces, posed.
        textures: textures of each mesh, None for a plain one.
        camera: the camera.
        factor: samples a pixel in each direction; 1 samples pixel centres.
    """
    out = Fragments.empty(camera.height * factor, camera.width * factor)
    for index, (mesh, texture) in enumerate(zip(meshes, textures, strict=True)):
        screen = camera.project(mesh.vertices)
        screen[:, :2] *= factor
        draw(mesh, screen, texture, index, out)
    return out


def draw(
    mesh: Mesh, screen: np.ndarray, texture: Texture | None, index: int, out: Fragments
) -> None:
    """Add a mesh, seen at `screen` (N, 3: x, y in samples, depth), to the fragments."""
    alpha = texture.alpha if texture is not None and texture.alpha is not None else OPAQUE
    _draw(
        screen,
        mesh.faces,
        mesh.material.two_sided,
        mesh.cut if mesh.cut is not None else NO_CUT,
        mesh.uv,
        mesh.face_uv,
        alpha,
        mesh.material.tile,
        index,
        out.mesh,
        out.triangle,
        out.corner,
        out.depth,
    )


OPAQUE = np.full((1, 1), 255, np.uint8)
NO_CUT = np.zeros(0, np.float32)


@njit(cache=True, nogil=True)
def _noise(x: int, y: int) -> float:
    """A number in [0, 1) that depends on the texel alone, so that it stays in motion."""
    h = (x * 374761393 + y * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65536.0


@njit(cache=True, nogil=True)
def _solid(alpha: np.ndarray, u: float, v: float) -> bool:
    """Presence of a cut-out texture: stochastic transparency of soft edges."""
    h, w = alpha.shape
    x = int(np.floor((u - np.floor(u)) * w)) % w
    y = int(np.floor((1 - (v - np.floor(v))) * h)) % h
    a = alpha[y, x] / 255.0
    return a > 0.25 + 0.5 * _noise(x, y)


@njit(cache=True, nogil=True)
def _solid_at(
    alpha: np.ndarray, uv: np.ndarray, rows: np.ndarray, wa: float, wb: float, wc: float,
    tile: float,
) -> bool:  # fmt: skip
    """Presence of a cut-out texture at a point of a face, by the weights of its corners."""
    p, q, r = rows[0], rows[1], rows[2]
    u = (uv[p, 0] * wa + uv[q, 0] * wb + uv[r, 0] * wc) * tile
    v = (uv[p, 1] * wa + uv[q, 1] * wb + uv[r, 1] * wc) * tile
    return _solid(alpha, u, v)


@njit(cache=True, nogil=True)
def _draw(
    screen: np.ndarray, faces: np.ndarray, two_sided: bool, cut: np.ndarray, uv: np.ndarray,
    face_uv: np.ndarray, alpha: np.ndarray, tile: float, index: int, mesh: np.ndarray,
    triangle: np.ndarray, corner: np.ndarray, depth: np.ndarray,
) -> None:  # fmt: skip
    height, width = depth.shape
    masked = alpha.size > 1
    for t in range(len(faces)):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        za, zb, zc = screen[i, 2], screen[j, 2], screen[k, 2]
        if min(za, zb, zc) < NEAR:
            continue
        xa, ya = screen[i, 0], screen[i, 1]
        xb, yb = screen[j, 0], screen[j, 1]
        xc, yc = screen[k, 0], screen[k, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        # y points down, so that a face seen from outside has a negative area
        if area > -1e-12 and (area < 1e-12 or not two_sided):
            continue
        x0 = max(int(np.ceil(min(xa, xb, xc) - 0.5)), 0)
        x1 = min(int(np.floor(max(xa, xb, xc) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ya, yb, yc) - 0.5)), 0)
        y1 = min(int(np.floor(max(ya, yb, yc) - 0.5)), height - 1)
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((xb - px) * (yc - py) - (yb - py) * (xc - px)) * inverse
                wb = ((xc - px) * (ya - py) - (yc - py) * (xa - px)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                wa, wb, wc = wa / za, wb / zb, wc / zc
                z = 1.0 / (wa + wb + wc)
                if z >= depth[y, x]:
                    continue
                wa, wb, wc = wa * z, wb * z, wc * z
                if len(cut) and cut[i] * wa + cut[j] * wb + cut[k] * wc <= 0:
                    continue
                if masked and not _solid_at(alpha, uv, face_uv[t], wa, wb, wc, tile):
                    continue
                depth[y, x] = z
                mesh[y, x] = index
                triangle[y, x] = t
                corner[y, x, 0] = wa
                corner[y, x, 1] = wb
