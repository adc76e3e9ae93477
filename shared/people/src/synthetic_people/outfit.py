"""What one person wears together: garments that go with each other, shoes, and what is carried.

clothes = outfit(rng, sex="female", age=34, season="cold")
clothes.designs            # outermost first
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthetic_people.design import Design, design, item_number, pick
from synthetic_people.wardrobe import CATEGORIES

# category -> probability for women and for men, by the style of the outfit
OUTFIT_STYLES = {"casual": 0.62, "formal": 0.2, "sporty": 0.18}
FULL = {"casual": (0.34, 0.01), "formal": (0.5, 0.0), "sporty": (0.03, 0.0)}  # instead of two
FULL_CATEGORIES = {"dress": (0.78, 0.0), "jumpsuit": (0.22, 1.0)}
UPPER_CATEGORIES = {
    "casual": {
        "tee": (0.26, 0.4), "tank": (0.14, 0.05), "blouse": (0.22, 0.0), "shirt": (0.1, 0.22),
        "sweater": (0.18, 0.15), "hoodie": (0.06, 0.1), "polo": (0.04, 0.08),
    },
    "formal": {"blouse": (0.6, 0.0), "shirt": (0.3, 0.92), "sweater": (0.1, 0.08)},
    "sporty": {"tee": (0.35, 0.5), "tank": (0.3, 0.15), "hoodie": (0.3, 0.3), "polo": (0.05, 0.05)},
}  # fmt: skip
LOWER_CATEGORIES = {
    "casual": {
        "jeans": (0.36, 0.5), "trousers": (0.14, 0.22), "shorts": (0.12, 0.2),
        "skirt": (0.26, 0.0), "leggings": (0.1, 0.0), "joggers": (0.02, 0.08),
    },
    "formal": {"trousers": (0.5, 1.0), "skirt": (0.5, 0.0)},
    "sporty": {"joggers": (0.3, 0.5), "leggings": (0.45, 0.05), "shorts": (0.25, 0.45)},
}  # fmt: skip
OVER_CATEGORIES = {
    "casual": {"jacket": (0.4, 0.6), "cardigan": (0.3, 0.12), "coat": (0.2, 0.13),
               "blazer": (0.1, 0.15)},
    "formal": {"blazer": (0.6, 0.75), "coat": (0.25, 0.22), "cardigan": (0.15, 0.03)},
    "sporty": {"jacket": (1.0, 1.0)},
}  # fmt: skip
OVER = {
    ("casual", "warm"): 0.1, ("casual", "cold"): 0.6, ("formal", "warm"): 0.35,
    ("formal", "cold"): 0.8, ("sporty", "warm"): 0.08, ("sporty", "cold"): 0.4,
}  # fmt: skip
COLD_UNLIKELY = {"shorts": 0.1, "tank": 0.2}  # factors of the probabilities above in the cold
WARM_UNLIKELY = {"sweater": 0.15, "hoodie": 0.3, "coat": 0.05}
OUTFIT_SHOES = {  # shoes of the pack: 1, 3 and 4 of leather, 2, 5 and 6 for sports
    "casual": {"shoes01": 0.15, "shoes02": 0.2, "shoes03": 0.1, "shoes04": 0.15, "shoes05": 0.2,
               "shoes06": 0.2},
    "formal": {"shoes01": 0.3, "shoes03": 0.35, "shoes04": 0.35},
    "sporty": {"shoes02": 0.3, "shoes05": 0.35, "shoes06": 0.35},
}  # fmt: skip
BOOTS = {"warm": 0.0, "cold": 0.25}  # winter boots, where no wide leg hangs over them
BAREFOOT = 0.02
BAGS = {"": (0.62, 0.78), "shoulder bag": (0.17, 0.05), "tote": (0.12, 0.03),
        "backpack": (0.09, 0.14)}  # fmt: skip
HELD = {"": 0.76, "phone": 0.1, "cup": 0.08, "hand bag": 0.06}
SCARF = {"warm": 0.01, "cold": 0.16}
TIE = (0.03, 0.5)  # of formal shirts
TUCKED = {"casual": 0.25, "formal": 0.85, "sporty": 0.08}  # layer 0 worn inside the waistband
SEXES = ("female", "male")
SEASONS = ("warm", "cold")
ITEMS = 400  # items a category that people wear, unless told otherwise


@dataclass(frozen=True)
class Outfit:
    """What a person wears.

    Args:
        style: "casual", "formal" or "sporty".
        designs: the garments, outermost first.
        tucked: whether the garment of layer 0 is worn inside the waistband.
        shoes: their name in the pack, "" for bare feet.
        bag: "shoulder bag", "tote", "backpack" or "" for none; `held`: "phone", "cup", "hand bag".
        scarf, tie: whether they are worn.
        extras: colours (linear RGB) of shoes, bag, scarf and tie.
    """

    style: str
    designs: tuple[Design, ...]
    tucked: bool = False
    shoes: str = ""
    bag: str = ""
    held: str = ""
    scarf: bool = False
    tie: bool = False
    extras: tuple[tuple[float, float, float], ...] = ((0.1, 0.1, 0.1),) * 4


def outfit(
    rng: np.random.Generator, sex: str, age: float = 30.0, season: str = "warm", items: int = ITEMS
) -> Outfit:
    """Draw what a person wears.

    Args:
        rng: source of randomness.
        sex: "female" or "male".
        age: years; children wear fewer formal outfits.
        season: "warm" or "cold".
        items: the first so many items of each category are worn.
    """
    if sex not in SEXES or season not in SEASONS:
        raise ValueError(f"expected one of {SEXES} and of {SEASONS}, got {sex!r} and {season!r}")
    who = SEXES.index(sex)
    styles = OUTFIT_STYLES | ({"formal": 0.03} if age < 16 else {})
    style = str(pick(rng, styles))
    names = _categories(rng, style, who, season)
    worn = [design(_item(rng, name, style, items)) for name in names]
    inner = [n for n, d in enumerate(worn) if d.sleeve is not None][-1]
    if worn[inner].open:  # what is worn open has something below it
        below = str(pick(rng, {"tee": 0.7, "tank": 0.3}))
        worn.insert(inner + 1, design(_item(rng, below, style, items)))
    shirt = any(d.category == "shirt" for d in worn)
    cold = season == "cold"
    return Outfit(
        style=style,
        designs=tuple(worn),
        tucked=bool(rng.random() < TUCKED[style]),
        shoes=_shoes(rng, style, season, worn),
        bag=str(pick(rng, _of(BAGS, who))),
        held=str(pick(rng, HELD)),
        scarf=bool(rng.random() < SCARF[season] and (cold or style == "casual")),
        tie=bool(style == "formal" and shirt and rng.random() < TIE[who]),
        extras=tuple(design(item_number("jacket", int(rng.integers(400)))).colours[0]
                     for _ in range(4)),
    )  # fmt: skip


def outfit_around(
    rng: np.random.Generator, worn: Design, sex: str, age: float = 30.0, season: str = "warm"
) -> Outfit:
    """Draw what a person wears together with a garment, which nothing is worn over.

    Args:
        rng: source of randomness.
        worn: the garment.
        sex, age, season: sex, age and season as of `outfit`.
    """
    drawn = outfit(rng, sex, age, season)

    def other(kind: str, fallback: str) -> Design:
        fits = (d for d in drawn.designs if d.kind == kind and CATEGORIES[d.category].layer < 2)
        return next(fits, None) or design(_item(rng, fallback, drawn.style, ITEMS))

    layer = CATEGORIES[worn.category].layer
    if worn.kind == "lower":
        designs = [other("upper", "tee"), worn]
    elif layer >= 2:
        designs = [worn, other("upper", "tee"), other("lower", "jeans")]
    else:
        designs = [worn] if worn.kind == "full" else [worn, other("lower", "jeans")]
        if worn.open:
            designs.insert(1, design(_item(rng, "tank", drawn.style, ITEMS)))
    return replace(drawn, designs=tuple(designs))


def _shoes(rng: np.random.Generator, style: str, season: str, worn: list[Design]) -> str:
    wide = any(d.loose > 0.1 and d.hem > 1.7 for d in worn)
    if style == "casual" and not wide and rng.random() < BOOTS[season]:
        return "winter_boots"
    return "" if rng.random() < BAREFOOT else str(pick(rng, OUTFIT_SHOES[style]))


def _of(table: Mapping[str, tuple[float, float]], who: int) -> dict[str, float]:
    return {key: chances[who] for key, chances in table.items()}


def _categories(rng: np.random.Generator, style: str, who: int, season: str) -> list[str]:
    """Draw categories that are worn together, outermost first."""
    unlikely = COLD_UNLIKELY if season == "cold" else WARM_UNLIKELY
    draw = lambda table: str(  # noqa: E731
        pick(rng, {k: p * unlikely.get(k, 1) for k, p in _of(table, who).items()})
    )
    if rng.random() < FULL[style][who]:
        names = [draw(FULL_CATEGORIES)]
    else:
        names = [draw(UPPER_CATEGORIES[style]), draw(LOWER_CATEGORIES[style])]
    if names[0] != "hoodie" and rng.random() < OVER[style, season]:
        names.insert(0, draw(OVER_CATEGORIES[style]))
    return names


def _item(rng: np.random.Generator, name: str, style: str, items: int) -> int:
    """Draw an item of a category, of the outfit's style where a few tries find one."""
    for _ in range(12):
        item = item_number(name, int(rng.integers(items)))
        if design(item).style == style:
            break
    return item
