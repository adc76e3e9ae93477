"""Trims of a design: collar, lapels, cuffs, plackets, buttons, zips, pockets, belt, print."""

import functools
from collections.abc import Mapping

import numpy as np

from synthetic_people.design import RGB, Design, dimmed
from synthetic_people.garment_style import ARM, SEAM, has_skirt, style_of
from synthetic_people.patches import Field, Fields, Patch, joined, patch
from synthetic_people.shell import OFF_ARM
from synthetic_people.wardrobe import CATEGORIES

METAL: RGB = (0.35, 0.34, 0.32)
LEATHER: RGB = (0.03, 0.018, 0.012)
FAR = 1.0


@functools.lru_cache(maxsize=256)
def trims(design: Design) -> Patch | None:
    """Return all plain trims of a design as one patch, None where it has none."""
    edges = style_of(design)
    extra = {
        "neckline": np.minimum(edges.neck, edges.front), "throat": edges.neck,
        "opening": edges.front, "sleeve": edges.sleeve, "hem": edges.hem, "rise": edges.rise,
        "cloth": edges.cloth,
    }  # fmt: skip
    ground, trim = design.colours[0], design.colours[2]
    dark = dimmed(ground, 0.62)
    soft = dimmed(ground, 0.85)
    makers = {
        "neckband": lambda: [(_band("throat", 0.022), trim, 0.002, 1)],
        "cuff": lambda: [(_cuff(design, 0.04), trim, 0.002, 1)],
        "ribs": lambda: _ribs(design, soft),
        "buttons": lambda: _buttons(design, -0.2, 0.62, dark, trim),
        "few buttons": lambda: _buttons(design, 0.14, 0.32, dark, trim),
        "half buttons": lambda: _buttons(design, 0.4, 0.62, dark, trim),
        "zip": lambda: [(_line(design, 0.007), METAL, 0.003, 1)],
        "chest pocket": lambda: _pocket(0.082, 0.4, 0.05, 0.06, dark, soft),
        "breast pocket": lambda: [(_box(0.085, 0.43, 0.045, 0.007), dark, 0.0025, 2)],
        "hand pockets": lambda: [(_slit(0.11, 0.16, 0.1), dark, 0.0025, 2)],
        "hip pockets": lambda: _hips(design, dark, soft),
        "fly": lambda: _waist(design, dark, soft),
        "belt": lambda: _belt(design),
        "side stripe": lambda: [(_side, trim, 0.002, 1)],
        "drawstring": lambda: [(_strings(design), trim, 0.004, 2)],
    }
    wanted = [row for part in design.parts if part in makers for row in makers[part]()]
    if design.collar:
        wanted += _collar(design, soft if design.seed % 3 else trim)
    elif design.neck and "neckband" not in design.parts and design.fabric in ("cotton", "knit"):
        wanted.append((_band("throat", 0.016), soft, 0.0015, 1))
    if design.pattern == "colour block":
        wanted.insert(0, (_block(design), design.colours[1], 0.0012, 0))
    pieces = [_made(field, extra, colour, above, fine) for field, colour, above, fine in wanted]
    pieces = [piece for piece in pieces if piece is not None]
    return joined(pieces) if pieces else None


def _made(
    field: Field, extra: Mapping[str, np.ndarray], colour: RGB, above: float, fine: int
) -> Patch | None:
    """Make a patch where there is cloth."""
    cloth = lambda f: np.minimum(field(f), f["cloth"])  # noqa: E731
    return patch(cloth, extra, colour, above, fine)


# ---- fields: metres inside of a trim ------------------------------------------------------------
def _band(name: str, wide: float) -> Field:
    """Along an edge of the cloth."""
    return lambda f: wide - f[name]


def _cuff(design: Design, wide: float) -> Field:
    if design.kind == "lower":
        return _band("hem", wide)
    if design.sleeve is not None and design.sleeve < 0.1:  # piping around the armholes
        return _band("sleeve", 0.012)
    return lambda f: np.where(f["arm"] > 0.05, wide - f["sleeve"], -FAR)


def _ribs(design: Design, soft: RGB) -> list:
    rows = [(_cuff(design, 0.05), soft, 0.0015, 1)]
    if design.kind == "upper" and not has_skirt(design):
        rows.append((_band("hem", 0.05), soft, 0.0015, 1))
    return rows


def _front(f: Fields) -> np.ndarray:
    return np.where(f["z"] > 0.02, FAR, -FAR)


def _line(design: Design, wide: float) -> Field:
    """Down the middle of the front, or along both edges of an open one."""
    if design.open:
        return lambda f: np.minimum(2 * wide - f["opening"], _front(f))
    return lambda f: np.minimum(wide - np.abs(f["x"]), _front(f))


def _buttons(design: Design, low: float, high: float, dark: RGB, trim: RGB) -> list:
    """A placket and what closes it."""
    heights = np.arange(max(low, 0.2 - 0.55 * design.hem) + 0.03, high, 0.085)
    middle = 0.0 if not design.open else None

    def knobs(f: Fields) -> np.ndarray:
        x = f["x"] if middle is not None else f["opening"] - 0.014
        if middle is None:
            x = np.where(f["x"] > 0, x, FAR)
        gap = np.abs(f["y"][:, None] - heights).min(1)
        return np.minimum(0.0065 - np.hypot(x, gap), _front(f))

    within = lambda f: np.minimum(f["y"] - low, high - f["y"])  # noqa: E731
    placket = _line(design, 0.015)
    return [
        (lambda f: np.minimum(placket(f), within(f)), dimmed(dark, 1.35), 0.002, 1),
        (knobs, trim, 0.004, 2),
    ]


