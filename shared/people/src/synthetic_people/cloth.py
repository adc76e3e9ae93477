"""Cloth: the tile of texture and the material of a design, made from its numbers."""

import functools

import numpy as np
from scipy.ndimage import gaussian_filter

from synthetic_people.design import Design
from synthetic_people.mesh import Material
from synthetic_people.texture import Texture, to_srgb

SRGB = (to_srgb(np.linspace(0, 1, 4096)) * 255 + 0.5).astype(np.uint8)  # of linear light in 4095ths
SIZE = 128  # texels of a tile
PLAIN_TILE = 0.12  # metres of a tile of cloth without a pattern

# fabric -> gloss, exponent, strength and size (metres) of folds
LOOKS = {
    "cotton": (0.015, 8.0, 0.5, 0.085),
    "linen": (0.01, 8.0, 0.55, 0.055),
    "denim": (0.02, 8.0, 0.42, 0.08),
    "knit": (0.005, 6.0, 0.3, 0.11),
    "wool": (0.008, 6.0, 0.28, 0.13),
    "fleece": (0.004, 6.0, 0.36, 0.12),
    "satin": (0.25, 18.0, 0.55, 0.1),
    "nylon": (0.1, 20.0, 0.42, 0.07),
    "leather": (0.3, 28.0, 0.36, 0.09),
}


def material(design: Design, texture: str) -> Material:
    """Return how the cloth of a design looks; `texture` is the name of its tile in the scene."""
    gloss, exponent, fold, size = LOOKS[design.fabric]
    tight = 0.2 + min(design.loose, 0.12) * 4 + 0.5 * design.loose
    return Material(
        texture,
        gloss=gloss,
        exponent=exponent,
        two_sided=True,
        tile=1 / tile_size(design),
        fold=1.4 * fold * tight,
        fold_size=size,
    )


def tile_size(design: Design) -> float:
    """Return the metres of cloth that a tile covers."""
    return {
        "solid": PLAIN_TILE, "heathered": PLAIN_TILE, "colour block": PLAIN_TILE,
        "striped": 2 * design.scale, "checked": 4 * design.scale, "dotted": 4 * design.scale,
        "chevron": 2 * design.scale,
    }.get(design.pattern, design.scale)  # fmt: skip


@functools.lru_cache(maxsize=256)
def texture(design: Design) -> Texture:
    """Return the tile of a design's cloth."""
    rng = np.random.default_rng(design.seed)
    ground, motif, trim = np.asarray(design.colours, np.float32)
    image = ground * _weave(design.fabric, tile_size(design))[..., None]
    if design.pattern in PATTERN:
        share = PATTERN[design.pattern](rng)  # (H, W, 2): how much motif, how much trim
        dyed = ground + share[..., :1] * (motif - ground)
        image *= (dyed + share[..., 1:] * (trim - dyed)) / ground
    if design.pattern == "heathered":
        image *= 1 + 0.15 * _grain(rng, 0.8, 2.0)[..., None]
    return Texture(SRGB[(image.clip(0, 1) * 4095).astype(np.int16)])


@functools.lru_cache(maxsize=32)
def _weave(fabric: str, metres: float) -> np.ndarray:
    return WEAVES.get(fabric, _woven)(metres)


# ---- patterns: shares of motif and trim on a tile that repeats ----------------------------------
Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE


def _layers(motif: np.ndarray, trim: np.ndarray | float = 0.0) -> np.ndarray:
    both = np.stack([motif, np.broadcast_to(trim, motif.shape)], -1).astype(np.float32)
    return gaussian_filter(both, (0.6, 0.6, 0), mode="wrap")


def _striped(rng: np.random.Generator) -> np.ndarray:
    upright = rng.random() < 0.3
    along = X if upright else Y
    width = rng.uniform(0.12, 0.55)
    trim = (along > 0.5) & (along < 0.5 + width / 2) if rng.random() < 0.25 else 0.0 * X
    return _layers((along * 2 % 1) < width, trim)


def _plaid(rng: np.random.Generator) -> np.ndarray:
    wide, thin, at = rng.uniform(0.25, 0.55), rng.uniform(0.03, 0.08), rng.uniform(0.6, 0.9)
    cross = 0.5 * (wide > X) + 0.5 * (wide > Y)
    line = np.maximum(np.abs(X - at) < thin / 2, np.abs(Y - at) < thin / 2)
    return _layers(cross, 0.7 * line)


def _checked(rng: np.random.Generator) -> np.ndarray:
    return _layers(0.5 * ((X * 4 % 1) < 0.5) + 0.5 * ((Y * 4 % 1) < 0.5))


