"""What surrounds rendered heads: shapes, and things that look like parts of a head but are none.

Hair and skin in blobs, eyeglasses, hats, earrings, red noses and shoulders lie about, with or
without somebody in the picture. So an attribute is one only where a head has it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.data.heads import (
    BLOND,
    BROWN,
    DARK,
    GOLD,
    NOSE,
    PALE,
    draw_empty_shoulders,
    draw_glasses,
    draw_hat,
)
from face_attributes.data.pen import Pen, Rng, any_colour, near


def draw_clutter(rng: Rng, side: int) -> NDArray[np.uint8]:
    """A picture of nobody, RGB uint8 (S, S, 3)."""
    image = _draw_gradient(rng, side)
    for _ in range(rng.integers(8, 18)):
        _draw_shape(rng, image)
    for _ in range(rng.integers(1, 4)):
        colour = near(rng, (PALE, DARK, BLOND, BROWN)[rng.integers(4)], 20)
        width = rng.uniform(0.08, 0.26)
        pen = _pen(rng, image, width, width * rng.uniform(0.8, 1.6), tilt=90)
        pen.ellipse((0.5, 0.5), (0.5, 0.5), colour)
    if rng.random() < 0.3:
        draw_empty_shoulders(rng, _pen(rng, image, 0.3, 0.38))
    if rng.random() < 0.35:
        draw_glasses(_pen(rng, image, rng.uniform(0.2, 0.45), 0.4, tilt=20), 0.15, 0.5)
    if rng.random() < 0.35:
        draw_hat(rng, _pen(rng, image, rng.uniform(0.15, 0.4), 0.4, tilt=20))
    for colour in (GOLD, NOSE):
        for _ in range(2 if rng.random() < 0.35 else 0):
            _pen(rng, image, 0.1, 0.1).disc((0.5, 0.5), rng.uniform(0.15, 0.32), colour)
    return image


def photograph(rng: Rng, image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Shrink a drawing to a picture of a side; light and noise, RGB uint8 (side, side, 3)."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    noise = rng.standard_normal(small.shape, np.float32)
    lit = small * np.float32(rng.uniform(0.75, 1.2)) + 8 * noise
    return np.rint(lit).clip(0, 255).astype(np.uint8)


def _draw_gradient(rng: Rng, side: int) -> NDArray[np.uint8]:
    ends = rng.integers(0, 256, (2, 3))
    place = np.linspace(0, 1, side)[:, None]
    column = ends[0] * (1 - place) + ends[1] * place
    image = np.repeat(column[:, None].astype(np.uint8), side, axis=1)
    return np.ascontiguousarray(image.transpose(1, 0, 2) if rng.random() < 0.5 else image)


def _draw_shape(rng: Rng, image: NDArray[np.uint8]) -> None:
    colour = any_colour(rng)
    width, height = rng.uniform(0.03, 0.33, 2)
    pen = _pen(rng, image, width, height, tilt=90)
    kind = rng.integers(5)
    if kind == 0:
        pen.rectangle(0, 0, 1, 1, colour)
    elif kind == 1:
        pen.ellipse((0.5, 0.5), (0.5, 0.5), colour)
    elif kind == 2:
        pen.line([(0, 0), (1, 1)], colour, 0.1)
    elif kind == 3:
        first, second, third = rng.uniform(-0.5, 1.5, (3, 2)).tolist()
        pen.polygon([tuple(first), tuple(second), tuple(third)], colour)
    else:
        pen.ellipse((0.5, 0.5), (0.5, 0.5), colour, width=0.1)


def _pen(rng: Rng, image: NDArray[np.uint8], width: float, height: float, tilt: float = 0.0) -> Pen:
    """A pen at a random place, for something of a part of the image's side."""
    side = len(image)
    x, y = rng.uniform(0.05, 0.95, 2) * side
    return Pen(image, (x, y), (width * side, height * side), rng.uniform(-tilt, tilt))