def _box(x: float, y: float, wide: float, high: float) -> Field:
    """A rectangle on the chest, of half its sizes; x > 0 is the person's left."""
    return lambda f: np.minimum(
        np.minimum(wide - np.abs(f["x"] - x), high - np.abs(f["y"] - y)), _front(f)
    )


def _pocket(x: float, y: float, wide: float, high: float, dark: RGB, soft: RGB) -> list:
    return [
        (_box(x, y, wide, high), dark, 0.002, 2),
        (_box(x, y, wide - 0.004, high - 0.004), soft, 0.003, 2),
        (_box(x, y + high - 0.012, wide - 0.004, 0.002), dark, 0.0036, 2),
    ]


def _slit(x: float, y: float, long: float) -> Field:
    """Slanted openings of hand pockets, on both sides of the belly."""

    def field(f: Fields) -> np.ndarray:
        along = (np.abs(f["x"]) - x) * -0.45 + (f["y"] - y) * 0.89
        across = (np.abs(f["x"]) - x) * 0.89 + (f["y"] - y) * 0.45
        return np.minimum(np.minimum(long / 2 - np.abs(along), 0.004 - np.abs(across)), _front(f))

    return field


def _hips(design: Design, dark: RGB, soft: RGB) -> list:
    """Front pockets of trousers, and patch pockets behind on denim."""

    def slant(f: Fields) -> np.ndarray:
        across = (np.abs(f["x"]) - 0.115) * 0.8 + (f["rise"] - 0.07) * -0.6
        long = np.minimum(f["rise"] - 0.03, 0.16 - f["rise"])
        return np.minimum(np.minimum(0.0035 - np.abs(across), long), _front(f))

    def back(edge: float) -> Field:
        return lambda f: np.minimum(
            np.minimum(0.06 - edge - np.abs(np.abs(f["x"]) - 0.078), 0.068 - edge
                       - np.abs(f["rise"] - 0.14)), np.where(f["z"] < -0.02, FAR, -FAR),
        )  # fmt: skip

    rows = [(slant, dark, 0.002, 2)]
    if design.fabric == "denim":
        rows += [(back(0.0), dark, 0.002, 2), (back(0.005), soft, 0.003, 2)]
    return rows


def _waist(design: Design, dark: RGB, soft: RGB) -> list:
    """The waistband and the fly."""
    fly = lambda f: np.minimum(  # noqa: E731
        np.minimum(0.0035 - np.abs(f["x"] - 0.012), 0.17 - f["rise"]), _front(f)
    )
    button = lambda f: np.minimum(  # noqa: E731
        0.008 - np.hypot(f["x"], f["rise"] - 0.018), _front(f)
    )
    return [(_band("rise", 0.036), soft, 0.0015, 1), (fly, dark, 0.002, 2),
            (button, METAL, 0.003, 2)]  # fmt: skip


def _belt(design: Design) -> list:
    if design.kind == "lower":
        if CATEGORIES[design.category].surface == "skirt":
            return []
        at = lambda f: f["rise"] - 0.02  # noqa: E731
    else:
        waist = SEAM - 0.06 if has_skirt(design) else 0.0
        at = lambda f: np.where(f["arm"] > OFF_ARM, FAR, (f["down"] - waist) * 0.553)  # noqa: E731
    soft = design.fabric not in ("denim", "cotton", "wool") or design.seed % 2
    colour = design.colours[2] if design.kind == "full" and soft else LEATHER
    strap = lambda f: 0.017 - np.abs(at(f))  # noqa: E731
    buckle = lambda f: np.minimum(  # noqa: E731
        np.minimum(0.022 - np.abs(f["x"]), 0.02 - np.abs(at(f))), _front(f)
    )
    return [(strap, colour, 0.0035, 1), (buckle, METAL, 0.0055, 2)]


def _side(f: Fields) -> np.ndarray:
    """A stripe down the outer side of each leg."""
    middle = np.interp(f["y"], [-0.75, -0.37, 0.05, 0.2], [-0.02, 0.005, 0.005, 0.01])
    outer = np.abs(f["x"]) - np.interp(f["y"], [-0.75, -0.37, 0.05], [0.225, 0.17, 0.11])
    return np.minimum(0.016 - np.abs(f["z"] - middle), np.where(outer > 0, FAR, -FAR))


def _strings(design: Design) -> Field:
    name, long = ("rise", 0.13) if design.kind == "lower" else ("throat", 0.16)
    return lambda f: np.minimum(
        np.minimum(0.004 - np.abs(np.abs(f["x"]) - 0.025), long - f[name]), _front(f)
    )


def _block(design: Design) -> Field:
    """The part of a colour block: yoke, sleeves, or one side."""
    if design.kind == "lower":
        return lambda f: f["down"] - 1.0
    return (
        lambda f: f["y"] - 0.4,
        lambda f: np.where(f["arm"] > OFF_ARM, f["arm"] * ARM, -0.05),
        lambda f: f["x"],
    )[design.seed % 3]


def _collar(design: Design, colour: RGB) -> list:
    """What lies flat on the cloth of a collar; what stands up is in `collars`."""
    if design.collar == "round":
        return [(lambda f: 0.05 - f["throat"], colour, 0.005, 1)]
    if design.collar == "lapel":

        def field(f: Fields) -> np.ndarray:
            wide = np.interp(f["y"], [0.2, 0.3, 0.47, 0.48, 0.5, 0.51, 0.6],
                             [-0.03, 0.02, 0.085, 0.088, 0.045, 0.06, 0.045])  # fmt: skip
            return wide - f["neckline"]

        darker = dimmed(design.colours[0], 0.8)
        edge = dimmed(design.colours[0], 0.5)
        return [(lambda f: field(f) + 0.004, edge, 0.0055, 2), (field, darker, 0.007, 2)]
    return []
