"""Rendered 3-D people (`synthetic_people`) in the layout of VOC 2012, which VOC's reader takes.

JPEGImages/train_00000.jpg
SegmentationClass/train_00000.png            parts; 255: pixels that more than one of them covers
ImageSets/Segmentation/{train,val,test}.txt
recipe.json                                  what was rendered; another recipe renders again
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.data.labels import IGNORE, ClassList
from segmentation.data.masks import Mask, write_mask
from segmentation.data.sets import Sample, SegmentationSet
from segmentation.data.voc import voc_set
from synthetic_people import dataset
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.parts import COLOURS, PARTS
from vision_shared.inputs import InputError
from vision_shared.rendering import renderer_errors

Classes = Literal["parts", "person"]

PEOPLE_CLASSES = {
    "parts": ClassList(PARTS, COLOURS),
    "person": ClassList(("background", "person"), ((0, 0, 0), (192, 128, 128))),
}
"""What masks can tell apart: the parts of people, or people from all else (VOC's colour)."""

SPLITS = ("train", "val", "test")

VERSION = 1
"""Raise it when the folder would differ for the same samples."""


@dataclass(frozen=True)
class Recipe:
    """How many images, and of what.

    Attributes:
        size: height and width of the images, in pixels.
        num_train, num_val, num_test: images of each split; no person or photograph is in two.
        portraits: share of images that show people from near, in [0, 1).
        without_people: share of images that are photographs without people, in [0, 1).
        seed: not negative.
        photographs: folder of the photographs that stand behind; `None` for the packaged ones.
    """

    size: int
    num_train: int
    num_val: int
    num_test: int
    portraits: float
    without_people: float
    seed: int = 0
    photographs: str | None = None

    def __post_init__(self) -> None:
        if self.size < 32 or min(self.num_train, self.num_val, self.num_test) < 1 or self.seed < 0:
            raise InputError(
                f"expected images of 32 px or more, 1 or more of each split, and a seed of 0 or "
                f"more: {self}"
            )
        shares = (self.portraits, self.without_people)
        if min(shares) < 0 or sum(shares) >= 1:
            raise InputError(f"expected shares from 0 whose sum is below 1: {self}")

    def numbers(self) -> dict[str, int]:
        """Return the number of images by split."""
        return dict(zip(SPLITS, (self.num_train, self.num_val, self.num_test), strict=True))

    def number(self) -> int:
        """Return the number of images of people."""
        return sum(self.numbers().values())

    def write(self, folder: Path, sets: Path) -> None:
        """Write the data set into a new folder from samples that `sets` keeps."""
        _write(folder, self, sets)

    def text(self) -> str:
        """Return what recipe.json holds."""
        versions = {"version": VERSION, "samples": dataset.VERSION}
        return json.dumps({**versions, **asdict(self)}, indent=2) + "\n"


def people_set(folder: Path, split: str, classes: Classes = "parts") -> SegmentationSet:
    """The images of a split with masks of parts, or of people as one class.

    Raises:
        FileNotFoundError, InputError: as `segmentation.data.voc.voc_set`.
    """
    parts = voc_set(folder, split, classes=PEOPLE_CLASSES["parts"])
    if classes == "parts":
        return parts
    return replace(
        parts,
        classes=PEOPLE_CLASSES[classes],
        read_mask_of=partial(_read_person_mask, parts=parts),
    )


def _read_person_mask(sample: Sample, parts: SegmentationSet) -> Mask:
    """Return 1 where any part is; borders between parts of people stay ignored."""
    mask = parts.read_mask_of(sample)
    return np.where(mask == IGNORE, mask, mask > 0).astype(np.uint8)


def _write(folder: Path, recipe: Recipe, sets: Path) -> None:
    images, masks, lists = (
        folder / name for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
    )
    for place in (images, masks, lists):
        place.mkdir(parents=True)
    for split, number in recipe.numbers().items():
        names = [f"{split}_{i:05d}" for i in range(number)]
        for name, (image, mask) in zip(names, _images(recipe, split, sets), strict=True):
            Image.fromarray(image).save(images / f"{name}.jpg", quality=95)
            write_mask(masks / f"{name}.png", mask, PEOPLE_CLASSES["parts"])
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def _images(recipe: Recipe, split: str, sets: Path) -> Iterator[tuple[NDArray[np.uint8], Mask]]:
    """Yield the images of a split and their masks: from afar, from near, without people."""
    number = recipe.numbers()[split]
    counts = {
        "portraits": round(recipe.portraits * number),
        "nobody": round(recipe.without_people * number),
    }
    counts["bodies"] = number - sum(counts.values())
    for kind in ("bodies", "portraits"):
        if counts[kind]:
            yield from _samples(recipe, split, kind, counts[kind], sets)
    photographs = Backgrounds(recipe.photographs, split)
    rng = np.random.default_rng((recipe.seed, SPLITS.index(split)))
    for _ in range(counts["nobody"]):
        yield photographs.crop(rng, recipe.size), np.zeros((recipe.size,) * 2, np.uint8)


def _samples(
    recipe: Recipe, split: str, kind: str, count: int, sets: Path
) -> Iterator[tuple[NDArray[np.uint8], Mask]]:
    samples = dataset.Recipe(
        kind,
        count=count,
        size=recipe.size,
        seed=recipe.seed,
        split=split,
        per_identity=2,
        backgrounds=recipe.photographs,
    )
    with renderer_errors():
        for sample in dataset.read_set(dataset.render_set(samples, sets)):
            yield sample.image, np.where(sample.edge, np.uint8(IGNORE), sample.parts)
