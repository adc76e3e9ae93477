"""Shapes of the rendered scenes' objects, as polygons in units of the object's height.

The foot of an object is (0, 0), x points right and y up, so its top is near (0, 1). A part is one
area of one colour: its contours are filled together, and a contour inside another one is a hole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """An area of one colour.

    Attributes:
        contours: each (N, 2), x then y.
        colour: index into the colours of the object; parts with the same index look the same.
    """

    contours: tuple[np.ndarray, ...]
    colour: int

    def turned(self, matrix: np.ndarray) -> "Part":
        """With every point multiplied by a matrix (2, 2)."""
        return Part(tuple(contour @ matrix.T for contour in self.contours), self.colour)

    def moved(self, x: float, y: float) -> "Part":
        return Part(tuple(contour + np.array([x, y]) for contour in self.contours), self.colour)


def figure(rng: np.random.Generator) -> list[Part]:
    """A person, who may stand or ride: nothing in the shape says which."""
    stance, step = rng.uniform(0.02, 0.1), rng.uniform(-0.03, 0.03)
    broad = rng.uniform(0.11, 0.15)
    hands = [(side * rng.uniform(0.12, 0.3), rng.uniform(0.42, 0.75)) for side in (-1, 1)]
    shoulders = [(-broad, 0.78), (broad, 0.78)]
    legs = [stroke([(side * 0.05, 0.48), (side * stance + step, 0.0)], 0.09) for side in (-1, 1)]
    arms = [
        stroke([shoulder, hand], 0.065) for shoulder, hand in zip(shoulders, hands, strict=True)
    ]
    torso = polygon([(-broad, 0.8), (broad, 0.8), (0.1, 0.44), (-0.1, 0.44)])
    return [
        *(Part((leg,), 1) for leg in legs),
        Part((torso,), 0),
        *(Part((arm,), 0) for arm in arms),
        Part((ellipse((0.0, 0.9), 0.075, 0.1),), 2),
    ]


def bicycle(rng: np.random.Generator) -> list[Part]:
    """Two thin wheels, a frame, a saddle and a handlebar; about 1.6 wide."""
    radius, apart = rng.uniform(0.34, 0.4), rng.uniform(0.46, 0.54)
    hubs = [(-apart, radius), (apart, radius)]
    pedals, saddle, bar = (-0.05, 0.36), (-0.2, 0.92), (0.32, 0.98)
    tubes = [[hubs[0], pedals, (0.28, 0.78), (-0.16, 0.74), hubs[0]], [pedals, saddle]]
    tubes += [[bar, hubs[1]]]
    wheels = [
        Part((ellipse(hub, radius, radius), ellipse(hub, radius - 0.075, radius - 0.075)), 1)
        for hub in hubs
    ]
    frame = [Part((stroke(ends, 0.065),), 0) for t in tubes for ends in pairwise(t)]
    return [
        *wheels,
        *frame,
        Part((stroke([(-0.32, 0.94), (-0.08, 0.94)], 0.08),), 1),
        Part((stroke([(0.22, 1.0), (0.42, 1.0)], 0.07),), 1),
    ]


def table(rng: np.random.Generator) -> list[Part]:
    """A slab on two to four thin legs; about 1.8 wide, its top from y 0.86 to 1."""
    half, inset = rng.uniform(0.75, 1.1), rng.uniform(0.0, 0.15)
    places = [-half + 0.12, half - 0.12]
    if rng.random() < 0.5:
        places += [-half * 0.6, half * 0.6]
    legs = [Part((stroke([(x, 0.9), (x, 0.0)], 0.09),), 1) for x in places]
    slab = polygon([(-half, 0.84), (half, 0.84), (half - inset, 1.0), (-half + inset, 1.0)])
    return [*legs, Part((slab,), 0)]


def flask(rng: np.random.Generator) -> list[Part]:
    """A round-shouldered post with a neck and a band: a bottle, or a bollard."""
    half, neck = rng.uniform(0.15, 0.2), rng.uniform(0.06, 0.09)
    shoulder = rng.uniform(0.6, 0.72)
    right = [(half, 0.0), (half, shoulder), (half * 0.8, shoulder + 0.1), (neck, shoulder + 0.16)]
    right.append((neck, 1.0))
    body = polygon([*right, *((-x, y) for x, y in reversed(right))])
    low = rng.uniform(0.2, 0.35)
    band = polygon([(-half, low), (half, low), (half, low + 0.2), (-half, low + 0.2)])
    cap = polygon([(-neck, 0.92), (neck, 0.92), (neck, 1.0), (-neck, 1.0)])
    return [Part((body,), 0), Part((band,), 1), Part((cap,), 1)]


def car(rng: np.random.Generator) -> list[Part]:
    """A body with a cabin, windows and two wheels; about 2.2 wide."""
    half, roof = rng.uniform(1.0, 1.3), rng.uniform(0.35, 0.6)
    front, back = rng.uniform(0.15, 0.4, size=2)
    low = [(-half, 0.15), (half, 0.15), (half, 0.5), (roof + front, 0.55), (roof, 1.0)]
    body = polygon([*low, (-roof, 1.0), (-roof - back, 0.55), (-half, 0.5)])
    panes = [
        polygon([(0.05, 0.58), (roof + front * 0.7, 0.58), (roof - 0.03, 0.92), (0.05, 0.92)]),
        polygon([(-0.05, 0.58), (-roof - back * 0.7, 0.58), (-roof + 0.03, 0.92), (-0.05, 0.92)]),
    ]
    wheels = [ellipse((side * half * 0.6, 0.2), 0.2, 0.2) for side in (-1, 1)]
    return [
        Part((body,), 0),
        *(Part((pane,), 1) for pane in panes),
        *(Part((wheel,), 2) for wheel in wheels),
    ]


def cat(rng: np.random.Generator) -> list[Part]:
    """A four-legged body with pointed ears and a thin tail that stands up; about 1.5 wide."""
    ears = [
        polygon([(0.5 + x, 0.9), (0.66 + x, 0.9), (0.58 + 1.3 * x, 1.16)]) for x in (-0.06, 0.12)
    ]
    tip = (rng.uniform(-0.85, -0.6), rng.uniform(0.9, 1.2))
    tail = [stroke([(-0.5, 0.6), (-0.72, 0.78)], 0.09), stroke([(-0.72, 0.78), tip], 0.08)]
    return quadruped(rng, [*ears, *tail])


def dog(rng: np.random.Generator) -> list[Part]:
    """A four-legged body with hanging ears, a muzzle and a short tail; about 1.5 wide."""
    ears = [ellipse((x, 0.78), 0.06, 0.16) for x in (0.46, 0.66)]
    muzzle = polygon([(0.6, 0.86), (0.92, 0.78), (0.92, 0.66), (0.6, 0.64)])
    tip = (rng.uniform(-0.75, -0.65), rng.uniform(0.35, 0.75))
    return quadruped(rng, [*ears, muzzle, stroke([(-0.45, 0.6), tip], 0.12)])


def quadruped(rng: np.random.Generator, features: Sequence[np.ndarray]) -> list[Part]:
    """Body, head and legs that cats and dogs share, and what tells them apart."""
    legs = [
        stroke([(x, 0.45), (x + rng.uniform(-0.1, 0.1), 0.0)], 0.12)
        for x in (-0.4, -0.25, 0.25, 0.4)
    ]
    body = ellipse((0.0, 0.52), rng.uniform(0.5, 0.6), rng.uniform(0.18, 0.24))
    head = ellipse((0.56, 0.78), 0.19, 0.18)
    return [
        *(Part((piece,), 0) for piece in (*legs, body, head)),
        *(Part((feature,), 1) for feature in features),
    ]


def block(rng: np.random.Generator) -> list[Part]:
    """A building or a hedge of the background, with or without windows; 0.5 to 1.5 wide."""
    half = rng.uniform(0.25, 0.75)
    wall = polygon([(-half, 0.0), (half, 0.0), (half, 1.0), (-half, 1.0)])
    rows, columns = rng.integers(0, 4, size=2)
    windows = [
        ellipse((-half + (i + 1) * 2 * half / (columns + 1), (j + 1) / (rows + 1)), 0.08, 0.08, 4)
        for i in range(columns)
        for j in range(rows)
    ]
    return [Part((wall,), 0), *(Part((window,), 1) for window in windows)]


def clutter(rng: np.random.Generator) -> list[Part]:
    """A hoop, a post or a leaning bar of the background: thin, but no part of anything."""
    if rng.random() < 0.4:
        return [Part((ellipse((0.0, 0.5), 0.5, 0.5), ellipse((0.0, 0.5), 0.4, 0.4)), 0)]
    return [Part((stroke([(0.0, 0.0), (rng.uniform(-0.7, 0.7), 1.0)], 0.1),), 0)]


def polygon(points: Points) -> np.ndarray:
    return np.array(points, np.float32)


def ellipse(centre: tuple[float, float], across: float, up: float, corners: int = 20) -> np.ndarray:
    """Points of an ellipse with the radii `across` and `up`; 4 corners are a diamond."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = np.stack([across * np.cos(angle), up * np.sin(angle)], axis=1)
    return (ring + centre).astype(np.float32)


def stroke(ends: Points, width: float) -> np.ndarray:
    """A straight bar between two points."""
    start, end = np.array(ends, np.float32)
    along = (end - start) / np.hypot(*(end - start))
    side = width / 2 * np.array([-along[1], along[0]], np.float32)
    return np.stack([start + side, end + side, end - side, start - side])
