"""Training data of the benchmarks: renders of the package, or the flat drawings as a control."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthetic_people.dataset import read_set


@dataclass(frozen=True)
class Face:
    """A face of a render.

    Args:
        landmarks: (5, 2) x, y of the eyes, the nose and the corners of the mouth, in pixels; left
            is the left of the image.
        attributes: CelebA's names of attributes to whether they hold.
    """

    landmarks: np.ndarray
    attributes: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Render:
    """An image (H, W, 3) uint8, its parts (H, W) uint8 (0 is background) and its faces.

    `num_people` counts people with and without a face in view.
    """

    image: np.ndarray
    parts: np.ndarray | None
    faces: tuple[Face, ...]
    num_people: int = 1


def from_samples(samples: Iterable[Any]) -> list[Render]:
    """Return renders from `synthetic_people` samples."""
    return [
        Render(
            sample.image,
            sample.parts,
            tuple(
                Face(np.asarray(person.landmarks, np.float32), dict(person.attributes))
                for person in sample.people
                if person.face_box is not None and np.isfinite(person.landmarks).all()
            ),
            len(sample.people),
        )
        for sample in samples
    ]


def load_renders(folder: Path, count: int) -> list[Render]:
    """Return up to `count` renders of a folder that `synthetic_people` rendered."""
    return from_samples(itertools.islice(read_set(folder), count))


def draw_portraits(count: int, side: int = 64) -> list[Render]:
    """Return flat drawings of faces by face-attributes, the control that renders replace."""
    from face_attributes.data.rendered import Recipe, render_portrait

    recipe = Recipe(side=side, people=(count, 1, 1), pictures=1, backgrounds=2, seed=0)
    drawings = (render_portrait(recipe, 0, person, 0) for person in range(count))
    return [
        Render(image, None, (Face(np.array(portrait.landmarks, np.float32), _known(portrait.has)),))
        for image, portrait in drawings
    ]


def _known(names: Iterable[str]) -> dict[str, bool]:
    from face_attributes.data.heads import PORTRAIT_ATTRIBUTES

    present = set(names)
    return {name: name in present for name in PORTRAIT_ATTRIBUTES}
