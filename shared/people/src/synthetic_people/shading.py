"""Shading: linear light that leaves each visible sample towards the camera."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from synthetic_people.light import Light
from synthetic_people.mesh import Mesh
from synthetic_people.surface import Surface


def shade(
    surface: Surface, meshes: Sequence[Mesh], light: Light, lit: np.ndarray, open_: np.ndarray,
    eye: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return linear RGB (S, 3) float32 of each visible sample.

    Diffuse light that wraps around the terminator where a material says so (skin, hair), a
    hemisphere of light from all around, dimmed in hollows, and a Blinn-Phong highlight.

    Args:
        surface: the visible samples.
        meshes: surfaces that `surface.mesh` counts.
        light: light of the scene.
        lit: (S,) share of the key lamp that reaches each sample.
        open_: (S,) share of the surroundings that each sample sees.
        eye: (3,) position of the camera.
    """
    rows = np.array(
        [(*m.material.wrap, m.material.gloss, m.material.exponent) for m in meshes], np.float32
    ).reshape(-1, 5)
    out = np.zeros_like(surface.albedo)
    _shade(
        surface.position, surface.normal, surface.albedo, surface.mesh, rows, lit, open_,
        _double(eye), _unit(light.key), _double(light.key_colour), _double(light.above),
        _double(light.below), _double(light.side), _unit(light.fill), _double(light.fill_colour),
        out,
    )  # fmt: skip
    return out


def _unit(vector: np.ndarray) -> np.ndarray:
    return _double(vector) / np.linalg.norm(_double(vector))


def _double(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector, np.float64)


@njit(cache=True, nogil=True)
def _shade(
    position: np.ndarray, normal: np.ndarray, albedo: np.ndarray, mesh: np.ndarray,
    rows: np.ndarray, lit: np.ndarray, open_: np.ndarray, eye: np.ndarray, key: np.ndarray,
    key_colour: np.ndarray, above: np.ndarray, below: np.ndarray, side: np.ndarray,
    fill: np.ndarray, fill_colour: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    view, half = np.zeros(3), np.zeros(3)
    for s in range(len(position)):
        m = mesh[s]
        for d in range(3):
            view[d] = eye[d] - position[s, d]
        view /= np.sqrt((view * view).sum())
        half[:] = key + view
        half /= np.sqrt((half * half).sum())
        facing = abs(normal[s, 0] * view[0] + normal[s, 1] * view[1] + normal[s, 2] * view[2])
        to_key = normal[s, 0] * key[0] + normal[s, 1] * key[1] + normal[s, 2] * key[2]
        to_fill = normal[s, 0] * fill[0] + normal[s, 1] * fill[1] + normal[s, 2] * fill[2]
        to_half = normal[s, 0] * half[0] + normal[s, 1] * half[1] + normal[s, 2] * half[2]
        up = 0.5 + 0.5 * normal[s, 1]
        gloss, exponent = rows[m, 3], rows[m, 4]
        edge = (1 - facing) ** 3
        shine = gloss * max(to_half, 0.0) ** exponent * lit[s] * (0.4 + 0.6 * edge)
        for d in range(3):
            wrap = rows[m, d]
            around = below[d] + (above[d] - below[d]) * up + side[d] * normal[s, 0]
            # light that skin passes on reaches a little into its own shadow
            reach = lit[s] * (1 - wrap * 0.5) + wrap * 0.5
            diffuse = max((to_key + wrap) / (1 + wrap), 0.0) * reach
            total = max(around, 0.0) * open_[s] + diffuse * key_colour[d]
            total += max(to_fill, 0.0) * fill_colour[d] * open_[s]
            rim = gloss * 0.25 * edge * open_[s] * above[d]
            out[s, d] = albedo[s, d] * total + shine * key_colour[d] + rim


def openness(depth: np.ndarray, pixels_per_metre: float, factor: int) -> np.ndarray:
    """Return the share of the surroundings that each sample sees, (H, W) float32.

    Ambient occlusion in the image: a sample that lies behind the mean of its surroundings lies in
    a hollow. It is estimated at two radii on every `factor`-th sample and enlarged.

    Args:
        depth: (H, W) metres, inf where nothing is seen.
        pixels_per_metre: samples that a metre spans where the person stands.
        factor: samples a pixel in each direction.
    """
    seen = np.isfinite(depth)
    if not seen.any():
        return np.ones_like(depth)
    small = np.where(seen, depth, depth[seen].max() + 0.1)[::factor, ::factor]
    share = np.ones_like(small)
    for radius, strength in ((0.006, 30.0), (0.03, 8.0)):
        sigma = radius * pixels_per_metre / factor
        if sigma < 0.3:
            continue
        hollow = small - gaussian_filter(small, sigma, mode="nearest", truncate=2.5)
        share = share * np.exp(-strength * np.clip(hollow, 0, 0.06))
    share = share.clip(0.25, 1).astype(np.float32)
    return share.repeat(factor, 0).repeat(factor, 1)[: depth.shape[0], : depth.shape[1]]
