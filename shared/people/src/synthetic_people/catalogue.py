"""Photographs of items: a design as a shop shows it, and as people wear it on the street.

`photograph_item` renders one of the `SHOTS` of an item. Items come in pairs that differ in one
local detail (a collar, a cuff, a pocket, the place of a print), and each has a second series of
colours.
"""

from dataclasses import dataclass, replace

import numpy as np

from synthetic_people import pose as poses
from synthetic_people.assemble import assemble
from synthetic_people.backdrop import Backdrop
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.design import FAMILY, Design, design, recoloured
from synthetic_people.lighting import light_for
from synthetic_people.mannequin import Mannequin
from synthetic_people.outfit import SEASONS, Outfit, outfit, outfit_around
from synthetic_people.person import Moment, Person, choose, draw_moment
from synthetic_people.photograph import Photograph, random_photograph
from synthetic_people.render import View, render
from synthetic_people.sample import Sample
from synthetic_people.scene import TALL, Span, before_photograph, person, stranger, street_camera

CATALOGUE = 5  # stream of random numbers, beside those of `scene`


@dataclass(frozen=True)
class Shot:
    """How an item is photographed.

    Args:
        setting: "shop" (a studio) or "street".
        series: 0 for the item's own colours, 1 for its others.
        is_catalogue: whether it is one of a shop's views of a series, as DeepFashion's In-shop has
            them; the others are pairs of a shop and its customers.
        is_front: whether the item is seen from the front and all of it; else the view is drawn.
    """

    setting: str
    series: int = 0
    is_catalogue: bool = False
    is_front: bool = False


SHOTS = (
    Shot("shop", 0, True, True), Shot("shop", 0, True), Shot("shop", 1, True, True),
    Shot("shop", 1, True), Shot("shop", is_front=True), Shot("street"), Shot("street"),
)  # fmt: skip
VIEWS = {"side": 0.25, "back": 0.25, "full": 0.3, "additional": 0.2}
TURNS = {"side": (60, 90), "back": (155, 205)}  # degrees away from the camera; else a few
STUDIO_MODES = {"standing": 0.45, "hand_on_hip": 0.2, "hand_in_pocket": 0.2, "walking": 0.15}
STREET_SHARE_OF_BACKS, STREET_SHARE_OF_SIDES = 0.12, 0.15
COMPANY = {"0": 0.62, "1": 0.24, "2": 0.14}  # other people on the street
OFTEN_FEMALE = {"dress": 1.0, "skirt": 1.0, "blouse": 1.0, "leggings": 0.95, "jumpsuit": 0.9}
FRAMINGS = {  # kind -> framing of a street image -> probability
    "upper": {"whole": 0.3, "far": 0.15, "upper": 0.4, "close": 0.15},
    "lower": {"whole": 0.45, "far": 0.2, "lower": 0.35},
    "full": {"whole": 0.65, "far": 0.2, "upper": 0.15},
}  # fmt: skip
SPANS = {  # heights of people that an image spans, and where on the body its middle lies
    "whole": (1.05, 1.5, 0.5), "far": (1.6, 4.0, 0.5), "upper": (0.45, 0.75, 0.72),
    "lower": (0.55, 0.8, 0.28), "close": (0.32, 0.45, 0.77),
}  # fmt: skip
STUDIO_SPANS = {
    "upper": (0.5, 0.66, 0.7), "lower": (0.62, 0.78, 0.3), "full": (1.0, 1.2, 0.5),
}  # fmt: skip


def item_of(index: int) -> int:
    """Return the number of the `index`-th item of a catalogue: two of a family, then the next.

    >>> [item_of(n) for n in range(4)]
    [0, 1, 4, 6]
    """
    family = index // 2
    return family * FAMILY + (1 + family % (FAMILY - 1) if index % 2 else 0)


