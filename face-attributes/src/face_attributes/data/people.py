"""Rendered 3-D people (`synthetic_people`) in the layout of CelebA, which CelebA's reader takes.

Img/img_celeba/000001.jpg
Anno/{list_attr,list_bbox,list_landmarks}_celeba.txt, Anno/identity_CelebA.txt
Anno/people.csv                           age, sex, ancestry, tone of the skin
Eval/list_eval_partition.txt
backgrounds/000001.jpg                    photographs without people, and people seen from behind
recipe.json                               what was rendered; another recipe renders again
"""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.data.names import CELEBA_ATTRIBUTES, LANDMARKS, PARTS
from face_attributes.data.text import write_table
from synthetic_people import dataset
from synthetic_people.attributes import LASTING, PASSING
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.sample import Labels, Sample
from vision_shared.inputs import InputError
from vision_shared.rendering import renderer_errors

PEOPLE_ATTRIBUTES = tuple(name for name in CELEBA_ATTRIBUTES if name in {*LASTING, *PASSING})
"""Those of CelebA's attributes that the rendering defines, in CelebA's order."""

METADATA = ("age", "sex", "ancestry", "tone")
"""Of a person, what people.csv holds; the tone of the skin is 0 (darkest) to 1 (lightest)."""

DARK_UNTIL, LIGHT_FROM = 0.45, 0.65
"""Tones of the skin, 0 (darkest) to 1 (lightest), that divide people into three groups."""

VERSION = 2
"""Raise it when the folder would differ for the same samples."""


@dataclass(frozen=True)
class Recipe:
    """How many images of how many people, and of what size.

    Attributes:
        side: height and width of the images, in pixels.
        people: identities of train, val and test; each is in one of them.
        images: images rendered of each, with faces of all sizes; some show no face and become
            background images.
        close_ups: images of each besides, which a face fills.
        backgrounds: photographs without people, besides.
        seed: not negative.
        photographs: folder of the photographs that stand behind; `None` for the packaged ones.
    """

    side: int
    people: Sequence[int]
    images: int
    close_ups: int
    backgrounds: int
    seed: int
    photographs: str | None = None

    def __post_init__(self) -> None:
        if self.side < 32 or len(self.people) != len(PARTS) or min(self.people) < 1:
            raise InputError(f"expected 32 px or more and people for {', '.join(PARTS)}: {self}")
        least = min(self.images, self.close_ups, self.seed)
        if least < 0 or self.images + self.close_ups < 1 or self.backgrounds < 2:
            raise InputError(f"expected 1 image or close-up, 2 backgrounds, a seed: {self}")

    def number(self) -> int:
        """Return the number of images of people."""
        return sum(self.people) * (self.images + self.close_ups)

    def write(self, folder: Path, sets: Path) -> None:
        """Write the data set into a new folder from samples that `sets` keeps."""
        _write(folder, self, sets)

    def text(self) -> str:
        """Return what recipe.json holds."""
        versions = {"version": VERSION, "samples": dataset.VERSION}
        return (
            json.dumps({**versions, **asdict(self), "people": list(self.people)}, indent=2) + "\n"
        )

    def sets(self, split: int) -> list[dataset.Recipe]:
        """Return the recipes of the samples of a split, by its index in `PARTS`."""
        kinds = {"portraits": self.images, "faces": self.close_ups}
        return [
            dataset.Recipe(
                kind,
                count=self.people[split] * number,
                size=self.side,
                seed=self.seed,
                split=PARTS[split],
                per_identity=number,
                backgrounds=self.photographs,
            )
            for kind, number in kinds.items()
            if number
        ]


@dataclass(frozen=True)
class _Row:
    """A face in a written image."""

    name: str
    split: int
    label: Labels


def _write(folder: Path, recipe: Recipe, sets: Path) -> None:
    for name in ("Img/img_celeba", "Anno", "Eval", "backgrounds"):
        (folder / name).mkdir(parents=True)
    rows: list[_Row] = []
    without_face: dict[int, list[NDArray[np.uint8]]] = {n: [] for n in range(len(PARTS))}
    for split in range(len(PARTS)):
        for sample in samples(recipe, split, sets):
            label = main_face(sample)
            if label is not None:
                name = f"{len(rows) + 1:06d}.jpg"
                _write_jpeg(folder / "Img/img_celeba" / name, sample.image)
                rows.append(_Row(name, split, label))
            elif all(person.face_box is None for person in sample.people):
                without_face[split].append(sample.image)
    _write_lists(folder, rows, recipe.side)
    _write_backgrounds(folder / "backgrounds", recipe, without_face)


