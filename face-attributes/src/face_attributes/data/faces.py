"""Pictures of faces and what is known of them, whichever data set they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.names import PARTS
from face_attributes.data.pictures import read_picture
from face_attributes.data.text import Names
from vision_shared.faults import line_of
from vision_shared.inputs import InputError, missing_files

Part = Literal["train", "val", "test"]

NOBODY = -1
"""Stands for an identity that is not known."""


@dataclass(frozen=True)
class Face:
    """An image of a face.

    Places are in pixels of the image, x before y; (0, 0) is the upper left corner of the upper
    left pixel.

    Attributes:
        name: name of the image's file, below the data set's folder of images.
        image: uint8 RGB, (H, W, 3).
        attributes: (A,), 1 where it has an attribute, -1 where not, 0 where no one knows.
        identity: number of the person, from 0, or `NOBODY`.
        box: (4,), x1, y1, x2, y2 of the face; NaN where not known. May reach beyond the image.
        landmarks: (5, 2), in the order of `names.LANDMARKS`; NaN where not known.
    """

    name: str
    image: NDArray[np.uint8]
    attributes: NDArray[np.int8]
    identity: int
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """Faces by the row, with the fields of `Face`; images are read when asked for.

    Attributes:
        folder: folder of the images.
        names: (N,), UTF-8, below the folder, with "/" between folders.
        attributes: the names of the A attributes.
        labels: (N, A), -1, 0 or 1.
        parts: (N,), numbers of `names.PARTS`.
        identities: (N,).
        boxes: (N, 4).
        landmarks: (N, 5, 2).
        listed_in: the file that lists the images, for messages.
        boxed_in: the file of the boxes, for messages.
    """

    folder: Path
    names: Names
    attributes: tuple[str, ...]
    labels: NDArray[np.int8]
    parts: NDArray[np.int8]
    identities: NDArray[np.int32]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    listed_in: Path
    boxed_in: Path | None = None

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Return the file name of a row, relative to the folder."""
        return self.names[index].decode()

    def path(self, index: int) -> Path:
        """Return the path of a row's image."""
        return self.folder / self.name(index)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Faces":
        """The faces of some rows, in their order."""
        columns = ("names", "labels", "parts", "identities", "boxes", "landmarks")
        return replace(self, **{column: getattr(self, column)[rows] for column in columns})

    def part(self, part: Part) -> "Faces":
        """Return the faces of a split."""
        return self.take(self.parts == PARTS.index(part))

    def with_attributes(self, attributes: Sequence[str]) -> "Faces":
        """The faces with these attributes, in this order.

        Raises:
            InputError: the data set does not have one of them.
        """
        if tuple(attributes) == self.attributes:
            return self
        for name in attributes:
            if name not in self.attributes:
                raise InputError(
                    f"{self.listed_in}: has no attribute {name!r}, but {', '.join(self.attributes)}"
                )
        columns = [self.attributes.index(name) for name in attributes]
        return replace(self, attributes=tuple(attributes), labels=self.labels[:, columns])

    def read(self, index: int) -> Face:
        """Read a face.

        Raises:
            InputError: the image cannot be used, or its box lies outside.
        """
        image = self.read_image(index)
        self.check_box(index, image.shape[1], image.shape[0])
        return Face(
            self.name(index),
            image,
            self.labels[index],
            int(self.identities[index]),
            self.boxes[index],
            self.landmarks[index],
        )

    def read_image(self, index: int) -> NDArray[np.uint8]:
        """The image, RGB uint8 (H, W, 3); raises `InputError` as `pictures.read_picture`."""
        places = (self.boxes[index], self.landmarks[index])
        has_places = any(np.isfinite(numbers).any() for numbers in places)
        return read_picture(self.path(index), has_places=has_places)

    def check_box(self, index: int, width: int, height: int) -> None:
        """Raise `InputError` for a box whose centre is not in the image, or of another image.

        A box may reach beyond: the border cuts many a face.
        """
        box = self.boxes[index]
        if np.isfinite(box).all():
            check_inside(box, width, height, self.boxed_in or self.listed_in, self.path(index))

    def missing(self) -> list[int]:
        """Rows whose image is not there."""
        return missing_files(self.folder, self.names.tolist())

    def missing_fault(self, row: int) -> str:
        """The line that says that the image of a row is not there."""
        where = line_of(self.listed_in, self.name(row))
        return f"{self.path(row)}: no such image, but {where} lists it"

    def check(self) -> None:
        """See that every image is there, and read the first; before the first step.

        Raises:
            InputError: a missing image, or a first one that cannot be used.
        """
        if missing := self.missing():
            others = f" (nor {len(missing) - 1} others)" if len(missing) > 1 else ""
            raise InputError(
                f"{self.missing_fault(missing[0])}{others}; "
                "`python -m face_attributes.check_data` names every fault"
            )
        self.read(0)


def check_inside(
    box: NDArray[np.floating], width: int, height: int, listed_in: Path, picture: Path
) -> None:
    """Raise `InputError` unless a box (4,) has its centre in an image of some width and height."""
    x1, y1, x2, y2 = box.tolist()
    if 0 <= x1 + x2 <= 2 * width and 0 <= y1 + y2 <= 2 * height:
        return
    where = line_of(listed_in, picture.name)
    raise InputError(
        f"{where}: a box of {x2 - x1:g}x{y2 - y1:g} pixels at ({x1:g}, {y1:g}) outside its "
        f"picture {picture} of {width}x{height}: is the list of other images?"
    )


def unknown_places(number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4) and landmarks (N, 5, 2) of a data set that has none."""
    nan = np.float32(np.nan)
    return np.full((number, 4), nan), np.full((number, 5, 2), nan)
