"""The wardrobe in a table: categories of garments.

`design.design` draws an item from it; the tables of `outfit` say what is worn together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Category:
    """What the items of a category have in common; ranges are those of `Design`'s fields.

    Args:
        kind: "upper", "lower" or "full": which of the eight landmarks it has.
        surface: "shirt" covers the torso, "legs" the legs, "skirt" hangs from the waist; joined
            by "+" where it is made of two.
        hem: level of the lower edge (see `Design`).
        sleeve: levels of the sleeve's end, each a range, with its probability.
        rise: level of the upper edge of what is worn from the waist down.
        loose, flare: distance from the body, and widening towards the hem.
        necks, collars, patterns, fabrics, styles: choices with probabilities.
        parts: probability of each of the parts that a design has or has not.
        open: probability that the front is worn open.
        layer: 0 next to the skin or tucked in, 1 over what is worn below, 2 over that, 3 a coat.
    """

    kind: str
    surface: str
    styles: Mapping[str, float]
    hem: Range
    sleeve: Mapping[Range, float] | None = None
    rise: Range = (0.0, 0.0)
    loose: Range = (0.1, 0.5)
    flare: Range = (0.0, 0.1)
    necks: Mapping[str, float] | None = None
    collars: Mapping[str, float] | None = None
    patterns: Mapping[str, float] | None = None
    fabrics: Mapping[str, float] | None = None
    parts: Mapping[str, float] | None = None
    open: float = 0.0
    layer: int = 1


NONE, SHORT, ELBOW, LONG = (-0.1, -0.1), (0.22, 0.44), (0.5, 0.78), (0.93, 0.99)
PATTERNS = {
    "solid": 0.5, "striped": 0.12, "plaid": 0.06, "dotted": 0.05, "floral": 0.06, "heathered": 0.08,
    "colour block": 0.05, "checked": 0.04, "camouflage": 0.02, "chevron": 0.02,
}  # fmt: skip
PLAIN = {"solid": 0.82, "heathered": 0.1, "striped": 0.04, "checked": 0.04}
LIVELY = {
    "solid": 0.32, "floral": 0.2, "dotted": 0.12, "striped": 0.12, "plaid": 0.06, "checked": 0.06,
    "colour block": 0.08, "chevron": 0.04,
}  # fmt: skip
ANY = {"casual": 0.65, "formal": 0.2, "sporty": 0.15}
CASUAL = {"casual": 0.8, "sporty": 0.2}
DRESSY = {"casual": 0.5, "formal": 0.5}
FORMAL = {"formal": 0.85, "casual": 0.15}
SPORTY = {"sporty": 0.75, "casual": 0.25}

CATEGORIES: dict[str, Category] = {
    "tank": Category(
        "upper", "shirt", CASUAL, (0.12, 0.34), {NONE: 1}, loose=(0.0, 0.35), layer=0,
        necks={"scoop": 0.6, "crew": 0.15, "square": 0.15, "v": 0.1}, patterns=PATTERNS,
        fabrics={"cotton": 0.8, "knit": 0.1, "satin": 0.1}, parts={"graphic": 0.15},
    ),
    "tee": Category(
        "upper", "shirt", CASUAL, (0.14, 0.4), {SHORT: 0.93, ELBOW: 0.07}, loose=(0.1, 0.75),
        necks={"crew": 0.62, "v": 0.2, "scoop": 0.12, "boat": 0.06}, patterns=PATTERNS, layer=0,
        fabrics={"cotton": 1}, parts={"graphic": 0.35, "chest pocket": 0.15, "cuff": 0.12},
    ),
    "polo": Category(
        "upper", "shirt", ANY, (0.2, 0.36), {SHORT: 0.9, LONG: 0.1}, loose=(0.1, 0.5), layer=0,
        necks={"crew": 1}, collars={"shirt": 1}, patterns=PLAIN | {"striped": 0.25},
        fabrics={"cotton": 0.7, "knit": 0.3}, parts={"half buttons": 1, "cuff": 0.4},
    ),
    "blouse": Category(
        "upper", "shirt", DRESSY, (0.05, 0.36), {SHORT: 0.2, ELBOW: 0.3, LONG: 0.4, NONE: 0.1},
        loose=(0.3, 0.9), flare=(0.0, 0.35), layer=0, patterns=LIVELY,
        necks={"v": 0.35, "scoop": 0.2, "boat": 0.15, "off-shoulder": 0.15, "crew": 0.15},
        collars={"": 0.75, "round": 0.25}, fabrics={"satin": 0.45, "cotton": 0.4, "linen": 0.15},
        parts={"buttons": 0.3, "cuff": 0.2},
    ),
    "shirt": Category(
        "upper", "shirt", DRESSY, (0.24, 0.44), {LONG: 0.75, SHORT: 0.15, ELBOW: 0.1}, layer=0,
        loose=(0.2, 0.65), necks={"crew": 1}, collars={"shirt": 0.9, "stand": 0.1},
        patterns={"solid": 0.5, "striped": 0.15, "plaid": 0.2, "checked": 0.1, "dotted": 0.05},
        fabrics={"cotton": 0.75, "denim": 0.1, "linen": 0.15},
        parts={"buttons": 1, "chest pocket": 0.4, "cuff": 0.15}, open=0.08,
    ),
    "sweater": Category(
        "upper", "shirt", DRESSY, (0.14, 0.36), {LONG: 0.95, ELBOW: 0.05}, loose=(0.3, 0.9),
        necks={"crew": 0.5, "turtleneck": 0.28, "v": 0.22}, fabrics={"knit": 0.85, "wool": 0.15},
        patterns={"solid": 0.55, "heathered": 0.2, "striped": 0.15, "chevron": 0.1},
        parts={"ribs": 0.85},
    ),
    "hoodie": Category(
        "upper", "shirt", SPORTY, (0.2, 0.4), {LONG: 1}, loose=(0.5, 1.0), necks={"crew": 1},
        patterns={"solid": 0.7, "heathered": 0.2, "colour block": 0.1}, fabrics={"fleece": 1},
        parts={"hood": 1, "ribs": 0.9, "graphic": 0.35, "zip": 0.4, "drawstring": 0.7,
               "hand pockets": 0.7}, open=0.15,
    ),
    "cardigan": Category(
        "upper", "shirt", DRESSY, (0.2, 0.44), {LONG: 0.9, ELBOW: 0.1}, loose=(0.3, 0.9), layer=2,
        necks={"v": 0.8, "crew": 0.2}, patterns=PLAIN, fabrics={"knit": 0.9, "wool": 0.1},
        parts={"buttons": 0.8, "hand pockets": 0.4, "ribs": 0.7}, open=0.7,
    ),
    "jacket": Category(
        "upper", "shirt", CASUAL, (0.12, 0.36), {LONG: 1}, loose=(0.4, 0.9), layer=2,
        necks={"crew": 1}, collars={"stand": 0.45, "shirt": 0.4, "": 0.15}, patterns=PLAIN,
        fabrics={"leather": 0.25, "denim": 0.25, "nylon": 0.3, "cotton": 0.2}, open=0.5,
        parts={"zip": 0.65, "buttons": 0.35, "chest pocket": 0.3, "hand pockets": 0.6, "ribs": 0.3,
               "hood": 0.15, "cuff": 0.15},
    ),
    "blazer": Category(
        "upper", "shirt", FORMAL, (0.38, 0.46), {LONG: 1}, loose=(0.35, 0.6), layer=2,
        necks={"v": 1}, collars={"lapel": 1}, open=0.4, fabrics={"wool": 0.8, "linen": 0.2},
        patterns={"solid": 0.75, "striped": 0.08, "checked": 0.09, "heathered": 0.08},
        parts={"few buttons": 1, "hand pockets": 0.9, "breast pocket": 0.6},
    ),
    "coat": Category(
        "full", "shirt+skirt", DRESSY, (0.75, 1.35), {LONG: 1}, loose=(0.6, 1.0), layer=3,
        flare=(0.0, 0.3), necks={"crew": 0.35, "v": 0.65}, open=0.4,
        collars={"lapel": 0.6, "stand": 0.15, "shirt": 0.25}, patterns=PLAIN | {"checked": 0.1},
        fabrics={"wool": 0.7, "cotton": 0.15, "nylon": 0.15},
        parts={"buttons": 0.7, "zip": 0.2, "hand pockets": 0.7, "belt": 0.35, "hood": 0.15},
    ),
    "jeans": Category(
        "lower", "legs", CASUAL, (1.88, 2.04), rise=(0.02, 0.2), loose=(0.02, 0.6),
        flare=(0.0, 0.3), patterns={"solid": 1}, fabrics={"denim": 1},
        parts={"belt": 0.25, "hip pockets": 1, "cuff": 0.15, "fly": 1},
    ),
    "trousers": Category(
        "lower", "legs", DRESSY, (1.86, 2.04), rise=(-0.03, 0.12), loose=(0.12, 0.6),
        flare=(0.0, 0.25), fabrics={"wool": 0.55, "cotton": 0.35, "linen": 0.1},
        patterns={"solid": 0.78, "striped": 0.06, "checked": 0.08, "heathered": 0.08},
        parts={"belt": 0.5, "hip pockets": 0.8, "fly": 1},
    ),
    "joggers": Category(
        "lower", "legs", SPORTY, (1.75, 1.93), rise=(0.02, 0.14), loose=(0.35, 0.8),
        patterns=PLAIN | {"camouflage": 0.05}, fabrics={"fleece": 0.7, "nylon": 0.3},
        parts={"drawstring": 0.8, "ribs": 0.9, "side stripe": 0.4, "hip pockets": 0.6},
    ),
    "leggings": Category(
        "lower", "legs", SPORTY, (1.45, 1.95), rise=(-0.05, 0.1), loose=(0.0, 0.0),
        patterns={"solid": 0.75, "camouflage": 0.06, "heathered": 0.1, "colour block": 0.09},
        fabrics={"nylon": 0.6, "cotton": 0.4}, parts={"side stripe": 0.15},
    ),
    "shorts": Category(
        "lower", "legs", CASUAL, (0.62, 0.98), rise=(0.0, 0.16), loose=(0.2, 0.8),
        flare=(0.0, 0.3), patterns=PATTERNS, fabrics={"cotton": 0.5, "denim": 0.3, "nylon": 0.2},
        parts={"belt": 0.15, "hip pockets": 0.7, "cuff": 0.2, "drawstring": 0.2, "fly": 0.6,
               "side stripe": 0.15},
    ),
    "skirt": Category(
        "lower", "skirt", DRESSY, (0.55, 1.85), rise=(-0.03, 0.1), loose=(0.0, 0.6),
        flare=(-0.55, 0.6), patterns=LIVELY,
        fabrics={"cotton": 0.45, "denim": 0.15, "wool": 0.15, "satin": 0.15, "leather": 0.1},
        parts={"pleats": 0.35, "belt": 0.2, "hip pockets": 0.1},
    ),
    "dress": Category(
        "full", "shirt+skirt", DRESSY, (0.65, 1.9), {NONE: 0.4, SHORT: 0.3, ELBOW: 0.1, LONG: 0.2},
        loose=(0.0, 0.45), flare=(-0.5, 0.6), layer=0, patterns=LIVELY,
        necks={"v": 0.28, "scoop": 0.3, "crew": 0.16, "square": 0.1, "off-shoulder": 0.1,
               "boat": 0.06},
        collars={"": 0.88, "round": 0.06, "shirt": 0.06},
        fabrics={"cotton": 0.5, "satin": 0.25, "linen": 0.1, "knit": 0.15},
        parts={"belt": 0.3, "pleats": 0.3, "half buttons": 0.1, "cuff": 0.1},
    ),
    "jumpsuit": Category(
        "full", "shirt+legs", DRESSY, (1.7, 1.95), {NONE: 0.4, SHORT: 0.3, LONG: 0.3}, layer=0,
        loose=(0.1, 0.5), flare=(0.0, 0.35), patterns=LIVELY,
        necks={"v": 0.4, "scoop": 0.3, "crew": 0.2, "square": 0.1},
        collars={"": 0.8, "shirt": 0.2}, fabrics={"cotton": 0.6, "denim": 0.2, "satin": 0.2},
        parts={"belt": 0.5, "hip pockets": 0.3, "zip": 0.2, "chest pocket": 0.15},
    ),
}  # fmt: skip

NAMES = tuple(CATEGORIES)  # item numbers count them in this order: add new ones at the end
