"""Real photographs, and where people are in them: photographs.json, drawn by eye.

The photographs are in packages of registries; none is part of this repository. A test is on those
that are at hand (`vision_shared.photographs`), and on the packaged backgrounds, where no one is.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segmentation.data.labels import IGNORE
from synthetic_people.backgrounds import Backgrounds
from vision_shared.inputs import InputError
from vision_shared.photographs import find_photographs

LIST = Path(__file__).parent / "photographs.json"

BACKGROUNDS = {"development": "val", "test": "test"}
"""Splits of the packaged backgrounds, which no training has seen."""

PhotographSplit = Literal["development", "test"]


@dataclass(frozen=True)
class Photograph:
    """A photograph.

    Attributes:
        name: name of its file.
        image: RGB uint8 (H, W, 3).
        person: uint8 (H, W), 1 for people, 0 for all else, 255 where it does not count.
    """

    name: str
    image: NDArray[np.uint8]
    person: NDArray[np.uint8]

    @property
    def shows_people(self) -> bool:
        """Whether a pixel is marked as a person."""
        return bool((self.person == 1).any())


def read_photographs(
    split: PhotographSplit, folder: Path | None = None, long_side: int = 1000
) -> list[Photograph]:
    """Return the photographs of a split that are at hand, and the backgrounds of its own.

    How to get those that are not is printed.

    Args:
        split: ``development``, on which settings may be chosen, or ``test``.
        folder: DIR of the packages' commands.
        long_side: larger photographs are reduced to so many pixels.

    Raises:
        InputError: a photograph of another size than the list says.
    """
    rows = find_photographs(LIST, folder, split)
    found = [_read(row, path, long_side) for row, path in rows]
    backgrounds = Backgrounds(split=BACKGROUNDS[split])
    for index, path in enumerate(backgrounds.paths):
        image = backgrounds.whole(index)
        empty = Image.new("L", image.shape[1::-1])
        found.append(_reduced(path.stem, Image.fromarray(image), empty, long_side))
    return found


def _read(row: dict[str, Any], path: Path, long_side: int) -> Photograph:
    with Image.open(path) as file:
        image = file.convert("RGB")
    if list(image.size) != row["size"]:
        raise InputError(f"{path}: expected {row['size']} pixels, got {list(image.size)}")
    mask = Image.new("L", image.size)
    for value, outline in _labelme(path) if "masks" in row else _outlines(row):
        ImageDraw.Draw(mask).polygon([tuple(point) for point in outline], fill=value)
    return _reduced(path.stem, image, mask, long_side)


def _outlines(row: dict[str, Any]) -> list[tuple[int, list[Any]]]:
    values = {"people": 1, "holes": 0, "ignore": IGNORE}
    return [(value, outline) for key, value in values.items() for outline in row.get(key, [])]


def _labelme(path: Path) -> list[tuple[int, list[Any]]]:
    """Return the outlines that the package itself has of its photograph."""
    shapes = json.loads(path.with_suffix(".json").read_text())["shapes"]
    values = {"person": 1, "__ignore__": IGNORE}
    return [(values.get(shape["label"], 0), shape["points"]) for shape in shapes]


def _reduced(name: str, image: Image.Image, mask: Image.Image, long_side: int) -> Photograph:
    factor = min(long_side / max(image.size), 1)
    size = (round(image.width * factor), round(image.height * factor))
    if factor < 1:
        image = image.resize(size, Image.Resampling.BOX)
        mask = mask.resize(size, Image.Resampling.NEAREST)
    return Photograph(name, np.array(image), np.array(mask))
