"""The folder of rendered portraits, in the layout of CelebA so that CelebA's own reader takes it.

Img/img_celeba/000001.jpg
Anno/{list_attr,list_bbox,list_landmarks}_celeba.txt, Anno/identity_CelebA.txt
Eval/list_eval_partition.txt
backgrounds/000001.jpg                    pictures of nobody
recipe.json                               what was rendered; another recipe renders anew
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.data.clutter import draw_clutter, photograph
from face_attributes.data.heads import PORTRAIT_ATTRIBUTES, Portrait, draw_person, draw_portrait
from face_attributes.data.names import LANDMARKS, PARTS
from face_attributes.data.text import write_table
from vision_shared import rendering
from vision_shared.inputs import InputError

VERSION = 1
"""Raise it when a picture would differ: folders of another version are rendered anew."""

HEADS = (0.31, 0.53)
"""Heights of heads, smallest and largest, as a part of the picture's side."""

SUPERSAMPLING = 2
JPEG_QUALITIES = (70, 96)
"""From, and below."""

BACKGROUND = len(PARTS)
"""Stands in the seed of a background where a portrait has its part."""


@dataclass(frozen=True)
class Recipe:
    """How many portraits, and of what size.

    A picture follows from the seed, its part, its person and its number there: more people or
    more pictures of each leave the others as they were, though not their file names.

    Attributes:
        side: of the pictures, in pixels.
        people: who trains, validates and tests; nobody does two of these.
        pictures: of each of them.
        backgrounds: pictures of nobody.
        seed: not negative.
    """

    side: int
    people: Sequence[int]
    pictures: int
    backgrounds: int
    seed: int

    def __post_init__(self) -> None:
        if self.side < 32 or len(self.people) != len(PARTS) or min(self.people) < 1:
            raise InputError(f"expected 32 px or more and people for {', '.join(PARTS)}: {self}")
        if self.pictures < 1 or self.backgrounds < 2 or self.seed < 0:
            raise InputError(f"expected 1 picture, 2 backgrounds and a seed of 0 or more: {self}")

    def text(self) -> str:
        """What recipe.json holds."""
        numbers = {**asdict(self), "people": list(self.people)}
        return json.dumps({"version": VERSION, **numbers}, indent=2) + "\n"


def render_once(folder: Path, recipe: Recipe) -> None:
    """Render the portraits into a folder that does not hold just these.

    The folder appears whole or not at all. One with another recipe is replaced.

    Raises:
        InputError: the folder holds something else than rendered portraits.
    """
    number = sum(recipe.people) * recipe.pictures
    rendering.render_once(
        folder, recipe.text(), lambda new: render(new, recipe), number, "portraits"
    )


def render(folder: Path, recipe: Recipe) -> None:
    """Render the portraits and backgrounds into a new folder."""
    for name in ("Img/img_celeba", "Anno", "Eval", "backgrounds"):
        (folder / name).mkdir(parents=True)
    rows = _order(recipe)
    portraits = []
    for number, (part, person, picture) in enumerate(rows, 1):
        image, portrait = render_portrait(recipe, part, person, picture)
        _write_jpeg(folder / "Img/img_celeba" / f"{number:06d}.jpg", image)
        portraits.append(portrait)
    _write_lists(folder, recipe, rows, portraits)
    for number in range(recipe.backgrounds):
        rng = np.random.default_rng((recipe.seed, BACKGROUND, number))
        image = photograph(rng, draw_clutter(rng, SUPERSAMPLING * recipe.side), recipe.side)
        _write_jpeg(folder / "backgrounds" / f"{number + 1:06d}.jpg", image)


def render_portrait(
    recipe: Recipe, part: int, person: int, picture: int
) -> tuple[NDArray[np.uint8], Portrait]:
    """A picture of a person, RGB uint8 (side, side, 3), and what is in it, in its pixels."""
    who = draw_person(np.random.default_rng((recipe.seed, part, person)))
    rng = np.random.default_rng((recipe.seed, part, person, picture + 1))
    drawing = draw_clutter(rng, SUPERSAMPLING * recipe.side)
    large = draw_portrait(rng, drawing, who, HEADS)
    portrait = Portrait(large.has, large.box / SUPERSAMPLING, large.landmarks / SUPERSAMPLING)
    return photograph(rng, drawing, recipe.side), portrait


def _order(recipe: Recipe) -> list[tuple[int, int, int]]:
    """Part, person and picture of each row: part by part, people mixed as in CelebA."""
    rows = []
    for part, people in enumerate(recipe.people):
        own = [(part, i, j) for i in range(people) for j in range(recipe.pictures)]
        rows += [own[i] for i in np.random.default_rng((recipe.seed, part)).permutation(len(own))]
    return rows


def _write_lists(
    folder: Path, recipe: Recipe, rows: list[tuple[int, int, int]], portraits: list[Portrait]
) -> None:
    names = np.array([f"{number:06d}.jpg" for number in range(1, len(rows) + 1)]).astype("S")
    has = [[name in portrait.has for name in PORTRAIT_ATTRIBUTES] for portrait in portraits]
    boxes = np.rint([portrait.box for portrait in portraits]).astype(int)
    boxes[:, 2:] -= boxes[:, :2]
    points = np.rint([portrait.landmarks.ravel() for portrait in portraits]).astype(int)
    first = np.cumsum([1, *recipe.people])
    identities = [[first[part] + person] for part, person, _ in rows]
    landmarks = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
    anno = folder / "Anno"
    write_table(anno / "list_attr_celeba.txt", names, np.where(has, 1, -1), PORTRAIT_ATTRIBUTES)
    write_table(
        anno / "list_bbox_celeba.txt", names, boxes, ("image_id", "x_1", "y_1", "width", "height")
    )
    write_table(anno / "list_landmarks_celeba.txt", names, points, landmarks)
    write_table(anno / "identity_CelebA.txt", names, np.array(identities))
    parts = np.array([[part] for part, _, _ in rows])
    write_table(folder / "Eval" / "list_eval_partition.txt", names, parts)


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    quality = int(np.random.default_rng(int(path.stem)).integers(*JPEG_QUALITIES))
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
