"""Pictures of rendered garments: shops' and consumers', in the five variations of pose and zoom."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.data.designs import Design
from fashion.data.figure import (
    Outline,
    Pose,
    draw_garment,
    draw_glyphs,
    draw_person,
    glyph_radius,
    outline,
)
from fashion.data.layout import ABSENT, OCCLUDED, SLOTS, TRUNCATED, VISIBLE
from fashion.data.pen import Image
from fashion.data.scenery import any_of, occlude, photograph, room, scatter_glyphs, shop_wall

Rng = np.random.Generator
SUPERSAMPLING = 2

SKINS = ((240, 208, 180), (222, 178, 142), (186, 134, 98), (132, 88, 62), (92, 60, 44))
HAIRS = ((30, 22, 20), (84, 54, 32), (150, 104, 54), (214, 178, 112), (120, 50, 34))
PLAIN = ((58, 60, 70), (202, 196, 184), (110, 100, 92), (70, 84, 108), (232, 230, 226))
MANNEQUIN = (206, 198, 190)

LONG_SLEEVES, SHORT_SLEEVES = 1.15, 0.9
"""Breadth in units of the body that is as much of the picture's width as the zoom says."""


class View(NamedTuple):
    """How a garment is shown: numbers are smallest and largest, or spreads of normal draws.

    Attributes:
        variation: of `layout.VARIATIONS`, from 1.
        turn: spread in degrees.
        width: of the body beside that seen from the front.
        arms: of the upper arms, degrees.
        zoom: height of the garment beside the picture's.
        shift: spread of its centre beside the picture's size.
        worn: whether somebody wears it.
        from_behind: whether it is seen so.
    """

    variation: int
    turn: float
    width: tuple[float, float]
    arms: tuple[float, float]
    zoom: tuple[float, float]
    shift: float
    worn: bool = True
    from_behind: bool = False


CONSUMER_VIEWS = (
    View(1, 4, (0.9, 1.05), (8, 26), (0.5, 0.72), 0.05),
    View(2, 11, (0.75, 1.0), (8, 75), (0.5, 0.72), 0.07),
    View(3, 22, (0.55, 0.95), (15, 150), (0.45, 0.7), 0.09),
    View(4, 6, (0.85, 1.05), (8, 40), (0.85, 1.1), 0.1),
    View(5, 8, (0.85, 1.05), (8, 40), (1.15, 1.6), 0.16),
)
CONSUMER_SHARES = (0.36, 0.24, 0.16, 0.14, 0.1)

SHOP_VIEWS = {
    "1_front": View(1, 1.5, (0.95, 1.0), (10, 16), (0.62, 0.72), 0.015),
    "2_side": View(2, 2, (0.62, 0.72), (4, 12), (0.62, 0.72), 0.015),
    "3_back": View(1, 1.5, (0.95, 1.0), (10, 16), (0.62, 0.72), 0.015, from_behind=True),
    "4_full": View(1, 1.5, (0.95, 1.0), (8, 20), (0.42, 0.5), 0.02),
    "7_additional": View(4, 2, (0.95, 1.0), (8, 20), (0.95, 1.15), 0.06),
    "6_flat": View(1, 2, (1.0, 1.05), (28, 36), (0.68, 0.8), 0.01, worn=False),
}
"""By what stands in the names of the pictures; the number is not that of the pose type."""

POSE_TYPES = {
    **{"1_front": 1, "2_side": 2, "3_back": 3, "4_full": 4, "7_additional": 5, "6_flat": 6}
}


@dataclass(frozen=True)
class Picture:
    """A rendered picture.

    Attributes:
        image: RGB uint8 (H, W, 3).
        box: (4,) whole pixels, within the picture.
        landmarks: (8, 2) whole pixels; 0 where truncated or absent.
        states: (8,), of `layout.STATES`, or ABSENT.
        variation: from 1.
    """

    image: Image
    box: NDArray[np.int64]
    landmarks: NDArray[np.int64]
    states: NDArray[np.int64]
    variation: int


