"""Garments of synthetic people in DeepFashion's terms: category, type, box, landmarks, labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion.data.taxonomy import ABSENT, CATEGORIES, SLOTS_OF_TYPE, TRUNCATED, TYPES
from synthetic_people import sample
from synthetic_people.design_attributes import ATTRIBUTES

CATEGORY_OF = {
    "tank": "Tank", "tee": "Tee", "polo": "Henley", "blouse": "Blouse", "shirt": "Button-Down",
    "sweater": "Sweater", "hoodie": "Hoodie", "cardigan": "Cardigan", "jacket": "Jacket",
    "blazer": "Blazer", "coat": "Coat", "jeans": "Jeans", "trousers": "Chinos",
    "joggers": "Joggers", "leggings": "Leggings", "shorts": "Shorts", "skirt": "Skirt",
    "dress": "Dress", "jumpsuit": "Jumpsuit",
}  # fmt: skip
"""DeepFashion's names by the wardrobe's; polo shirts, which it has not, are Henleys."""

PEOPLE_ATTRIBUTES = tuple(ATTRIBUTES)
PEOPLE_TYPES = tuple(kind - 1 for kind, _ in ATTRIBUTES.values())

LOCAL_ATTRIBUTES = tuple(word for word, (kind, _) in ATTRIBUTES.items() if kind == 4)
"""Parts: what is seen at a landmark or nowhere."""

MIN_AREA = 0.002
"""Share of an image that is seen of a garment, below which it is left out."""

MIN_SIDE = 6
"""Pixels of a box, likewise."""

MODES = {
    **dict.fromkeys(("standing", "walking", "hand_in_pocket", "hand_on_hip"), 1),
    **dict.fromkeys(("holding", "phone", "arms_crossed", "sitting", "waving"), 2),
    **dict.fromkeys(("running", "bent", "jumping"), 3),
}
"""Variation of a pose by its mode: normal, medium, large."""


@dataclass(frozen=True)
class Seen:
    """A garment as an image shows it; fields as of `lists.Shot`."""

    category: int
    type: int
    box: NDArray[np.int64]
    landmarks: NDArray[np.int64]
    states: NDArray[np.int64]
    has: frozenset[str]


def seen_garment(garment: sample.Garment, area: int, side: int) -> Seen | None:
    """Return a garment in DeepFashion's terms; None where too little of it is seen.

    Args:
        garment: garment of a sample.
        area: pixels that show it.
        side: height and width of the image.
    """
    x, y, width, height = garment.box
    if area < MIN_AREA * side**2 or min(width, height) < MIN_SIDE:
        return None
    kind = TYPES.index(garment.kind)
    states = np.full(len(garment.visibility), ABSENT)
    slots = list(SLOTS_OF_TYPE[kind])
    known = np.isfinite(garment.landmarks).all(1)
    states[slots] = np.where(known, garment.visibility, TRUNCATED)[slots]
    has_place = (states < TRUNCATED)[:, None]
    places = np.where(has_place, np.nan_to_num(garment.landmarks).clip(0, side - 1), 0)
    return Seen(
        CATEGORIES.index(CATEGORY_OF[garment.category]),
        kind,
        np.array([x, y, x + width, y + height]).round().astype(np.int64),
        places.astype(np.int64),
        states,
        frozenset(garment.attributes),
    )


def variation_of(garment: Seen, mode: str, view: str) -> int:
    """Return which of `taxonomy.VARIATIONS` an image of a garment is, from 1.

    Zoomed-in ones lose landmarks to the frame: one or two (4), more (5). Of the others the pose
    decides, and who is seen from the side or the back has a large one.
    """
    states = garment.states[list(SLOTS_OF_TYPE[garment.type])]
    lost = int((states == TRUNCATED).sum())
    if lost:
        return 4 if lost <= 2 else 5
    return 3 if view in ("side", "back") else MODES[mode]


def labels_of(has: frozenset[str]) -> NDArray[np.int8]:
    """int8 (A,) of 1 and -1."""
    return np.array([1 if name in has else -1 for name in PEOPLE_ATTRIBUTES], np.int8)


def noisy(
    rng: np.random.Generator, labels: NDArray[np.int8], missing: float, swapped: float
) -> NDArray[np.int8]:
    """Labels as people give them: many that hold are not named, some are taken for others.

    Args:
        rng: random generator that decides.
        labels: int8 (A,) of 1 and -1.
        missing: share of the positive ones that become negative.
        swapped: share of the positive ones that another of their type takes the place of.
    """
    out = labels.copy()
    types = np.array(PEOPLE_TYPES)
    for place in np.flatnonzero(labels > 0):
        chance = rng.random()
        if chance < missing + swapped:
            out[place] = -1
        if missing <= chance < missing + swapped:
            out[rng.choice(np.flatnonzero((types == types[place]) & (labels < 0)))] = 1
    return out
