"""Synthetic people (`synthetic_people`) in the layouts of five benchmarks, of one bank of items.

img/                                  all images; img/portraits/ in others.json alone
cap/{Anno,Eval}/                      Category and Attribute Prediction: all images
fld/{Anno,Eval}/                      Fashion Landmark Detection: all images
inshop/{Anno,Eval}/                   In-shop: img/WOMEN/Dress/id_00000001/02_1_front.jpg
consumer2shop/{Anno,Eval}/            pairs: img/CLOTHING/Dress/id_00000001/comsumer_01.jpg (sic)
deepfashion2/{train,validation}/      all garments of each image, and their masks
others.json                           the garments of these images that no item is of
backgrounds/000001.jpg                photographs without people
recipe.json                           what was rendered; another recipe renders again

The first four have a link img to the images, and know of each image the garment that it is of. An
item is a design with its cloth, its details and, for In-shop, two series of colours, worn by
different people; none is in two splits. Labels of attributes are noisy in training, clean in
validation and test.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion.data.people.garments import Seen, labels_of, noisy, seen_garment, variation_of
from fashion.data.people.lists import POSE_TYPES, Shot, write_benchmarks
from fashion.data.people.others import other_row, write_others
from fashion.data.people.scenes import write_scene
from fashion.data.taxonomy import CATEGORIES, CONSUMER, SHOP, SPLITS
from synthetic_people import dataset
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.catalogue import SHOTS
from synthetic_people.sample import Sample
from vision_shared.inputs import InputError
from vision_shared.rendering import renderer_errors

VERSION = 1
"""Raise it when the folder would differ for the same samples."""

FIRST_SERIES = 2  # as in most of the names of In-shop
FOLDERS = ("TOPS", "TROUSERS", "CLOTHING")
"""Of Consumer-to-shop, by the garment's type."""

JPEG_QUALITY = 92


@dataclass(frozen=True)
class Recipe:
    """How many items, and of what size their images are.

    Attributes:
        side: height and width of the images, pixels.
        items: items that train, validate and test; there are `synthetic_people.catalogue.SHOTS` of
            each.
        portraits: images of faces and groups besides, mostly of upper bodies, for a detector.
        backgrounds: images without people.
        missing: share of positive labels of training that are not named.
        swapped: share of them that are taken for another of their type.
        seed: not negative.
        photographs: folder of the photographs that stand behind; `None` for the packaged ones.
    """

    side: int
    items: Sequence[int]
    portraits: Sequence[int]
    backgrounds: int
    missing: float
    swapped: float
    seed: int
    photographs: str | None = None

    def __post_init__(self) -> None:
        if self.side < 32 or len(self.items) != len(SPLITS) or min(self.items) < 1:
            raise InputError(f"expected a side of 32 px or more and items of 3 splits: {self}")
        if len(self.portraits) != len(SPLITS) or min(self.portraits) < 0:
            raise InputError(f"expected portraits of 3 splits: {self}")
        if self.backgrounds < 1 or self.seed < 0:
            raise InputError(f"expected 1 background or more and a seed of 0 or more: {self}")
        if not 0 <= self.missing <= 1 - self.swapped <= 1:
            raise InputError(f"expected missing and swapped to be shares: {self}")

    def number(self) -> int:
        """Return the number of images of people."""
        return sum(self.items) * len(SHOTS) + sum(self.portraits)

    def write(self, folder: Path, sets: Path) -> None:
        """Write the data set into a new folder from samples that `sets` keeps."""
        _write(folder, self, sets)

    def text(self) -> str:
        """Return what recipe.json holds."""
        versions = {"version": VERSION, "samples": dataset.VERSION}
        counts = {"items": list(self.items), "portraits": list(self.portraits)}
        return json.dumps({**versions, **asdict(self), **counts}, indent=2) + "\n"

    def samples(self, kind: Literal["items", "portraits"], split: int) -> dataset.Recipe:
        """Return the recipe of the samples of a split, by its index in `SPLITS`."""
        counts = {"items": self.items[split] * len(SHOTS), "portraits": self.portraits[split]}
        return dataset.Recipe(
            kind,
            count=counts[kind],
            size=self.side,
            seed=self.seed,
            split=SPLITS[split],
            per_identity=1,
            backgrounds=self.photographs,
        )


def _write(folder: Path, recipe: Recipe, sets: Path) -> None:
    shots: list[Shot] = []
    others: list[dict[str, Any]] = []
    portraits: list[dict[str, Any]] = []
    first = 1
    for index, split in enumerate(SPLITS):
        for place, sample in enumerate(_samples(recipe.samples("items", index), sets)):
            item = first + place // len(SHOTS)
            rng = np.random.default_rng((recipe.seed, index, place))
            shot, rest = _write_shot(folder, recipe, item, split, place % len(SHOTS), sample, rng)
            shots += [] if shot is None else [shot]
            others += rest
        first += recipe.items[index]
        portraits += _write_portraits(folder, recipe, index, sets)
    shots = _paired(shots)
    write_benchmarks(folder, shots)
    listed = {shot.name for shot in shots}
    write_others(folder, [row for row in others if row["name"] in listed] + portraits)
    _write_backgrounds(folder / "backgrounds", recipe)


