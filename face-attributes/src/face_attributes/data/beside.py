"""Background images where no one has given any: what lies beside the faces of a data set.

Of each image whose face has a box, the largest rectangle that keeps clear of it. Other people may
be in it: a folder of images without faces is better, `data.backgrounds=DIR`.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from face_attributes.data.faces import Faces
from face_attributes.data.framing import cut_out, enlarged
from face_attributes.data.samples import to_tensor

CLEAR = 1.6
"""Sides of the face's box that are kept clear of, hair and neck with it."""

SMALLEST = 24
"""Pixels of a rectangle's shorter side, at least."""

MOST = 400
"""Images that are looked at for room beside their face."""


class BesideFaces(Dataset[dict[str, Any]]):
    """Pieces of images beside their faces, at one size.

    Args:
        faces: faces of the first `MOST` with a box those that have room beside it are taken.
        size: height and width of the samples.
    """

    def __init__(self, faces: Faces, size: tuple[int, int]) -> None:
        self.faces = faces
        self.size = size
        boxed = np.flatnonzero(np.isfinite(faces.boxes).all(1))[:MOST].tolist()
        self.rows = [row for row in boxed if self._region(row) is not None]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        image, region = self.faces.read_image(row), self._region(row)
        assert region is not None  # `rows` holds no other
        piece, cut = cut_out(image, region, self.size)
        return {
            "image": to_tensor(piece),
            "name": self.faces.path(row).name,
            "index": index,
            "cut": torch.tensor(cut.box, dtype=torch.float32),
        }

    def _region(self, row: int) -> NDArray[np.float32] | None:
        height, width = self.faces.read_image(row).shape[:2]
        return largest_beside(self.faces.boxes[row], width, height)


def largest_beside(
    box: NDArray[np.floating], width: int, height: int
) -> NDArray[np.float32] | None:
    """Return the largest rectangle (4,) of an image beside a box (4,); None if all are too small.

    >>> largest_beside(np.array([10, 10, 30, 30]), 100, 50).tolist()
    [36.0, 0.0, 100.0, 50.0]
    """
    left, top, right, bottom = enlarged(np.asarray(box, np.float32), CLEAR)
    beside = np.array(
        [[0, 0, left, height], [right, 0, width, height],
         [0, 0, width, top], [0, bottom, width, height]], np.float32
    )  # fmt: skip
    shorter = (beside[:, 2:] - beside[:, :2]).min(1)
    areas = np.where(shorter >= SMALLEST, (beside[:, 2:] - beside[:, :2]).prod(1), 0)
    return beside[areas.argmax()] if areas.max() > 0 else None
