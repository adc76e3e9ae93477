"""The design of a garment: all that tells an item from another, as plain numbers."""

import colorsys
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthetic_people.texture import to_linear
from synthetic_people.wardrobe import CATEGORIES, NAMES, Category

RGB = tuple[float, float, float]
FAMILY = 4  # items in a row that differ in one local detail


@dataclass(frozen=True)
class Design:
    """A garment's design; the same on whoever wears it.

    Levels down the body are 0 at the waist, 1 at the knee and 2 at the ankle; along the arm 0 at
    the shoulder and 1 at the wrist.

    Args:
        item: number of the item, unique over all categories.
        category, kind: a word of `wardrobe.CATEGORIES` and its kind.
        style: "casual", "formal" or "sporty".
        sleeve: level of the sleeves' ends, below 0.1 for none; None for what is worn below.
        hem: level of the lower edge.
        rise: level of the upper edge of what is worn from the waist down.
        neck: shape of the neckline, "" for none.
        depth: 0 for a high and 1 for a deep neckline.
        loose: 0 for close to the body, 1 for far from it.
        flare: widening (or narrowing, below 0) towards the hem.
        open: metres between the edges of a front that is worn open, 0 for a closed one.
        collar: "shirt", "round", "stand", "lapel" or "" for none.
        pattern, fabric: words of the tables.
        colours: linear RGB of ground, motif and trim.
        scale: metres a repetition of the pattern.
        parts: further parts that it has, sorted.
        print_at: x and y metres of a print's centre from the middle of the chest, and its size.
        seed: seed of whatever else is random about it: flowers, the print, folds.
    """

    item: int
    category: str
    kind: str
    style: str
    sleeve: float | None
    hem: float
    rise: float
    neck: str
    depth: float
    loose: float
    flare: float
    open: float
    collar: str
    pattern: str
    fabric: str
    colours: tuple[RGB, RGB, RGB]
    scale: float
    parts: tuple[str, ...]
    print_at: tuple[float, float, float]
    seed: int


def dimmed(colour: RGB, factor: float) -> RGB:
    """Return a colour with its light multiplied."""
    red, green, blue = colour
    return factor * red, factor * green, factor * blue


def pick(rng: np.random.Generator, choices: Mapping) -> object:
    """Return one of the keys of a mapping to probabilities, which need not add up to 1.

    >>> pick(np.random.default_rng(0), {"a": 0.0, "b": 2.0})
    'b'
    """
    keys = list(choices)
    edges = np.cumsum([choices[key] for key in keys])
    return keys[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]


def item_number(category: str, index: int) -> int:
    """Return the number of the `index`-th item of a category.

    >>> design(item_number("shirt", 12)).category
    'shirt'
    """
    family, variant = divmod(index, FAMILY)
    return (family * len(NAMES) + NAMES.index(category)) * FAMILY + variant


@functools.lru_cache(maxsize=4096)
def design(item: int) -> Design:
    """Return the design of an item; its number alone decides it, here and on every machine.

    `FAMILY` items in a row differ in one local detail: the collar, the cuffs, a pocket or print.
    """
    family, variant = divmod(item, FAMILY)
    name = NAMES[family % len(NAMES)]
    rng = np.random.default_rng([7919, family])
    return _vary(_draw(rng, item, name, CATEGORIES[name]), variant, CATEGORIES[name])


def recoloured(base: Design, series: int) -> Design:
    """Return a design in other colours, which follow from it and the number of the series."""
    return replace(base, colours=_colours(np.random.default_rng([base.seed, series]), base.fabric))


def _draw(rng: np.random.Generator, item: int, name: str, category: Category) -> Design:
    span = lambda low_high: float(rng.uniform(*low_high))  # noqa: E731
    word = lambda choices: str(pick(rng, choices)) if choices else ""  # noqa: E731
    fabric = word(category.fabrics) or "cotton"
    pattern = word(category.patterns) or "solid"
    if fabric in ("denim", "leather", "fleece") and pattern not in ("solid", "colour block"):
        pattern = "solid"
    neck = word(category.necks)
    sleeve = span(pick(rng, category.sleeve)) if category.sleeve else None
    if neck == "off-shoulder" and sleeve is not None:
        sleeve = max(sleeve, 0.44)
    parts = [part for part, chance in (category.parts or {}).items() if rng.random() < chance]
    collar = word(category.collars)
    if neck == "turtleneck" or "hood" in parts:
        collar = ""
    if collar:
        neck = "v" if collar == "lapel" else "crew"
    return Design(
        item=item,
        category=name,
        kind=category.kind,
        style=word(category.styles),
        sleeve=sleeve,
        hem=span(category.hem),
        rise=span(category.rise),
        neck=neck,
        depth=float(rng.beta(1.4, 2.2)),
        loose=span(category.loose),
        flare=span(category.flare),
        open=float(rng.uniform(0.03, 0.14)) if rng.random() < category.open else 0.0,
        collar=collar,
        pattern=pattern,
        fabric=fabric,
        colours=_colours(rng, fabric),
        scale=float(np.exp(rng.normal(0, 0.4))) * SCALES.get(pattern, 0.1),
        parts=_possible(parts),
        print_at=(
            float(rng.normal(0, 0.008)),
            float(rng.uniform(-0.06, 0.03)),
            float(rng.uniform(0.1, 0.24)),
        ),
        seed=int(rng.integers(2**31)),
    )