def photograph_item(
    seed: int, index: int, size: int, backgrounds: Backgrounds, identity: int
) -> Sample:
    """Return image number `index` of a catalogue: `SHOTS` of its first item, of its next, ...

    The metadata of its first person, who wears it, names the `item`, the `setting`, the `view` and
    the `series`.

    Args:
        seed: number of the catalogue; those of different seeds share no item.
        index: number of the image.
        size: height and width in pixels.
        backgrounds: photographs that stand behind on the street.
        identity: number from which on people are looked for who wear such a thing.
    """
    rng = np.random.default_rng([seed, CATALOGUE, index])
    shot = SHOTS[index % len(SHOTS)]
    worn = design(item_of(seed * 20_000 + index // len(SHOTS)))
    if shot.series:
        worn = recoloured(worn, shot.series)
    wearer = _wearer(rng, worn, identity, is_model=shot.setting == "shop")
    picture = _in_shop if shot.setting == "shop" else _on_street
    view, taken, name = picture(rng, shot, worn, wearer, size, backgrounds, (seed, index))
    sample = render(view, taken, rng)
    sample.people[0].metadata |= {
        "item": worn.item, "setting": shot.setting, "view": name, "series": shot.series,
    }  # fmt: skip
    return sample


def _wearer(rng: np.random.Generator, worn: Design, identity: int, is_model: bool) -> Person:
    """Return somebody who wears such a thing, in a shop an adult who is not old."""
    sex = "female" if rng.random() < OFTEN_FEMALE.get(worn.category, 0.5) else "male"
    low, high = (17, 45) if is_model else (8, 80)
    who = person(identity)
    for _ in range(40):
        if who.sex == sex and low <= who.age <= high:
            break
        who = person(identity := identity + 1)
    return who


_Picture = tuple[View, Photograph, str]


def _in_shop(
    rng: np.random.Generator, shot: Shot, worn: Design, who: Person, size: int,
    backgrounds: Backgrounds, at: tuple[int, int],
) -> _Picture:  # fmt: skip
    name = "front" if shot.is_front else choose(rng, VIEWS)
    low, high = TURNS.get(name, (-14, 14))
    turn = float(np.radians(rng.choice([-1, 1]) * rng.uniform(low, high)))
    clothes = outfit_around(rng, worn, who.sex, who.age, str(rng.choice(SEASONS)))
    clothes = replace(clothes, bag="", held="", scarf=False)
    mannequin = _posed(rng, who, clothes, choose(rng, STUDIO_MODES), turn)
    framing = {"full": STUDIO_SPANS["full"], "additional": SPANS["close"]}
    low, high, middle = framing.get(name, STUDIO_SPANS[worn.kind])
    if name == "additional" and worn.kind == "lower":
        middle = 0.4
    span = Span(TALL * rng.uniform(low, high), middle * TALL)
    camera = street_camera(span, size, size, rng)
    camera = replace(camera, roll=0.0)
    wall = _wall(rng, size)
    towards = camera.eye - camera.target
    light = light_for(wall, towards / np.linalg.norm(towards), rng)
    exposure = float(np.exp(rng.normal(0.1, 0.12)))
    taken = Photograph(quality=int(rng.integers(70, 97)), contrast=float(rng.uniform(0.9, 1.15)))
    return View([mannequin], camera, light, Backdrop(wall), [], exposure), taken, name


def _wall(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a studio's wall, bright, a little darker to the ground or to the top."""
    tone = rng.uniform(150, 250) + rng.normal(0, 4, 3)
    fade = np.linspace(1, rng.uniform(0.85, 1.05), size)[:, None, None]
    return np.broadcast_to((tone * fade).clip(0, 255), (size, size, 3)).astype(np.uint8)


def _on_street(
    rng: np.random.Generator, shot: Shot, worn: Design, who: Person, size: int,
    backgrounds: Backgrounds, at: tuple[int, int],
) -> _Picture:  # fmt: skip
    low, high, middle = SPANS[choose(rng, FRAMINGS[worn.kind])]
    span = Span(TALL * rng.uniform(low, high), middle * TALL)
    clothes = outfit_around(rng, worn, who.sex, who.age, str(rng.choice(SEASONS)))
    people = [_posed(rng, who, clothes, choose(rng, poses.MODES), _turned(rng))]
    for number in range(1, 1 + int(choose(rng, COMPANY))):
        other = person(stranger(*at, number))
        season = str(rng.choice(SEASONS))
        own = outfit(rng, other.sex, other.age, season)
        side = (-1) ** number * rng.uniform(0.3, 0.55) * max(span.size, 1.0)
        place = np.array([side, 0.0, rng.uniform(-2.5, 0.1)])
        mode = choose(rng, poses.MODES)
        people.append(_posed(rng, other, own, mode, _turned(rng)).moved(place, 0.0))
    camera = street_camera(span, size, size, rng)
    view = before_photograph(people, camera, backgrounds, rng, span.size)
    return view, random_photograph(rng, size), "street"


def _turned(rng: np.random.Generator) -> float:
    """Return radians by which somebody on the street is turned away."""
    draw = rng.random()
    if draw < STREET_SHARE_OF_BACKS:
        return float(np.radians(rng.uniform(130, 230)))
    if draw < STREET_SHARE_OF_BACKS + STREET_SHARE_OF_SIDES:
        return float(np.radians(rng.choice([-1, 1]) * rng.uniform(50, 100)))
    return float(np.radians(np.clip(rng.normal(0, 22), -60, 60)))


def _posed(
    rng: np.random.Generator, who: Person, clothes: Outfit, mode: str, turn: float
) -> Mannequin:
    moment: Moment = draw_moment(who, rng)
    mannequin = assemble(who, moment, poses.draw_pose(rng, mode), clothes)
    return mannequin.moved(np.zeros(3), turn)
