"""What the benchmarks train on: renders of the package."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthetic_people.dataset import Recipe, read_set, render_set
from synthetic_people.sample import VISIBLE, Labels

MIN_LANDMARKS = 4  # of the five in view in a clear face
MIN_EYE_SPREAD = 0.45  # of a clear face: about 60 degrees to a side


@dataclass(frozen=True)
class Face:
    """A face of a render.

    Args:
        landmarks: (5, 2) x, y of the eyes, the nose and the corners of the mouth, in pixels; left
            is the left of the image.
        attributes: CelebA's names of attributes to whether they hold.
        is_clear: whether it is in view, neither turned away nor hidden.
    """

    landmarks: np.ndarray
    attributes: dict[str, bool] = field(default_factory=dict)
    is_clear: bool = True


@dataclass(frozen=True)
class Render:
    """An image (H, W, 3) uint8, its parts (H, W) uint8 (0 is background) and its faces."""

    image: np.ndarray
    parts: np.ndarray | None
    faces: tuple[Face, ...]


def render_people(kind: str, count: int, size: int, split: str, root: Path) -> list[Render]:
    """Return renders of the package, from a set below `root` that is rendered once."""
    recipe = Recipe(kind, count, size, split=split, per_identity=2)
    samples = read_set(render_set(recipe, root))
    return [Render(sample.image, sample.parts, tuple(_faces(sample.people))) for sample in samples]


def _faces(people: list[Labels]) -> list[Face]:
    """Return the faces of which anything is seen; a head from behind has none."""
    faces = []
    for person in people:
        visible = int((person.visibility == VISIBLE).sum())
        if visible:
            landmarks = np.asarray(person.landmarks, np.float32)
            is_clear = person.face_box is not None and visible >= MIN_LANDMARKS
            is_clear = is_clear and _eye_spread(landmarks) >= MIN_EYE_SPREAD
            faces.append(Face(landmarks, person.attributes, is_clear))
    return faces


def _eye_spread(landmarks: np.ndarray) -> float:
    """Return the distance of the eyes over that from the eyes to the mouth: 1 from the front."""
    eyes, mouth = landmarks[:2], landmarks[3:]
    down = mouth.mean(0) - eyes.mean(0)
    return float(np.hypot(*(eyes[1] - eyes[0])) / (np.hypot(*down) + 1e-6))
