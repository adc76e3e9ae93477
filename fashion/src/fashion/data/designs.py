"""The designs of rendered garments: what an item is, and the attributes that follow from it.

Many attributes are those of the whole garment: colour, texture, cut. Twelve are local: one of four
glyphs at its collar, cuffs or hem. Items come in families that differ in one such glyph alone, and
the same glyphs lie about in every picture, so who wants to tell them apart has to look there.
"""

from dataclasses import dataclass, replace

import numpy as np

from fashion.data.layout import CATEGORIES

Rng = np.random.Generator

COLOURS = {
    "black": (42, 42, 48),
    "white": (236, 234, 228),
    "blue": (52, 96, 178),
    "red": (190, 46, 48),
    "pink": (226, 138, 168),
    "green": (64, 132, 84),
    "yellow": (226, 178, 56),
    "purple": (122, 72, 156),
}
TEXTURES = (
    *("solid", "striped", "floral", "dotted"),
    *("plaid", "vertical stripe", "diagonal stripe", "chevron"),
)
PRINTS = ("striped", "floral", "dotted", "plaid")
PRINTED_COLOURS = ("black", "white", "blue", "red", "pink")
FABRICS = ("cotton", "denim", "knit", "lace", "leather")
NECKS = ("crew neck", "v-neck", "shirt collar", "hooded")
SLEEVES = ("sleeveless", "short sleeve", "long sleeve")
FITS = ("slim fit", "regular", "boxy")
GLYPHS = ("cross", "disc", "bar", "triangle")
PLACES = ("collar", "cuff", "hem")
EXTRAS = ("front pocket", "belted", "button front", "two-tone yoke")
SHAPES = ("a-line", "cropped", "longline", "mini length", "maxi length", "wide leg", "skinny leg")
"""Follow from the category, the fit and the length."""

LABELS = (
    *((name, 0) for name in TEXTURES),
    *((f"{colour} {name} print", 0) for name in PRINTS for colour in PRINTED_COLOURS),
    *((name, 1) for name in FABRICS),
    *((name, 2) for name in ("slim fit", "boxy", *SHAPES)),
    *((name, 3) for name in (*NECKS, *SLEEVES, *EXTRAS[:3])),
    *((f"{glyph} {place}", 3) for place in PLACES for glyph in GLYPHS),
    *((name, 4) for name in (*COLOURS, "two-tone yoke", "monochrome")),
)
RENDERED_ATTRIBUTES = tuple(name for name, _ in LABELS)
RENDERED_TYPES = tuple(kind for _, kind in LABELS)
"""Numbers of `layout.ATTRIBUTE_TYPES`."""

LOCAL_ATTRIBUTES = tuple(f"{glyph} {place}" for place in PLACES for glyph in GLYPHS)


@dataclass(frozen=True)
class Cut:
    """What a category says of its garments.

    Attributes:
        name: of the category.
        share: of it among items, not normalised.
        type: of `layout.TYPES`.
        sleeves: possible numbers of `SLEEVES`; empty without.
        necks: possible numbers of `NECKS`; empty without.
        lengths: shortest and longest: where the hem is below the waist; a head's height is 0.5.
        legs: whether it has trouser legs.
        flare: width of the hem beside that of the hips.
        opens: whether it opens in front.
    """

    name: str
    share: float
    type: int
    sleeves: tuple[int, ...]
    necks: tuple[int, ...]
    lengths: tuple[float, float]
    legs: bool = False
    flare: float = 1.0
    opens: bool = False


CUTS = (
    Cut("Blouse", 6, 0, (1, 2), (1, 2), (0.25, 0.4), flare=1.25),
    Cut("Cardigan", 3, 0, (2,), (1,), (0.3, 0.55), opens=True),
    Cut("Hoodie", 2, 0, (2,), (3,), (0.25, 0.4)),
    Cut("Jacket", 3, 0, (2,), (2,), (0.15, 0.3), opens=True),
    Cut("Sweater", 4, 0, (2,), (0, 1), (0.2, 0.4)),
    Cut("Tank", 4, 0, (0,), (0, 1), (0.1, 0.35)),
    Cut("Tee", 8, 0, (1,), (0, 1), (0.1, 0.4)),
    Cut("Jeans", 4, 1, (), (), (1.25, 1.4), legs=True),
    Cut("Joggers", 2, 1, (), (), (1.1, 1.3), legs=True, flare=0.8),
    Cut("Leggings", 2, 1, (), (), (1.1, 1.35), legs=True, flare=0.65),
    Cut("Shorts", 4, 1, (), (), (0.35, 0.55), legs=True, flare=1.1),
    Cut("Skirt", 3, 1, (), (), (0.45, 0.9), flare=1.35),
    Cut("Coat", 2, 2, (2,), (2, 3), (0.6, 1.0), flare=1.15, opens=True),
    Cut("Dress", 9, 2, (0, 1, 2), (0, 1), (0.45, 1.2), flare=1.5),
    Cut("Jumpsuit", 1, 2, (0, 1), (0, 1), (1.15, 1.35), legs=True),
    Cut("Romper", 2, 2, (0, 1), (0, 1), (0.35, 0.5), legs=True, flare=1.1),
)
"""Their ids are those of `layout.CATEGORIES`, of which most have no garment here."""


