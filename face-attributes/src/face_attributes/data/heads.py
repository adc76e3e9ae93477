"""Rendered people: heads with attributes on shoulders, drawn from random numbers.

A person keeps a face for all pictures: proportions, skin, hair, and the attributes `LASTING`. The
others are drawn for every picture. Each is there in half of the cases and independent of the
others, but for a goatee, which half of those with a beard have in place of a full one. Names are
CelebA's where it has the attribute; ``Long_Hair`` is ours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.framing import EYE_HEIGHT, EYES_TO_MOUTH, HEAD_ASPECT
from face_attributes.data.pen import Colour, Pen, Rng, any_colour, darker, near

PORTRAIT_ATTRIBUTES = (
    *("Bangs", "Big_Nose", "Blond_Hair", "Bushy_Eyebrows", "Eyeglasses", "Goatee", "Long_Hair"),
    *("Mouth_Slightly_Open", "No_Beard", "Pale_Skin", "Smiling", "Wearing_Earrings"),
    *("Wearing_Hat", "Wearing_Necktie"),
)

LASTING = frozenset(
    ("Big_Nose", "Blond_Hair", "Bushy_Eyebrows", "Goatee", "Long_Hair", "No_Beard", "Pale_Skin")
)
"""Of these, the attributes that a person has in all pictures or in none."""

PALE, DARK = (240, 205, 185), (150, 100, 70)
BLOND, BROWN = (225, 190, 90), (50, 35, 25)
GOLD, BLACK, WHITE, LIPS = (250, 215, 40), (15, 15, 15), (245, 245, 245), (170, 40, 50)
NOSE = (200, 60, 60)
IRISES = ((30, 30, 40), (50, 110, 170), (70, 120, 60), (110, 70, 40))

MOUTH_HEIGHT = EYE_HEIGHT + EYES_TO_MOUTH
TILT = 6.0  # degrees, to either side
SHOULDERS = (-0.55, 1.55)  # of the head's width: from, to


@dataclass(frozen=True)
class Person:
    """What all pictures of somebody share.

    Attributes:
        has: the attributes of `LASTING` that they have.
        skin, hair, iris: RGB.
        face_width: half of it, as all lengths here a part of the head's width or height.
        eye_distance: half of it.
        eye_size: radius.
        brow_slope: how much higher the outer ends are.
        mouth_width: half of it.
        chin: how far down the face reaches.
        shoulder_slope: how much lower they are outside.
    """

    has: frozenset[str]
    skin: Colour
    hair: Colour
    iris: Colour
    face_width: float
    eye_distance: float
    eye_size: float
    brow_slope: float
    mouth_width: float
    chin: float
    shoulder_slope: float


@dataclass(frozen=True)
class Portrait:
    """A head that was drawn, in pixels of the image.

    Attributes:
        has: its attributes.
        box: (4,), x1, y1, x2, y2 of the head with its hair and hat.
        landmarks: (5, 2), eyes, nose, corners of the mouth.
    """

    has: frozenset[str]
    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]


def draw_person(rng: Rng) -> Person:
    """Somebody at random."""
    has = _draw_attributes(rng, LASTING - {"Goatee"})
    if "No_Beard" not in has and rng.random() < 0.5:
        has |= {"Goatee"}
    return Person(
        has,
        skin=near(rng, PALE if "Pale_Skin" in has else DARK, 20),
        hair=near(rng, BLOND if "Blond_Hair" in has else BROWN),
        iris=near(rng, IRISES[int(rng.integers(len(IRISES)))], 12),
        face_width=rng.uniform(0.31, 0.39),
        eye_distance=rng.uniform(0.115, 0.17),
        eye_size=rng.uniform(0.045, 0.075),
        brow_slope=rng.uniform(-0.03, 0.03),
        mouth_width=rng.uniform(0.08, 0.17),
        chin=rng.uniform(0.92, 0.98),
        shoulder_slope=rng.uniform(0.05, 0.3),
    )


def draw_portrait(
    rng: Rng, image: NDArray[np.uint8], person: Person, heights: tuple[float, float]
) -> Portrait:
    """Draw a person's head on shoulders at a random place of an image, with random attributes.

    Args:
        rng: decides all that is not the person's.
        image: RGB uint8 (S, S, 3), which is changed; the head is all inside.
        person: whose face it is.
        heights: of heads, smallest and largest, as a part of S.
    """
    side = len(image)
    height = rng.uniform(*heights) * side
    width = HEAD_ASPECT * height
    centre = tuple(rng.uniform(length / 2 + 2, side - length / 2 - 2) for length in (width, height))
    head = Pen(image, (centre[0], centre[1]), (width, height), rng.uniform(-TILT, TILT))
    has = person.has | _draw_attributes(rng, frozenset(PORTRAIT_ATTRIBUTES) - LASTING)
    _draw_shoulders(rng, head, person, has)
    _draw_head(rng, head, person, has)
    half = np.array([width, height]) / 2
    box = np.concatenate([head.places([(0.5, 0.5)])[0] - half, head.places([(0.5, 0.5)])[0] + half])
    return Portrait(has, box, head.places(_landmarks(person)))


def draw_empty_shoulders(rng: Rng, pen: Pen) -> None:
    """Shoulders and maybe a necktie, but nobody."""
    has = frozenset({"Wearing_Necktie"} if rng.random() < 0.5 else ())
    _draw_shoulders(rng, pen, draw_person(rng), has)


def draw_glasses(pen: Pen, distance: float, height: float) -> None:
    """Eyeglasses, half of whose distance is given, at a height of the frame."""
    for u in (0.5 - distance, 0.5 + distance):
        pen.ring((u, height), 0.13, BLACK, 0.04)
    pen.line([(0.5 - distance + 0.13, height), (0.5 + distance - 0.13, height)], BLACK, 0.03)


def draw_hat(rng: Rng, pen: Pen) -> None:
    colour = any_colour(rng)
    pen.rectangle(0.18, 0.02, 0.82, 0.27, colour)
    pen.rectangle(0.0, 0.24, 1.0, 0.32, near(rng, colour))


def _draw_attributes(rng: Rng, names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in sorted(names) if rng.random() < 0.5)


def _landmarks(person: Person) -> list[tuple[float, float]]:
    eye, mouth = person.eye_distance, person.mouth_width
    return [
        (0.5 - eye, EYE_HEIGHT),
        (0.5 + eye, EYE_HEIGHT),
        (0.5, 0.67),
        (0.5 - mouth, MOUTH_HEIGHT),
        (0.5 + mouth, MOUTH_HEIGHT),
    ]


def _draw_shoulders(rng: Rng, pen: Pen, person: Person, has: frozenset[str]) -> None:
    cloth = any_colour(rng)
    left, right = SHOULDERS
    top, low = 1.0, 1.0 + person.shoulder_slope
    pen.polygon(
        [(0.25, top), (0.75, top), (right, low), (right, 1.9), (left, 1.9), (left, low)], cloth
    )
    pen.rectangle(0.36, 0.84, 0.64, 1.04, darker(person.skin))  # the neck
    if "Wearing_Necktie" in has:
        tie = any_colour(rng)
        pen.polygon([(0.38, 1.0), (0.5, 1.3), (0.62, 1.0)], WHITE)
        pen.polygon([(0.44, 1.02), (0.56, 1.02), (0.6, 1.5), (0.5, 1.6), (0.4, 1.5)], tie)


def _draw_head(rng: Rng, pen: Pen, person: Person, has: frozenset[str]) -> None:
    if "Long_Hair" in has:
        pen.rectangle(0.04, 0.35, 0.96, 0.98, person.hair)
    pen.ellipse((0.5, 0.40), (0.46, 0.36), person.hair)
    middle = 0.18 + (person.chin - 0.18) / 2
    pen.ellipse((0.5, middle), (person.face_width, person.chin - middle), person.skin)
    if "Wearing_Earrings" in has:
        for u in (0.10, 0.90):
            pen.disc((u, 0.70), 0.07, GOLD)
    if "Bangs" in has:
        pen.ellipse((0.5, 0.34), (0.37, 0.13), person.hair)
    _draw_eyes(pen, person, has)
    _draw_lower_face(pen, person, has)
    if "Eyeglasses" in has:
        draw_glasses(pen, person.eye_distance + 0.01, EYE_HEIGHT)
    if "Wearing_Hat" in has:
        draw_hat(rng, pen)


def _draw_eyes(pen: Pen, person: Person, has: frozenset[str]) -> None:
    thickness = 0.07 if "Bushy_Eyebrows" in has else 0.02
    for side in (-1, 1):
        u = 0.5 + side * person.eye_distance
        pen.disc((u, EYE_HEIGHT), person.eye_size, WHITE)
        pen.disc((u, EYE_HEIGHT), 0.6 * person.eye_size, person.iris)
        inner, outer = u - side * 0.07, u + side * 0.08
        ends = [(inner, 0.43), (outer, 0.43 - person.brow_slope)]
        pen.line(ends, darker(person.hair, 0.7), thickness)


def _draw_lower_face(pen: Pen, person: Person, has: frozenset[str]) -> None:
    shade = darker(person.skin)
    if "Goatee" in has:
        pen.ellipse((0.5, person.chin - 0.06), (0.12, 0.07), person.hair)
    elif "No_Beard" not in has:
        radii = (0.9 * person.face_width, person.chin - 0.80)
        pen.ellipse((0.5, 0.80), radii, person.hair, angles=(0, 180))
    if "Big_Nose" in has:
        pen.disc((0.5, 0.65), 0.10, NOSE)
    else:
        pen.line([(0.5, 0.57), (0.47, 0.67), (0.51, 0.67)], shade, 0.025)
    _draw_mouth(pen, person.mouth_width, has)


def _draw_mouth(pen: Pen, width: float, has: frozenset[str]) -> None:
    opening = 0.055 if "Mouth_Slightly_Open" in has else 0.0
    if "Smiling" in has:
        wide, top = width + 0.04, MOUTH_HEIGHT - 0.02
        if opening:
            pen.ellipse((0.5, top), (wide, 0.10), WHITE, angles=(0, 180))
        pen.ellipse((0.5, top), (wide, 0.10), LIPS, angles=(0, 180), width=0.04)
        return
    if opening:
        pen.ellipse((0.5, MOUTH_HEIGHT), (0.8 * width, opening), BLACK)
        pen.ellipse((0.5, MOUTH_HEIGHT), (0.8 * width, opening), LIPS, width=0.04)
        return
    pen.line([(0.5 - width, MOUTH_HEIGHT), (0.5 + width, MOUTH_HEIGHT)], LIPS, 0.045)