def _samples(recipe: dataset.Recipe, sets: Path) -> Iterator[Sample]:
    with renderer_errors():
        yield from dataset.read_set(dataset.render_set(recipe, sets))


def _write_shot(
    folder: Path, recipe: Recipe, item: int, split: str, number: int, sample: Sample,
    rng: np.random.Generator,
) -> tuple[Shot | None, list[dict[str, Any]]]:  # fmt: skip
    """Write an image and its scene, if enough is seen of the item; return what is listed of it."""
    garments = _garments(sample)
    if not garments or not garments[0][2]:
        return None, []
    garment, facts = garments[0][0], sample.people[0].metadata
    domain = SHOP if facts["setting"] == "shop" else CONSUMER
    view = str(facts["view"]) if SHOTS[number].is_catalogue else ""
    name = _name(item, number, garment, view)
    _write_jpeg(folder / name, sample.image)
    if split != "val":  # DeepFashion2's reader takes items of training to validate
        image, source = folder / name, ("shop", "user")[domain]
        count = item * len(SHOTS) + number
        write_scene(folder / "deepfashion2", count, split, image, source, item, garments)
    labels = [labels_of(each.has) for each, _, _ in garments]
    if split == "train":
        labels = [noisy(rng, each, recipe.missing, recipe.swapped) for each in labels]
    variation = variation_of(garment, str(facts["pose"]), view)
    shot = Shot(
        name, item, split, garment.category, garment.type, domain, view, int(facts["series"]),
        variation, garment.box, garment.landmarks, garment.states, labels[0],
    )  # fmt: skip
    pairs = zip(garments[1:], labels[1:], strict=True)
    return shot, [other_row(name, split, each, has, domain) for (each, _, _), has in pairs]


def _write_portraits(
    folder: Path, recipe: Recipe, index: int, sets: Path
) -> Iterator[dict[str, Any]]:
    """Write the portraits of a split; yield what is listed of them."""
    if not recipe.portraits[index]:
        return
    split = SPLITS[index]
    for number, sample in enumerate(_samples(recipe.samples("portraits", index), sets), 1):
        rng = np.random.default_rng((recipe.seed, len(SPLITS) + 1 + index, number))
        garments = _garments(sample)
        name = f"img/portraits/{split}_{number:06d}.jpg"
        if garments:
            _write_jpeg(folder / name, sample.image)
        for garment, _, _ in garments:
            labels = labels_of(garment.has)
            if split == "train":
                labels = noisy(rng, labels, recipe.missing, recipe.swapped)
            yield other_row(name, split, garment, labels, CONSUMER)


def _garments(sample: Sample) -> list[tuple[Seen, NDArray[np.bool_], int]]:
    """Return garments that are seen, with masks, and 1 for the item, which is first, else 0."""
    worn = [garment for person in sample.people for garment in person.garments]
    number = sample.people[0].metadata.get("item") if sample.people else None
    out = []
    for place, garment in enumerate(worn, 1):
        mask = sample.garment == place
        seen = seen_garment(garment, int(mask.sum()), len(mask))
        if seen is not None:
            out.append((seen, mask, int(garment.item == number)))
    return sorted(out, key=lambda each: -each[2])


def _name(item: int, number: int, garment: Seen, view: str) -> str:
    category, shot = CATEGORIES[garment.category], SHOTS[number]
    if view:
        series, place = FIRST_SERIES + shot.series, POSE_TYPES[view]
        own = f"{series:02d}_{place}_{view}{'' if shot.is_front else '_2'}.jpg"
        return f"img/WOMEN/{category}/id_{item:08d}/{own}"
    pairs = [n for n, each in enumerate(SHOTS) if not each.is_catalogue]
    same = [n for n in pairs if SHOTS[n].setting == shot.setting]
    kind = "shop_" if shot.setting == "shop" else "comsumer_"  # sic
    where = f"img/{FOLDERS[garment.type]}/{category}/id_{item:08d}"
    return f"{where}/{kind}{same.index(number) + 1:02d}.jpg"


def _paired(shots: list[Shot]) -> list[Shot]:
    """Leave out what shows an item to a customer alone, which no shop can be asked for."""
    shops = {shot.item for shot in shots if shot.domain == SHOP and not shot.view}
    return [shot for shot in shots if shot.view or shot.item in shops]


def _write_backgrounds(folder: Path, recipe: Recipe) -> None:
    photographs = Backgrounds(recipe.photographs, "train")
    rng = np.random.default_rng((recipe.seed, len(SPLITS)))
    for number in range(1, recipe.backgrounds + 1):
        _write_jpeg(folder / f"{number:06d}.jpg", photographs.crop(rng, recipe.side))


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    path.write_bytes(cv2.imencode(".jpg", pixels, quality)[1].tobytes())