@dataclass(frozen=True)
class Design:
    """An item.

    Attributes:
        cut: number of `CUTS`.
        colour, texture, fabric, fit: numbers.
        neck, sleeve: numbers, or -1 without.
        length: of the cut's lengths.
        glyphs: at collar, cuffs and hem: 1 to 4, or 0 for none.
        glyph_colour: a number.
        extras: of `EXTRAS`.
    """

    cut: int
    colour: int
    texture: int
    fabric: int
    fit: int
    neck: int
    sleeve: int
    length: float
    glyphs: tuple[int, int, int]
    glyph_colour: int
    extras: frozenset[str]

    @property
    def category(self) -> int:
        """Number of `layout.CATEGORIES`."""
        return CATEGORIES.index(CUTS[self.cut].name)

    @property
    def type(self) -> int:
        return CUTS[self.cut].type


def draw_families(rng: Rng, number: int, hard_share: float) -> list[Design]:
    """Designs of ``number`` items; a share of them differs from the one before in one glyph."""
    designs: list[Design] = []
    for _ in range(number):
        is_hard = designs and rng.random() < hard_share
        designs.append(other_glyph(rng, designs[-1]) if is_hard else draw_design(rng))
    return designs


def draw_design(rng: Rng) -> Design:
    shares = np.array([cut.share for cut in CUTS])
    number = int(rng.choice(len(CUTS), p=shares / shares.sum()))
    cut = CUTS[number]
    fabric = 1 if cut.name == "Jeans" else _long_tailed(rng, len(FABRICS))
    sleeve = int(rng.choice(cut.sleeves)) if cut.sleeves else -1
    neck = int(rng.choice(cut.necks)) if cut.necks else -1
    has_top = cut.type != 1
    extras = {name for name in EXTRAS if rng.random() < 0.18 and (has_top or name == "belted")}
    return Design(
        number,
        _long_tailed(rng, len(COLOURS)),
        _long_tailed(rng, len(TEXTURES)),
        fabric,
        int(rng.choice(len(FITS), p=(0.3, 0.5, 0.2))),
        neck,
        sleeve,
        float(rng.uniform(*cut.lengths)),
        (_glyph(rng) if has_top else 0, _glyph(rng) if has_top else 0, _glyph(rng)),
        int(rng.integers(4)),
        frozenset(extras),
    )


def other_glyph(rng: Rng, design: Design) -> Design:
    """The same garment with another glyph, or none, at one place."""
    places = (2,) if design.type == 1 else (0, 1, 2)
    place = int(rng.choice(places))
    others = [glyph for glyph in range(len(GLYPHS) + 1) if glyph != design.glyphs[place]]
    glyphs = list(design.glyphs)
    glyphs[place] = int(rng.choice(others))
    return replace(design, glyphs=(glyphs[0], glyphs[1], glyphs[2]))


def other_colour(rng: Rng, design: Design) -> Design:
    """The same item in another colour: its second series."""
    shift = int(rng.integers(1, len(COLOURS)))
    return replace(design, colour=(design.colour + shift) % len(COLOURS))


def names_of(design: Design) -> set[str]:
    """The attributes of an item, of `RENDERED_ATTRIBUTES`."""
    cut, colour = CUTS[design.cut], tuple(COLOURS)[design.colour]
    names = {TEXTURES[design.texture], FABRICS[design.fabric], colour, *design.extras}
    names |= {f"{colour} {TEXTURES[design.texture]} print", FITS[design.fit]}
    if design.neck >= 0:
        names |= {NECKS[design.neck], SLEEVES[design.sleeve]}
    for place, glyph in zip(PLACES, design.glyphs, strict=True):
        if glyph:
            names.add(f"{GLYPHS[glyph - 1]} {place}")
    if design.texture == 0 and "two-tone yoke" not in design.extras:
        names.add("monochrome")
    return (names | _shapes(design, cut)) & set(RENDERED_ATTRIBUTES)


def labels_of(design: Design) -> np.ndarray:
    """int8 (A,) of 1 and -1."""
    has = names_of(design)
    return np.array([1 if name in has else -1 for name in RENDERED_ATTRIBUTES], np.int8)


def noisy(rng: Rng, labels: np.ndarray, missing: float, swapped: float) -> np.ndarray:
    """Labels as people give them: many that are there are not named, some are taken for others.

    Args:
        rng: decides.
        labels: int8 (A,) of 1 and -1.
        missing: share of the positive ones that become negative.
        swapped: share of the positive ones that another of their type takes the place of.
    """
    out = labels.copy()
    types = np.array(RENDERED_TYPES)
    for place in np.flatnonzero(labels > 0):
        chance = rng.random()
        if chance < missing + swapped:
            out[place] = -1
        if missing <= chance < missing + swapped:
            out[rng.choice(np.flatnonzero((types == types[place]) & (labels < 0)))] = 1
    return out


def _shapes(design: Design, cut: Cut) -> set[str]:
    """Of `SHAPES`."""
    names = set()
    shortest, longest = cut.lengths
    share = (design.length - shortest) / (longest - shortest)
    if cut.flare >= 1.25:
        names.add("a-line")
    if cut.type == 0:
        names |= {"cropped"} if share < 0.3 else {"longline"} if share > 0.75 else set()
    if cut.name in ("Dress", "Skirt"):
        names |= {"mini length"} if share < 0.35 else {"maxi length"} if share > 0.7 else set()
    if cut.legs and design.length > 1:
        names |= {"wide leg"} if design.fit == 2 else {"skinny leg"} if design.fit == 0 else set()
    return names


def _long_tailed(rng: Rng, number: int) -> int:
    """A number below another, n as likely as 1 / (n + 1)."""
    weights = 1 / np.arange(1, number + 1)
    return int(rng.choice(number, p=weights / weights.sum()))


def _glyph(rng: Rng) -> int:
    return int(rng.choice(len(GLYPHS) + 1, p=(0.2, 0.32, 0.24, 0.14, 0.1)))