def shop_picture(rng: Rng, design: Design, view: str, size: tuple[int, int]) -> Picture:
    """A picture before a plain wall, of a view of `SHOP_VIEWS`."""
    wall = shop_wall(rng, (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    return _picture(rng, design, SHOP_VIEWS[view], wall, size, is_shop=True)


def consumer_picture(rng: Rng, design: Design, size: tuple[int, int]) -> Picture:
    """A picture in a room, of a view of `CONSUMER_VIEWS`, often with something in the way."""
    view = CONSUMER_VIEWS[rng.choice(len(CONSUMER_VIEWS), p=CONSUMER_SHARES)]
    place = room(rng, (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    return _picture(rng, design, view, place, size, is_shop=False)


def _picture(
    rng: Rng, design: Design, view: View, image: Image, size: tuple[int, int], *, is_shop: bool
) -> Picture:
    pose = _pose(rng, design, view, image.shape[:2])
    shape = outline(design, pose)
    landmarks, radius = pose.pixels(shape.landmarks), glyph_radius(shape, pose)
    has_slot = np.isfinite(landmarks).all(axis=1)
    skin = MANNEQUIN if is_shop and rng.random() < 0.5 else any_of(rng, SKINS)
    scatter = (int(rng.poisson(2 if is_shop else 4)), radius, design.glyph_colour)
    scatter_glyphs(rng, image, *scatter, landmarks[has_slot])
    if view.worn:
        hair = any_of(rng, HAIRS) if skin != MANNEQUIN else MANNEQUIN
        draw_person(image, pose, skin, hair, any_of(rng, PLAIN) if design.type != 2 else None)
    draw_garment(image, design, pose, shape, rng, from_behind=view.from_behind)
    scatter_glyphs(rng, image, 1, radius, design.glyph_colour, landmarks[has_slot])
    draw_glyphs(image, design, pose, shape)
    is_hidden = np.zeros(image.shape[:2], bool)
    if not is_shop and rng.random() < 0.5:
        near = landmarks[rng.choice(np.flatnonzero(has_slot))] + rng.normal(0, radius, 2)
        is_hidden = occlude(rng, image, near, radius * rng.uniform(1.5, 3.2), skin)
    states = _states(landmarks, is_hidden)
    return Picture(
        photograph(rng, image, size, cast=0.03 if is_shop else 0.16),
        _box(shape, pose, landmarks[has_slot], image.shape[:2]),
        np.where(
            (states < TRUNCATED)[:, None], np.nan_to_num(landmarks) // SUPERSAMPLING, 0
        ).astype(np.int64),
        states,
        view.variation,
    )


def _pose(rng: Rng, design: Design, view: View, size: tuple[int, ...]) -> Pose:
    """A pose whose garment is as large in the picture as the view says."""
    top, bottom = (-0.8 if design.type != 1 else 0.0), design.length
    breadth = LONG_SLEEVES if design.sleeve == 2 else SHORT_SLEEVES
    zoom = rng.uniform(*view.zoom)
    scale = zoom * min(size[0] / (bottom - top), size[1] / breadth)
    angle = np.deg2rad(rng.normal(0, view.turn))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[rng.uniform(*view.width), rng.normal(0, view.turn / 300)], [0, 1]])
    linear = scale * turn @ shear
    centre = np.array([size[1], size[0]]) * (0.5 + rng.normal(0, view.shift, 2))
    offset = centre - linear @ (0, (top + bottom) / 2)
    upper = rng.uniform(*view.arms, 2)
    bend = rng.uniform(-15, 25, 2) if view.worn else np.zeros(2)
    arms = np.stack([upper, upper - bend], axis=1).tolist()
    matrix = np.column_stack([linear, offset])
    return Pose(matrix, (tuple(arms[0]), tuple(arms[1])), float(rng.uniform(0.14, 0.26)))


def _states(landmarks: NDArray[np.floating], is_hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
    states = np.full(len(SLOTS), ABSENT)
    height, width = is_hidden.shape
    for slot, (x, y) in enumerate(landmarks):
        if not np.isfinite(x):
            continue
        if not (0 <= x < width and 0 <= y < height):
            states[slot] = TRUNCATED
        else:
            states[slot] = OCCLUDED if is_hidden[int(y), int(x)] else VISIBLE
    return states


def _box(
    shape: Outline, pose: Pose, landmarks: NDArray[np.floating], size: tuple[int, ...]
) -> NDArray[np.int64]:
    """The box around all of a garment that the picture shows."""
    corners = [pose.pixels(piece) for piece in shape.pieces]
    points = np.concatenate([*corners, landmarks]) / SUPERSAMPLING
    limit = np.array([size[1], size[0]]) // SUPERSAMPLING
    low = np.floor(points.min(axis=0)).clip(0, limit - 2)
    high = np.ceil(points.max(axis=0)).clip(low + 2, limit)
    return np.concatenate([low, high]).astype(np.int64)
