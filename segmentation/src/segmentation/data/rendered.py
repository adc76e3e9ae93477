"""The folder of rendered scenes, in the layout of VOC 2012 so that VOC's own reader takes it.

JPEGImages/train_00000.jpg
SegmentationClass/train_00000.png            palette; 255: borders; of the test scenes, too
ImageSets/Segmentation/{train,val,test}.txt
recipe.json                                  what was rendered; another recipe renders anew
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation.data.masks import write_mask
from segmentation.data.scenes import SCENE_CLASSES, draw_scene
from vision_shared import rendering
from vision_shared.inputs import InputError

VERSION = 1
"""Raise it when a scene would differ: folders of another version are rendered anew."""

JPEG_QUALITIES = (60, 96)
"""From, and below."""


@dataclass(frozen=True)
class Recipe:
    """How many scenes, and of what size.

    A scene follows from its part of the set and its number there: more of them leave the others as
    they were.

    Attributes:
        size: side in pixels.
        num_train: scenes to train on.
        num_val: to validate on.
        num_test: to test on.
    """

    size: int
    num_train: int
    num_val: int
    num_test: int

    def __post_init__(self) -> None:
        if self.size < 32 or min(self.num_train, self.num_val, self.num_test) < 1:
            raise InputError(f"expected scenes of 32 px or more, 1 or more in each part: {self}")

    def numbers(self) -> dict[str, int]:
        """Scenes by part."""
        return {"train": self.num_train, "val": self.num_val, "test": self.num_test}

    def text(self) -> str:
        """What recipe.json holds."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=2) + "\n"


def render_once(folder: Path, recipe: Recipe) -> None:
    """Render the scenes into a folder that does not hold just these.

    The folder appears whole or not at all. One with another recipe is replaced.

    Raises:
        InputError: the folder holds something else than rendered scenes.
    """
    number = sum(recipe.numbers().values())
    rendering.render_once(folder, recipe.text(), lambda new: render(new, recipe), number, "scenes")


def render(folder: Path, recipe: Recipe) -> None:
    images, masks, lists = (
        folder / name for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
    )
    for place in (images, masks, lists):
        place.mkdir(parents=True)
    for part, (split, number) in enumerate(recipe.numbers().items()):
        names = [f"{split}_{i:05d}" for i in range(number)]
        for i, name in enumerate(names):
            image, mask = draw_scene((part, i), recipe.size)
            quality = int(np.random.default_rng((part, i, 1)).integers(*JPEG_QUALITIES))
            Image.fromarray(image).save(images / f"{name}.jpg", quality=quality)
            write_mask(masks / f"{name}.png", mask, SCENE_CLASSES)
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