SCALES = {  # typical metres a repetition
    "striped": 0.05, "plaid": 0.09, "dotted": 0.04, "floral": 0.16, "checked": 0.03,
    "camouflage": 0.3, "chevron": 0.06,
}  # fmt: skip
EXCLUDE = (("zip", "buttons"), ("zip", "half buttons"), ("drawstring", "belt"), ("ribs", "cuff"))


def _possible(parts: list[str]) -> tuple[str, ...]:
    """Drop the second of two parts that exclude each other."""
    gone = {second for first, second in EXCLUDE if first in parts and second in parts}
    return tuple(sorted(set(parts) - gone))


def _vary(base: Design, variant: int, category: Category) -> Design:
    """Change one local detail of a design; variant 0 is the design itself.

    What there is to change depends on the kind of garment: the collar or neckband, the cuffs, the
    place of a print or pocket; the belt and pockets of what is worn below.
    """
    if variant == 0:
        return base
    if category.kind == "lower":
        return _toggled(base, ("belt", "cuff", "hip pockets")[variant - 1])
    if variant == 1:
        other = {"shirt": "stand", "stand": "shirt", "round": "", "lapel": "lapel"}
        if base.collar and other[base.collar] != base.collar:
            return replace(base, collar=other[base.collar])
        return _toggled(base, "neckband")
    if variant == 2:
        return _toggled(base, "cuff")
    if "graphic" in base.parts:
        _, y, size = base.print_at
        return replace(base, print_at=(0.055, y + 0.05, size * 0.45))
    return _toggled(base, "chest pocket")


def _toggled(base: Design, part: str) -> Design:
    """Add a part, for those that exclude it, or take it away."""
    parts = set(base.parts) ^ {part}
    if part in parts:
        parts -= {a for pair in EXCLUDE if part in pair for a in pair} - {part}
    return replace(base, parts=tuple(sorted(parts)))


NEUTRALS = {  # sRGB of cloth, with how often
    (0.93, 0.93, 0.92): 0.16, (0.06, 0.06, 0.07): 0.2, (0.2, 0.2, 0.22): 0.1,
    (0.55, 0.55, 0.56): 0.1, (0.1, 0.13, 0.26): 0.14, (0.72, 0.64, 0.52): 0.1,
    (0.4, 0.3, 0.22): 0.06, (0.35, 0.36, 0.25): 0.06, (0.88, 0.84, 0.75): 0.08,
}  # fmt: skip
DENIMS = {
    (0.2, 0.27, 0.42): 0.35, (0.36, 0.47, 0.63): 0.3, (0.12, 0.15, 0.23): 0.2,
    (0.09, 0.09, 0.1): 0.1, (0.62, 0.7, 0.78): 0.05,
}  # fmt: skip
LEATHERS = {(0.05, 0.05, 0.05): 0.6, (0.3, 0.18, 0.1): 0.3, (0.45, 0.1, 0.1): 0.1}
NEUTRAL = {"wool": 0.75, "leather": 1.0, "denim": 1.0, "fleece": 0.6}  # chance; else a hue


def _colours(rng: np.random.Generator, fabric: str) -> tuple[RGB, RGB, RGB]:
    """Draw ground, motif and trim; motif and trim stand out from the ground."""
    own = {"denim": DENIMS, "leather": LEATHERS}.get(fabric, NEUTRALS)
    neutral = rng.random() < NEUTRAL.get(fabric, 0.5)
    ground = np.array(pick(rng, own)) if neutral else _hue(rng)
    others = []
    while len(others) < 2:
        other = np.array(pick(rng, NEUTRALS)) if rng.random() < 0.5 else _hue(rng)
        if np.abs(other - ground).max() > 0.25:
            others.append(other)
    jitter = np.exp(rng.normal(0, 0.08))
    return tuple(  # type: ignore[return-value]
        tuple(np.round(to_linear((c * jitter).clip(0.02, 0.9)), 5).tolist())
        for c in (ground, *others)
    )


def _hue(rng: np.random.Generator) -> np.ndarray:
    """Draw a dye: any hue, seldom glaring."""
    saturation, value = rng.beta(1.6, 2.2), rng.uniform(0.25, 0.88)
    return np.array(colorsys.hsv_to_rgb(rng.random(), 0.12 + 0.68 * saturation, value))
