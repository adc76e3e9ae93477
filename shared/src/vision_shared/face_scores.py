"""How one task asks another, where it is installed, how good the faces in an image are.

A package that can tell offers a scorer in its pyproject.toml:

    [project.entry-points."vision_shared.face_scores"]
    face-attributes = "face_attributes.scores:make_scorer"

What it names takes nothing and returns a `FaceScorer`; it may load weights, and raise `InputError`
where there are none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

GROUP = "vision_shared.face_scores"


@dataclass(frozen=True)
class FaceScore:
    """A face and how good it is.

    Attributes:
        box: left, top, right and bottom in pixels.
        eyes_open: probability that both eyes are open.
        smile: probability that it smiles.
    """

    box: tuple[float, float, float, float]
    eyes_open: float
    smile: float


FaceScorer = Callable[[NDArray[np.uint8]], Sequence[FaceScore]]
"""Takes an image (H, W, 3) RGB; returns its faces, none where there are none."""


def find_face_scorer() -> FaceScorer | None:
    """Return the scorer of the first installed package, by name, that offers one; None if none.

    Raises:
        InputError: it cannot work, for want of weights, say.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return found[0].load()() if found else None
