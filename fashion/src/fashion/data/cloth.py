"""What rendered garments are made of: textures and fabrics that follow the body."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion.data.designs import COLOURS, FABRICS, TEXTURES, Design
from fashion.data.pen import Image

TILE = 128
"""Pixels of a repeated texture, for one unit of the body."""

Matrix = NDArray[np.float64]


def draw_cloth(
    image: Image, mask: NDArray[np.uint8], design: Design, matrix: Matrix, rng: np.random.Generator
) -> None:
    """Fill the pixels of a mask (H, W) with a design's cloth; the matrix is its pose's."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return
    size, moved = (height, width), matrix - [[0, 0, x], [0, 0, y]]
    base = np.array(tuple(COLOURS.values())[design.colour], np.float32)
    cloth = np.broadcast_to(base, (*size, 3))
    if design.texture:
        second = base * 0.45 + (255 * 0.55 if base.mean() < 140 else 0)
        cloth = (
            base + (second - base) * _tiled(_texture_tile(design.texture), size, moved)[..., None]
        )
    u, v = rng.uniform(-1, 1, 2) * 0.12  # light from a side, which changes along the picture
    rows = np.linspace(1 - v, 1 + v, height, dtype=np.float32)[:, None]
    light = rows * np.linspace(1 - u, 1 + u, width, dtype=np.float32)
    if design.fabric:
        light = light * _tiled(_fabric_tile(design.fabric), size, moved)
    part = image[y : y + height, x : x + width]
    drawn = cv2.convertScaleAbs(cloth * light[..., None])
    cv2.copyTo(drawn, mask[y : y + height, x : x + width], part)


def _tiled(tile: NDArray[np.float32], size: tuple[int, ...], matrix: Matrix) -> NDArray[np.float32]:
    """A tile repeated over the picture in the body's frame, (H, W)."""
    matrix = matrix / [TILE, TILE, 1]
    how = cv2.INTER_LINEAR
    out = cv2.warpAffine(tile, matrix, (size[1], size[0]), flags=how, borderMode=cv2.BORDER_WRAP)
    return np.asarray(out, np.float32)


@cache
def _texture_tile(texture: int) -> NDArray[np.float32]:
    """How much of the second colour there is, (TILE, TILE) in [0, 1]."""
    y, x = np.mgrid[:TILE, :TILE] / TILE
    name = TEXTURES[texture]
    if name == "striped":
        tile = (y * 8) % 1 < 0.4
    elif name == "vertical stripe":
        tile = (x * 10) % 1 < 0.4
    elif name == "diagonal stripe":
        tile = ((x + y) * 6) % 1 < 0.4
    elif name == "plaid":
        tile = 0.5 * ((y * 5) % 1 < 0.4) + 0.5 * ((x * 5) % 1 < 0.4)
    elif name == "chevron":
        tile = (y * 6 + 0.5 * np.abs((x * 8) % 2 - 1)) % 1 < 0.4
    elif name == "dotted":
        u, v = (x * 7) % 1 - 0.5, (y * 7) % 1 - 0.5
        tile = u**2 + v**2 < 0.09
    elif name == "floral":
        u, v = (x * 4 + 0.5 * (np.floor(y * 4) % 2)) % 1 - 0.5, (y * 4) % 1 - 0.5
        radius, angle = np.hypot(u, v), np.arctan2(v, u)
        tile = (radius < 0.22 + 0.12 * np.cos(5 * angle)) & (radius > 0.07)
    else:
        tile = np.zeros_like(x)
    return cv2.GaussianBlur(tile.astype(np.float32), (0, 0), 0.8)


@cache
def _fabric_tile(fabric: int) -> NDArray[np.float32]:
    """How light the cloth is, (TILE, TILE) around 1."""
    rng = np.random.default_rng(fabric)
    y, x = np.mgrid[:TILE, :TILE] / TILE
    name = FABRICS[fabric]
    if name == "denim":
        tile = 1 + 0.16 * rng.standard_normal((TILE, TILE))
        tile = cv2.GaussianBlur(tile, (0, 0), 0.9) + 0.06 * np.sin(2 * np.pi * 32 * (x + y))
    elif name == "knit":
        tile = 1 + 0.12 * np.sin(2 * np.pi * (16 * y + np.abs((x * 24) % 2 - 1)))
    elif name == "lace":
        tile = 1 - 0.35 * (((x * 16) % 1 - 0.5) ** 2 + ((y * 16) % 1 - 0.5) ** 2 < 0.07)
    elif name == "leather":
        tile = (
            0.9
            + 0.4 * np.exp(-(((x - 0.3) / 0.06) ** 2))
            + 0.3 * np.exp(-(((x - 0.75) / 0.04) ** 2))
        )
    else:
        tile = np.ones_like(x)
    return tile.astype(np.float32)
