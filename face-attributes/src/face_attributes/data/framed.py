"""Faces of photographs for composed images, without a box of any: the data set's own framing.

Data sets of faces frame them alike. Each image is a layer whose face is taken to lie where, and to
be as large as, the median of some validation faces: one number for all, which is what makes faces
of other sizes negatives. The edges of the image are straight.
"""

from collections.abc import Sequence
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.boxes import FACE_SIZE
from face_attributes.data.faces import Face, Faces
from face_attributes.data.layers import Layer, face_square
from vision_shared.inputs import InputError

NUM_MEASURED = 100
BOX_SHARE = 0.8  # of a box's height that the square takes, where there are no landmarks


class FramedFaces(Sequence[Layer]):
    """Whole images as layers, read when they are asked for.

    Args:
        faces: faces of the images.
        framing: (3,), centre x, y and side of the face's square over the image's width, height and
            height, see `typical_framing`.
    """

    def __init__(self, faces: Faces, framing: NDArray[np.float32]) -> None:
        self.faces = faces
        self.framing = framing

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Layer]: ...
    def __getitem__(self, index: int | slice) -> Layer | Sequence[Layer]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        face = self.faces.read(int(index))
        image, square = face.image, self.framing * np.array(face.image.shape)[[1, 0, 0]]
        if (scale := 2 * FACE_SIZE / square[2]) < 1:  # larger than any use of it
            image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
            square = square * scale
        opaque = np.full(image.shape[:2], 255, np.uint8)
        return Layer(np.dstack([image, opaque]), square.astype(np.float32), face.attributes > 0)


def typical_framing(faces: Faces) -> NDArray[np.float32]:
    """Return where faces lie as shares of their images: the median over the first ones, (3,).

    Raises:
        InputError: no face has landmarks or a box.
    """
    measured = [face_share(faces.read(i)) for i in range(min(NUM_MEASURED, len(faces)))]
    known = [share for share in measured if np.isfinite(share).all()]
    if not known:
        raise InputError(f"{faces.listed_in}: no box and no landmarks, which a finder needs")
    return np.median(known, 0).astype(np.float32)


def face_share(face: Face) -> NDArray[np.floating]:
    """Return the square of a face over its image's sides, (3,), NaN where it is not known."""
    square = face_square(face.landmarks)
    if not np.isfinite(square).all():
        x1, y1, x2, y2 = face.box
        square = np.array([(x1 + x2) / 2, (y1 + y2) / 2, BOX_SHARE * (y2 - y1)])
    return square / np.array(face.image.shape)[[1, 0, 0]]