def samples(recipe: Recipe, split: int, sets: Path) -> Iterator[Sample]:
    """Yield the rendered samples of a split, by its index in `PARTS`: portraits, then close-ups."""
    return itertools.chain.from_iterable(_samples(each, sets) for each in recipe.sets(split))


def _samples(recipe: dataset.Recipe, sets: Path) -> Iterator[Sample]:
    with renderer_errors():
        yield from dataset.read_set(dataset.render_set(recipe, sets))


def read_metadata(folder: Path) -> dict[str, dict[str, str]]:
    """Return what people.csv of a written data set says of each image, by its name."""
    with (folder / "Anno/people.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def groups(folder: Path, names: NDArray[np.bytes_]) -> dict[str, NDArray[np.bool_]]:
    """Divide images (N,) of a written data set by sex and by tone of the skin, exactly known."""
    known = read_metadata(folder)
    rows = [known[name.decode()] for name in names]
    sexes = np.array([row["sex"] for row in rows])
    tones = np.array([float(row["tone"]) for row in rows])
    return {
        "women": sexes == "female",
        "men": sexes == "male",
        "dark skin": tones < DARK_UNTIL,
        "medium skin": (tones >= DARK_UNTIL) & (tones < LIGHT_FROM),
        "light skin": tones >= LIGHT_FROM,
    }


def main_face(sample: Sample) -> Labels | None:
    """Return the first person's labels if no face is larger; None if it shows none."""
    faces = [person for person in sample.people if person.face_box is not None]
    if not faces or faces[0] is not sample.people[0]:
        return None
    heights = [person.face_box[3] for person in faces if person.face_box is not None]
    return faces[0] if heights[0] == max(heights) else None


def _write_lists(folder: Path, rows: list[_Row], side: int) -> None:
    names = np.array([row.name for row in rows]).astype("S")
    has = [[row.label.attributes[name] for name in PEOPLE_ATTRIBUTES] for row in rows]
    boxes = np.array([_clipped(row.label.head_box, side) for row in rows])
    points = np.rint([row.label.landmarks.ravel() for row in rows]).astype(int)
    numbers = {label: n for n, label in enumerate(dict.fromkeys(r.label.identity for r in rows), 1)}
    landmarks = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
    anno = folder / "Anno"
    write_table(anno / "list_attr_celeba.txt", names, np.where(has, 1, -1), PEOPLE_ATTRIBUTES)
    write_table(
        anno / "list_bbox_celeba.txt", names, boxes, ("image_id", "x_1", "y_1", "width", "height")
    )
    write_table(anno / "list_landmarks_celeba.txt", names, points, landmarks)
    _write_metadata(anno / "people.csv", rows)
    identities = np.array([[numbers[row.label.identity]] for row in rows])
    write_table(anno / "identity_CelebA.txt", names, identities)
    splits = np.array([[row.split] for row in rows])
    write_table(folder / "Eval" / "list_eval_partition.txt", names, splits)


def _write_metadata(path: Path, rows: list[_Row]) -> None:
    lines: list[str] = [",".join(("image", *METADATA))]
    for row in rows:
        lines.append(",".join([row.name, *(str(row.label.metadata[key]) for key in METADATA)]))
    path.write_text("\n".join(lines) + "\n")


def _clipped(box: Sequence[float], side: int) -> NDArray[np.int64]:
    """Return x, y, width and height of what lies within the image, in whole pixels."""
    x, y, width, height = box
    left, top = max(round(x), 0), max(round(y), 0)
    right, bottom = min(round(x + width), side), min(round(y + height), side)
    return np.array([left, top, max(right - left, 1), max(bottom - top, 1)])


def _write_backgrounds(
    folder: Path, recipe: Recipe, without_face: dict[int, list[NDArray[np.uint8]]]
) -> None:
    """Write images without a face: first those of val, then as many of test.

    `samples.background_paths` takes the first half for validation, the other for test.
    """
    splits = [PARTS.index(name) for name in ("val", "test")]
    turned = min(len(without_face[split]) for split in splits)
    for split in splits:
        photographs = Backgrounds(recipe.photographs, PARTS[split])
        rng = np.random.default_rng((recipe.seed, split))
        crops = [photographs.crop(rng, recipe.side) for _ in range(recipe.backgrounds // 2)]
        for number, image in enumerate([*without_face[split][:turned], *crops], 1):
            _write_jpeg(folder / f"{split}-{number:06d}.jpg", image)


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
