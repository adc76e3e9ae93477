"""What surrounds rendered garments: plain walls of shops, rooms, and what is in the way."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion.data.designs import GLYPHS
from fashion.data.figure import draw_glyph
from fashion.data.pen import Colour, Image, disc, fill, line

Rng = np.random.Generator

CLEARANCE = 2.6
"""Glyphs that lie about are at least as many of their radii away from landmarks."""


def shop_wall(rng: Rng, size: tuple[int, int]) -> Image:
    """A light, plain background of a height and width."""
    tone = rng.integers(222, 250) + rng.integers(-6, 7, 3)
    rows = np.linspace(1.02, rng.uniform(0.9, 0.98), size[0])[:, None, None]
    return np.clip(np.broadcast_to(tone * rows, (*size, 3)), 0, 255).astype(np.uint8)


def room(rng: Rng, size: tuple[int, int]) -> Image:
    """A wall and a floor with things about."""
    height, width = size
    image = np.empty((height, width, 3), np.uint8)
    floor = int(height * rng.uniform(0.6, 0.95))
    image[:floor] = _any(rng)
    image[floor:] = _any(rng)
    if rng.random() < 0.4:  # wallpaper
        step = int(rng.integers(14, 40))
        image[:floor, ::step] = _any(rng)
    for _ in range(rng.integers(2, 6)):
        x, y = rng.uniform(0, 1, 2) * (width, floor)
        w, h = rng.uniform(0.08, 0.35, 2) * width
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        fill(image, corners, _any(rng))
        if rng.random() < 0.5:  # a picture in its frame, a window
            fill(image, corners.mean(0) + 0.75 * (corners - corners.mean(0)), _any(rng))
    for _ in range(rng.integers(0, 3)):  # plants, lamps
        foot = np.array([rng.uniform(0, width), floor + rng.uniform(0, height - floor)])
        top = foot - (0, rng.uniform(0.15, 0.5) * height)
        line(image, np.array([foot, top]), _any(rng), 0.02 * width)
        for _ in range(4):
            spot = top + rng.normal(0, 0.05 * width, 2)
            disc(image, spot, rng.uniform(0.02, 0.07) * width, _any(rng))
    return image


def scatter_glyphs(
    rng: Rng,
    image: Image,
    number: int,
    radius: float,
    colour: int,
    landmarks: NDArray[np.floating],
) -> None:
    """Draw glyphs anywhere but near landmarks (L, 2), as those of a garment are drawn."""
    size = np.array(image.shape[1::-1])
    for _ in range(number):
        place = rng.uniform(0.03, 0.97, 2) * size
        distances = np.hypot(*(landmarks - place).T)
        if distances.min(initial=np.inf) > CLEARANCE * radius:
            draw_glyph(image, int(rng.integers(1, len(GLYPHS) + 1)), place, radius, colour)


def occlude(
    rng: Rng, image: Image, place: NDArray[np.floating], size: float, skin: Colour
) -> NDArray[np.bool_]:
    """Put a bag, a hand with a phone, or hair over a place; return its pixels, (H, W)."""
    before = image.copy()
    kind = rng.integers(3)
    if kind == 0:
        corners = np.array([(-0.8, -0.5), (0.8, -0.5), (1, 1), (-1, 1)])
        fill(image, place + size * corners, _any(rng))
        handle = np.array([(-0.5, -0.5), (-0.3, -1.2), (0.3, -1.2), (0.5, -0.5)])
        line(image, place + size * handle, _any(rng), 0.15 * size)
    elif kind == 1:
        corners = np.array([(-0.5, -0.9), (0.5, -0.9), (0.5, 0.9), (-0.5, 0.9)])
        disc(image, place, 0.9 * size, skin)
        fill(image, place + size * corners, (28, 28, 32))
    else:
        dark = int(rng.integers(20, 90))
        for _ in range(5):
            end = place + size * rng.normal(0, 0.7, 2)
            line(image, np.array([place - (0, 0.8 * size), end]), (dark, dark // 2, 8), 0.7 * size)
    return (image != before).any(axis=2)


def photograph(rng: Rng, image: Image, size: tuple[int, int], *, cast: float) -> Image:
    """Shrink a drawing to a height and width; add light and noise, and a cast to its colours."""
    small = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    gains = rng.uniform(1 - cast, 1 + cast, 3) * rng.uniform(1 - cast, 1 + 0.5 * cast)
    noise = rng.standard_normal(small.shape, np.float32) * (2 + 10 * cast)
    return np.rint(small * gains.astype(np.float32) + noise).clip(0, 255).astype(np.uint8)


def any_of(rng: Rng, colours: Sequence[Colour]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _any(rng: Rng) -> Colour:
    """A colour, mostly a muted one."""
    tint = rng.uniform(40, 235) + rng.uniform(0, 0.5) * rng.uniform(-160, 160, 3)
    red, green, blue = tint.clip(15, 245).astype(int).tolist()
    return red, green, blue
