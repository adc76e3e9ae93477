"""Prints on a chest: an image made of a few shapes or of words that say nothing."""

import functools
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from synthetic_people.design import Design
from synthetic_people.garment_style import style_of
from synthetic_people.patches import Fields, Patch, patch
from synthetic_people.shell import shell
from synthetic_people.texture import Texture, to_srgb

SIZE = 96  # texels of a side


CHEST = 0.4  # metres above the origin of the neutral body, where prints are


@functools.lru_cache(maxsize=256)
def print_patch(design: Design) -> Patch | None:
    """Return the piece of the chest that carries the print, with its texture coordinates."""
    it = shell()
    x, y, size = design.print_at
    y += CHEST

    def field(p: Fields) -> np.ndarray:
        box = size / 2 - np.maximum(np.abs(p["x"] - x), np.abs(p["y"] - y))
        return np.minimum(np.where(p["z"] > 0.02, box, -1.0), p["cloth"])

    out = patch(field, {"cloth": style_of(design).cloth}, (1.0, 1.0, 1.0), 0.002, 1)
    if out is None:
        return None
    place = (it.position[out.rows] * out.weights[..., None]).sum(1)
    uv = (place[:, :2] - [x, y]) / size + 0.5
    return replace(out, uv=uv.astype(np.float32))


@functools.lru_cache(maxsize=256)
def graphic(design: Design) -> Texture:
    """Return the print of a design, transparent around it."""
    rng = np.random.default_rng(design.seed + 2)
    inks = [tuple(int(255 * v) for v in to_srgb(np.array(c))) for c in design.colours[1:]]
    image = Image.new("RGBA", (SIZE, SIZE), (*inks[0], 0))
    draw = ImageDraw.Draw(image)
    kind = int(rng.integers(4))
    if kind != 1:
        _shapes(draw, rng, inks)
    if kind in (1, 2):
        _letters(draw, rng, inks[int(rng.integers(2))], 0.35 if kind == 1 else 0.78)
    if kind == 3:
        draw.ellipse([6, 6, SIZE - 7, SIZE - 7], outline=(*inks[1], 255), width=5)
    return Texture(np.asarray(image))


def _shapes(draw: ImageDraw.ImageDraw, rng: np.random.Generator, inks: list) -> None:
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.uniform(0.3, 0.7, 2) * SIZE
        size = rng.uniform(0.1, 0.28) * SIZE
        corners = int(rng.choice([3, 4, 5, 6, 10, 24]))
        turn = rng.uniform(0, 2 * np.pi)
        angle = turn + np.arange(corners) * 2 * np.pi / corners
        radius = size * np.where(np.arange(corners) % 2 & (corners == 10), 0.45, 1.0)
        outline = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
        ink = inks[int(rng.integers(2))]
        draw.polygon([tuple(p) for p in outline.tolist()], fill=(*ink, 255))


def _letters(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: tuple, at: float) -> None:
    """Strokes that look like a line or two of lettering."""
    for line in range(int(rng.integers(1, 3))):
        count = int(rng.integers(4, 9))
        wide, high = 0.9 * SIZE / count, SIZE * 0.2
        top = at * SIZE + line * high * 1.3
        for n in range(count):
            left = 0.05 * SIZE + n * wide
            right = left + 0.7 * wide
            strokes = [
                ((left, top), (left, top + high)), ((left, top), (right, top)),
                ((left, top + high / 2), (right, top + high / 2)),
                ((left, top + high), (right, top + high)), ((right, top), (right, top + high)),
            ]  # fmt: skip
            for k in rng.permutation(5)[:3]:
                draw.line(strokes[k], fill=(*ink, 255), width=max(int(wide * 0.25), 2))
