"""What stands together in a rendered scene, and where: the rules of context.

A figure over a bicycle is a `rider`, beside one or alone a `person`; a flask on a table is a
`bottle`, on the ground a `bollard`. Coordinates are in pixels, x then y down; a group is drawn with
its foot at (0, 0) and then moved to its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from segmentation.data import sprites
from segmentation.data.sprites import Part

ALONE = frozenset({"bicycle", "table"})
"""What nothing else may stand above or below: it would look as if it were on it."""

MARGIN = 3.0  # pixels between the columns of what stands alone and of anything else
OVERLAP = 0.3  # of the smaller box, at most
PLACES_TRIED = 30  # for each group, before the scene does without it

Rng = np.random.Generator
Shape = Callable[[Rng], list[Part]]


@dataclass(frozen=True)
class Thing:
    """An object of the class called `label`; its parts are in pixels."""

    label: str
    parts: Sequence[Part]

    def moved(self, x: float, y: float) -> Self:
        return type(self)(self.label, [part.moved(x, y) for part in self.parts])


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def moved(self, x: float, y: float) -> "Box":
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Group:
    """Things that stand together, in the order in which they are painted, and their box."""

    things: Sequence[Thing]
    box: Box

    @classmethod
    def around(cls, things: Sequence[Thing]) -> Self:
        points = np.concatenate([c for t in things for part in t.parts for c in part.contours])
        return cls(things, Box(*points.min(axis=0).tolist(), *points.max(axis=0).tolist()))

    def moved(self, x: float, y: float) -> Self:
        return type(self)([thing.moved(x, y) for thing in self.things], self.box.moved(x, y))

    def is_alone(self) -> bool:
        return any(thing.label in ALONE for thing in self.things)


def draw_groups(rng: Rng, size: int, horizon: float, hardness: float) -> list[Group]:
    """Groups on the ground of a square image, those behind first.

    One to three large ones where the hardness is below 1/2, else three to seven smaller ones; fewer
    where no room is left.
    """
    wanted = rng.integers(1, 4) if hardness < 0.5 else rng.integers(3, 8)
    groups: list[Group] = []
    for _ in range(wanted):
        height = size * (rng.uniform(0.65, 0.9) - hardness * rng.uniform(0.1, 0.4))
        kind = KINDS[rng.integers(len(KINDS))]
        group = Group.around(kind(rng, height, hardness))
        for _ in range(PLACES_TRIED):
            x, y = rng.uniform(0, size), rng.uniform(max(horizon + 4, 0.8 * height), size - 2)
            if fits(group.box.moved(x, y), group.is_alone(), size, groups):
                groups.append(group.moved(x, y))
                break
    return sorted(groups, key=lambda group: group.box.bottom)


def fits(box: Box, is_alone: bool, size: int, others: Sequence[Group]) -> bool:
    """Whether a group lies in the image and leaves the other groups enough room."""
    if box.bottom > size - 1 or (is_alone and (box.left < 1 or box.right > size - 1)):
        return False
    return not any(crowds(box, other.box, is_alone or other.is_alone()) for other in others)


def crowds(box: Box, other: Box, is_alone: bool) -> bool:
    """Whether two boxes share a column, if either stands alone, or else too much area."""
    across = min(box.right, other.right) - max(box.left, other.left)
    if is_alone:
        return across > -MARGIN
    down = min(box.bottom, other.bottom) - max(box.top, other.top)
    return max(across, 0) * max(down, 0) > OVERLAP * min(box.area(), other.area())


def cyclist(rng: Rng, height: float, hardness: float) -> list[Thing]:
    seat = rng.uniform(-0.08, 0.04)
    rider = place(rng, "rider", sprites.figure, height).moved(seat * height, -0.17 * height)
    return [rider, place(rng, "bicycle", sprites.bicycle, 0.5 * height)]


def parked_bicycle(rng: Rng, height: float, hardness: float) -> list[Thing]:
    return [place(rng, "bicycle", sprites.bicycle, 0.5 * height)]


def person_beside_bicycle(rng: Rng, height: float, hardness: float) -> list[Thing]:
    aside = rng.choice([-1, 1]) * rng.uniform(0.72, 0.85) * height
    person = place(rng, "person", sprites.figure, height).moved(aside, 0)
    return [person, *parked_bicycle(rng, height, hardness)]


def walker(rng: Rng, height: float, hardness: float) -> list[Thing]:
    """A person, whose legs a hedge may hide."""
    person = place(rng, "person", sprites.figure, height)
    if rng.random() > 0.5 * hardness:
        return [person]
    return [person, place(rng, "background", sprites.block, 0.4 * height).moved(0, 1)]


def laid_table(rng: Rng, height: float, hardness: float) -> list[Thing]:
    things = [place(rng, "table", sprites.table, 0.45 * height)]
    for aside in rng.permutation([-0.22, 0.0, 0.22])[: rng.integers(1, 4)]:
        x = aside + rng.uniform(-0.03, 0.03)
        things.append(flask(rng, "bottle", height).moved(x * height, -0.44 * height))
    return things


def bollards(rng: Rng, height: float, hardness: float) -> list[Thing]:
    number = rng.integers(1, 4)
    return [flask(rng, "bollard", height).moved(0.25 * i * height, 0) for i in range(number)]


def flask(rng: Rng, label: str, height: float) -> Thing:
    return place(rng, label, sprites.flask, rng.uniform(0.28, 0.42) * height)


def parked_car(rng: Rng, height: float, hardness: float) -> list[Thing]:
    return [place(rng, "car", sprites.car, rng.uniform(0.5, 0.65) * height)]


def animal(rng: Rng, height: float, hardness: float) -> list[Thing]:
    label, shape = [("cat", sprites.cat), ("dog", sprites.dog)][rng.integers(2)]
    return [place(rng, label, shape, rng.uniform(0.4, 0.55) * height)]


KINDS: tuple[Callable[[Rng, float, float], list[Thing]], ...] = (
    *(cyclist,) * 3,
    parked_bicycle,
    person_beside_bicycle,
    *(walker,) * 2,
    *(laid_table,) * 3,
    bollards,
    *(parked_car,) * 2,
    *(animal,) * 2,
)
"""Kinds of groups, as often as they are to appear. A person's height sets the scale of each."""


def draw_surroundings(rng: Rng, size: int, horizon: float, hardness: float) -> list[Thing]:
    """Buildings on the horizon and thin clutter on the ground, more where it is harder."""
    things = []
    for _ in range(rng.integers(0, 1 + round(3 * hardness))):
        wall = place(rng, "background", sprites.block, rng.uniform(0.15, 0.4) * size)
        things.append(wall.moved(rng.uniform(0, size), horizon + 2))
    for _ in range(rng.integers(0, 1 + round(5 * hardness))):
        piece = place(rng, "background", sprites.clutter, rng.uniform(0.1, 0.3) * size)
        things.append(piece.moved(rng.uniform(0, size), rng.uniform(horizon, size)))
    return things


def place(rng: Rng, label: str, shape: Shape, height: float) -> Thing:
    """An object of a height in pixels, leaning a little and facing either way."""
    angle, facing = rng.uniform(-0.08, 0.08), rng.choice([-1, 1])
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    turn[:, 0] *= facing
    return Thing(label, [part.turned(turn * height) for part in shape(rng)])