def _dotted(rng: np.random.Generator) -> np.ndarray:
    radius = rng.uniform(0.15, 0.3)
    out = 0.0 * X
    for shift in (0.0, 0.5):
        out = np.maximum(
            out, np.hypot((X * 4 + shift) % 1 - 0.5, (Y * 4 + shift) % 1 - 0.5) < radius * 0.7
        )
    return _layers(out)


def _chevron(rng: np.random.Generator) -> np.ndarray:
    zigzag = np.abs((X * 2) % 1 - 0.5)
    return _layers(((Y + zigzag * 0.5) * 2 % 1) < rng.uniform(0.25, 0.5))


def _floral(rng: np.random.Generator) -> np.ndarray:
    petals, leaves = 0.0 * X, 0.0 * X
    for _ in range(int(rng.integers(7, 16))):
        x, y, turn = rng.random(), rng.random(), rng.uniform(0, 2 * np.pi)
        size, count = rng.uniform(0.05, 0.12), int(rng.integers(4, 7))
        dx, dy = (X - x + 0.5) % 1 - 0.5, (Y - y + 0.5) % 1 - 0.5
        radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        shape = size * (0.7 + 0.3 * np.cos(count * (angle + turn)))
        petals = np.maximum(petals, (radius < shape) & (radius > size * 0.22))
        leaf = size * 1.5 * np.maximum(np.cos(angle - turn) ** 15, 0)
        leaves = np.maximum(leaves, ((radius < leaf) & (radius >= shape)) * 0.8)
        leaves = np.maximum(leaves, radius < size * 0.22)
    return _layers(petals, leaves * (1 - petals))


def _camouflage(rng: np.random.Generator) -> np.ndarray:
    a, b = _grain(rng, 9, 9), _grain(rng, 7, 7)
    return _layers(a > 0.35, b > 0.8)


PATTERN = {
    "striped": _striped, "plaid": _plaid, "checked": _checked, "dotted": _dotted,
    "chevron": _chevron, "floral": _floral, "camouflage": _camouflage,
}  # fmt: skip


# ---- weaves: factors of the albedo --------------------------------------------------------------
def _grain(rng: np.random.Generator, down: float, across: float) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=(SIZE, SIZE)), (down, across), mode="wrap")
    return (noise / noise.std()).astype(np.float32)


@functools.cache
def _noise(down: float, across: float) -> np.ndarray:
    return _grain(np.random.default_rng(5), down, across)


def _turns(metres: float, thread: float) -> int:
    """Whole repetitions of a thread over a tile, few enough for its texels."""
    return int(np.clip(round(metres / thread), 4, SIZE // 4))


def _woven(metres: float) -> np.ndarray:
    return 1 + 0.02 * _noise(0.5, 1.5) + 0.02 * _noise(1.5, 0.5) + 0.01 * _noise(6, 6)


def _twill(metres: float) -> np.ndarray:
    n = _turns(metres, 0.0035)
    ribs = np.sin(2 * np.pi * n * (X + Y))
    return 1 + 0.08 * ribs + 0.06 * _noise(2.5, 0.6) + 0.05 * _noise(0.6, 0.6)


def _knitted(metres: float) -> np.ndarray:
    columns, rows = _turns(metres, 0.007), _turns(metres, 0.005)
    slant = np.abs((X * columns) % 1 - 0.5)
    loops = np.cos(2 * np.pi * (Y * rows + slant * 1.2)) * 0.12
    gutter = -0.22 * (np.abs((X * columns) % 1 - 0.5) > 0.38)
    return 1 + loops + gutter + 0.05 * _noise(1.0, 1.0)


def _rough(metres: float) -> np.ndarray:
    return 1 + 0.055 * _noise(0.8, 0.8) + 0.04 * _noise(3, 1)


def _slub(metres: float) -> np.ndarray:
    return 1 + 0.06 * _noise(0.5, 5) + 0.05 * _noise(5, 0.5)


def _smooth(metres: float) -> np.ndarray:
    return 1 + 0.015 * _noise(1.0, 1.0)


def _grained(metres: float) -> np.ndarray:
    return 1 + 0.12 * np.minimum(_noise(1.6, 1.6), 0.3) + 0.05 * _noise(8, 8)


WEAVES = {
    "denim": _twill, "knit": _knitted, "wool": _rough, "linen": _slub, "satin": _smooth,
    "nylon": _smooth, "leather": _grained, "fleece": _rough,
}  # fmt: skip
