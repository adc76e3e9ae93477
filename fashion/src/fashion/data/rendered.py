"""The folder of rendered garments, in the layouts of four benchmarks, of one bank of items.

img/                                  all pictures
cap/{Anno,Eval}/                      Category and Attribute Prediction: all pictures
fld/{Anno,Eval}/                      Fashion Landmark Detection: all pictures
inshop/{Anno,Eval}/                   In-shop: img/WOMEN/Dress/id_00000001/02_1_front.jpg
consumer2shop/{Anno,Eval}/            pairs: img/CLOTHING/Dress/id_00000001/comsumer_01.jpg (sic)
recipe.json                           what was rendered; another recipe renders anew

Each has a link img to the pictures. Nobody's item is in two parts. Labels of attributes are noisy
in training, clean in validation and test.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from fashion.data.designs import Design, draw_families, labels_of, noisy, other_colour
from fashion.data.layout import CATEGORIES, CONSUMER, PARTS, SHOP
from fashion.data.pen import Image
from fashion.data.rendered_lists import Shot, write_benchmarks
from fashion.data.scenes import SHOP_VIEWS, Picture, consumer_picture, shop_picture
from vision_shared import rendering
from vision_shared.inputs import InputError

VERSION = 2
"""Raise it when a picture would differ: folders of another version are rendered anew."""

FIRST_SERIES = 2  # as in most of the names of In-shop
SECOND_SERIES_SHARE = 0.3
FOLDERS = ("TOPS", "TROUSERS", "CLOTHING")
"""Of Consumer-to-shop, by the garment's type."""

JPEG_QUALITY = 92


@dataclass(frozen=True)
class Recipe:
    """How many items and pictures, and of what size.

    Attributes:
        size: height and width of the pictures.
        items: that train, validate and test.
        inshop: pictures of each item, in each of its one or two colours, for In-shop.
        shop, consumer: pictures of each for Consumer-to-shop.
        hard: share of the items that differ from another in one local glyph alone.
        missing: share of positive labels of training that are not named.
        swapped: share of them that are taken for another of their type.
        seed: not negative.
    """

    size: Sequence[int]
    items: Sequence[int]
    inshop: int
    shop: int
    consumer: int
    hard: float
    missing: float
    swapped: float
    seed: int

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 32 or len(self.items) != len(PARTS):
            raise InputError(f"expected a size of 32 px or more and items of 3 parts: {self}")
        if min(self.items) < 1 or not 2 <= self.inshop <= len(SHOP_VIEWS) or self.seed < 0:
            raise InputError(
                f"expected items, a seed of 0 or more, and 2 to {len(SHOP_VIEWS)} pictures of "
                f"In-shop: {self}"
            )
        if min(self.shop, self.consumer) < 1:
            raise InputError(f"expected pictures of shops and of consumers: {self}")
        if not (0 <= self.hard <= 1 and 0 <= self.missing <= 1 - self.swapped <= 1):
            raise InputError(f"expected hard, missing and swapped to be shares: {self}")

    def text(self) -> str:
        """What recipe.json holds."""
        numbers = {**asdict(self), "size": list(self.size), "items": list(self.items)}
        return json.dumps({"version": VERSION, **numbers}, indent=2) + "\n"


def render_once(folder: Path, recipe: Recipe) -> None:
    """Render the garments into a folder that does not hold just these.

    The folder appears whole or not at all. One with another recipe is replaced.

    Raises:
        InputError: the folder holds something else than rendered garments.
    """
    rendering.render_once(
        folder, recipe.text(), lambda new: render(new, recipe), sum(recipe.items), "garments"
    )


def render(folder: Path, recipe: Recipe) -> None:
    """Render pictures and lists into a new folder."""
    shots: list[Shot] = []
    first = 1
    for number, part in enumerate(PARTS):
        rng = np.random.default_rng((recipe.seed, number))
        for item, design in enumerate(draw_families(rng, recipe.items[number], recipe.hard), first):
            shots += _render_item(folder, recipe, item, part, design)
        first += recipe.items[number]
    write_benchmarks(folder, shots)


def _render_item(folder: Path, recipe: Recipe, item: int, part: str, design: Design) -> list[Shot]:
    """Render all pictures of an item, which follow from the seed and its number."""
    rng = np.random.default_rng((recipe.seed, len(PARTS), item))
    category, size = CATEGORIES[design.category], (recipe.size[0], recipe.size[1])
    shots = []

    def add(name: str, domain: int, view: str, own: Design, drawn: Picture) -> None:
        labels = labels_of(own)
        if part == "train":
            labels = noisy(rng, labels, recipe.missing, recipe.swapped)
        _write_jpeg(folder / name, drawn.image)
        drawn = Picture(drawn.image[:0], drawn.box, drawn.landmarks, drawn.states, drawn.variation)
        shots.append(Shot(name, item, part, own, domain, view, drawn, labels))

    colours = [design]
    if rng.random() < SECOND_SERIES_SHARE:
        colours.append(other_colour(rng, design))
    for series, own in enumerate(colours, FIRST_SERIES):
        others = rng.permutation(list(SHOP_VIEWS)[1:])[: recipe.inshop - 1].tolist()
        for view in ("1_front", *sorted(others)):
            name = f"img/WOMEN/{category}/id_{item:08d}/{series:02d}_{view}.jpg"
            add(name, SHOP, view, own, shop_picture(rng, own, view, size))
    where = f"img/{FOLDERS[design.type]}/{category}/id_{item:08d}"
    for number in range(1, recipe.shop + 1):
        view = "1_front" if number == 1 else str(rng.choice(list(SHOP_VIEWS)))
        shown = shop_picture(rng, design, view, size)
        add(f"{where}/shop_{number:02d}.jpg", SHOP, "", design, shown)
    for number in range(1, recipe.consumer + 1):
        shown = consumer_picture(rng, design, size)
        add(f"{where}/comsumer_{number:02d}.jpg", CONSUMER, "", design, shown)
    return shots


def _write_jpeg(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(
        cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    )
