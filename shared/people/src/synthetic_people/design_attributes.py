"""Attributes of a garment: the words that describe a design, and their types."""

from collections.abc import Callable

from synthetic_people.design import Design
from synthetic_people.wardrobe import CATEGORIES


def _sleeve(low: float, high: float) -> Callable[[Design], bool]:
    return lambda d: d.sleeve is not None and low <= d.sleeve < high


def _has(part: str) -> Callable[[Design], bool]:
    return lambda d: part in d.parts


def _is(field: str, *values: str) -> Callable[[Design], bool]:
    return lambda d: getattr(d, field) in values


def _legs(d: Design) -> bool:
    return "legs" in CATEGORIES[d.category].surface


def _skirt(d: Design) -> bool:
    return "skirt" in CATEGORIES[d.category].surface


def _torso(d: Design) -> bool:
    return CATEGORIES[d.category].surface == "shirt"


# word -> (type as DeepFashion numbers them, when a design has it)
TEXTURE, FABRIC, SHAPE, PART, STYLE = 1, 2, 3, 4, 5
TYPES = ("texture", "fabric", "shape", "part", "style")
ATTRIBUTES: dict[str, tuple[int, Callable[[Design], bool]]] = {
    "solid": (TEXTURE, _is("pattern", "solid")),
    "striped": (TEXTURE, _is("pattern", "striped")),
    "plaid": (TEXTURE, _is("pattern", "plaid")),
    "dotted": (TEXTURE, _is("pattern", "dotted")),
    "floral": (TEXTURE, _is("pattern", "floral")),
    "heathered": (TEXTURE, _is("pattern", "heathered")),
    "colour block": (TEXTURE, _is("pattern", "colour block")),
    "checked": (TEXTURE, _is("pattern", "checked")),
    "camouflage": (TEXTURE, _is("pattern", "camouflage")),
    "chevron": (TEXTURE, _is("pattern", "chevron")),
    "graphic": (TEXTURE, _has("graphic")),
    "denim": (FABRIC, _is("fabric", "denim")),
    "knit": (FABRIC, _is("fabric", "knit")),
    "leather": (FABRIC, _is("fabric", "leather")),
    "satin": (FABRIC, _is("fabric", "satin")),
    "wool": (FABRIC, _is("fabric", "wool")),
    "cotton": (FABRIC, _is("fabric", "cotton")),
    "linen": (FABRIC, _is("fabric", "linen")),
    "nylon": (FABRIC, _is("fabric", "nylon")),
    "fleece": (FABRIC, _is("fabric", "fleece")),
    "sleeveless": (SHAPE, _sleeve(-1.0, 0.1)),
    "short sleeve": (SHAPE, _sleeve(0.1, 0.48)),
    "three-quarter sleeve": (SHAPE, _sleeve(0.48, 0.85)),
    "long sleeve": (SHAPE, _sleeve(0.85, 2.0)),
    "crew neck": (SHAPE, _is("neck", "crew")),
    "v-neck": (SHAPE, _is("neck", "v")),
    "scoop neck": (SHAPE, _is("neck", "scoop")),
    "square neck": (SHAPE, _is("neck", "square")),
    "boat neck": (SHAPE, _is("neck", "boat")),
    "turtleneck": (SHAPE, _is("neck", "turtleneck")),
    "off-shoulder": (SHAPE, _is("neck", "off-shoulder")),
    "crop": (SHAPE, lambda d: _torso(d) and d.hem < 0.16),
    "longline": (SHAPE, lambda d: _torso(d) and d.hem > 0.4),
    "mini": (SHAPE, lambda d: _skirt(d) and d.hem < 0.85),
    "midi": (SHAPE, lambda d: _skirt(d) and 0.85 <= d.hem < 1.45),
    "maxi": (SHAPE, lambda d: _skirt(d) and d.hem >= 1.45),
    "cropped leg": (SHAPE, lambda d: _legs(d) and 1.2 < d.hem < 1.78),
    "high waist": (SHAPE, lambda d: d.kind == "lower" and d.rise < 0.03),
    "loose": (SHAPE, lambda d: d.loose > 0.5),
    "fitted": (SHAPE, lambda d: d.loose < 0.15),
    "a-line": (SHAPE, lambda d: _skirt(d) and d.flare > 0.2),
    "pencil": (SHAPE, lambda d: _skirt(d) and d.flare < -0.2),
    "flared leg": (SHAPE, lambda d: _legs(d) and d.flare > 0.15),
    "collar": (PART, lambda d: d.collar in ("shirt", "round", "stand")),
    "lapel": (PART, _is("collar", "lapel")),
    "hood": (PART, _has("hood")),
    "pockets": (PART, lambda d: any("pocket" in part for part in d.parts)),
    "buttons": (PART, lambda d: any("buttons" in part for part in d.parts)),
    "zip": (PART, _has("zip")),
    "belt": (PART, _has("belt")),
    "contrast cuff": (PART, _has("cuff")),
    "ribbed hem": (PART, _has("ribs")),
    "drawstring": (PART, _has("drawstring")),
    "pleated": (PART, _has("pleats")),
    "side stripe": (PART, _has("side stripe")),
    "contrast neckband": (PART, _has("neckband")),
    "open front": (PART, lambda d: d.open > 0),
    "casual": (STYLE, _is("style", "casual")),
    "formal": (STYLE, _is("style", "formal")),
    "sporty": (STYLE, _is("style", "sporty")),
}


def attributes(design: Design) -> tuple[str, ...]:
    """Return the words of `ATTRIBUTES` that hold for a design."""
    return tuple(word for word, (_, holds) in ATTRIBUTES.items() if holds(design))
