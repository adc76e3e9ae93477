"""Light: a key lamp with shadows, light from all around, a fill; and what shadows it casts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people.camera import in_axes
from synthetic_people.mesh import Mesh
from synthetic_people.raster import Fragments, draw
from synthetic_people.texture import Texture


@dataclass(frozen=True)
class Light:
    """The light of a scene; directions are unit vectors towards the lamp, colours linear RGB.

    Args:
        key: (3,) direction of the key lamp; `key_colour` its strength.
        softness: metres over which its shadows blur, small for the sun, large for a window.
        above, below: light from the sky or ceiling, and what the ground throws back.
        side: (3,) change of the light from all around with x, as beside a window.
        fill: (3,) direction of a lamp without shadows; `fill_colour` its strength, 0 for none.
    """

    key: np.ndarray
    key_colour: np.ndarray
    softness: float
    above: np.ndarray
    below: np.ndarray
    side: np.ndarray
    fill: np.ndarray
    fill_colour: np.ndarray


@dataclass(frozen=True)
class ShadowMap:
    """Distances from the key lamp: depth (N, N) seen along `axes` (3, 3) from around `centre`."""

    depth: np.ndarray
    axes: np.ndarray
    centre: np.ndarray
    scale: float
    softness: float


SHADOW_SAMPLES = 288


def shadow_map(
    meshes: Sequence[Mesh], textures: Sequence[Texture | None], light: Light, centre: np.ndarray,
    radius: float,
) -> ShadowMap:  # fmt: skip
    """Return what the key lamp sees of a ball of `radius` metres about `centre`, orthographic."""
    forward = -light.key / np.linalg.norm(light.key)
    right = np.cross(forward, [0.03, 1.0, 0.07])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    scale = SHADOW_SAMPLES / (2 * radius)
    middle = np.asarray(centre, np.float64)
    seen = Fragments.empty(SHADOW_SAMPLES, SHADOW_SAMPLES)
    for index, (mesh, texture) in enumerate(zip(meshes, textures, strict=True)):
        screen = in_axes(mesh.vertices, middle, axes)
        screen[:, :2] = screen[:, :2] * scale + SHADOW_SAMPLES / 2
        screen[:, 2] += 10 * radius + 1
        draw(mesh, screen, texture, index, seen)
    return ShadowMap(seen.depth - np.float32(10 * radius + 1), axes, centre, scale, light.softness)


def lit_share(shadow: ShadowMap, position: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return how much of the key lamp reaches points (S, 3): (S,) float32 in [0, 1]."""
    out = np.ones(len(position), np.float32)
    centre = np.asarray(shadow.centre, np.float64)
    _lit(
        shadow.depth, shadow.axes, centre, shadow.scale, shadow.softness, position, normal, out
    )  # fmt: skip
    return out


@njit(cache=True, nogil=True)
def _lit(
    depth: np.ndarray, axes: np.ndarray, centre: np.ndarray, scale: float, softness: float,
    position: np.ndarray, normal: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    size = depth.shape[0]
    texel = 1.0 / scale
    reach = max(softness * scale, 0.75)
    for s in range(len(position)):
        # a point is moved off its own surface by more than a texel of the map is wide
        x = position[s, 0] + normal[s, 0] * 1.8 * texel - centre[0]
        y = position[s, 1] + normal[s, 1] * 1.8 * texel - centre[1]
        z = position[s, 2] + normal[s, 2] * 1.8 * texel - centre[2]
        u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) * scale + size / 2
        v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) * scale + size / 2
        w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z - 1.2 * texel
        hits = 0
        for di in range(-1, 2):
            for dj in range(-1, 2):
                i, j = int(np.floor(u + di * reach)), int(np.floor(v + dj * reach))
                if 0 <= i < size and 0 <= j < size and depth[j, i] < w - abs(di * dj) * texel:
                    hits += 1
        out[s] = 1.0 - hits / 9.0
