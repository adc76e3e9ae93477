"""Images of garments and what is known of them, whichever data set they come from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fashion.data.labels import Labels
from fashion.data.taxonomy import ABSENT, SLOTS, SPLITS, UNKNOWN
from vision_shared.faults import line_of, name_some
from vision_shared.images import read_image
from vision_shared.inputs import InputError, missing_files

Split = Literal["train", "val", "test"]
Names = NDArray[np.bytes_]


@dataclass(frozen=True)
class Vocabulary:
    """What the numbers of categories and attributes mean.

    Attributes:
        categories: names by their number; a number may have no image.
        attributes: names of the A attributes.
        attribute_types: the number of each attribute's type, or empty.
        type_names: type names of these types.
    """

    categories: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    attribute_types: tuple[int, ...] = ()
    type_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """What is known of N garments, by the row; `unknown_columns` makes them.

    Places are in pixels of the image, x before y; (0, 0) is the upper left corner of the upper
    left pixel.

    Attributes:
        splits: indices into `taxonomy.SPLITS`.
        boxes: (N, 4), x1, y1, x2, y2; NaN where unknown.
        landmarks: (N, 8, 2), in the order of `taxonomy.SLOTS`; 0 where truncated or absent.
        states: (N, 8), of `taxonomy.STATES`, or ABSENT.
        types: numbers of `taxonomy.TYPES`, or UNKNOWN, as with all that follow but the variations.
        categories: numbers of the vocabulary's names.
        items: number of the item; one design has one number.
        series: number of the series: within an item, one colour has one number.
        domains: SHOP or CONSUMER.
        variations: 1 to 5, 0 where unknown.
        roles: roles in retrieval: QUERY or GALLERY; UNKNOWN is neither.
    """

    splits: NDArray[np.int8]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    states: NDArray[np.int8]
    types: NDArray[np.int8]
    categories: NDArray[np.int16]
    items: NDArray[np.int32]
    series: NDArray[np.int16]
    domains: NDArray[np.int8]
    variations: NDArray[np.int8]
    roles: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.splits)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Columns":
        """Return some rows, in their order."""
        return Columns(**{name: column[rows] for name, column in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by the name of the column."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class AnnotatedGarment:
    """An image of a garment; fields as in `Columns`, and `labels` int8 (A,) of 1, -1, 0 unknown.

    Attributes:
        name: name of the image's file, below the data set's folder of images.
        image: uint8 RGB, (H, W, 3).
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.int8]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    states: NDArray[np.int8]


@dataclass(frozen=True)
class Garments:
    """Garments by the row; images are read when asked for.

    Attributes:
        folder: folder of the images.
        names: (N,), UTF-8, below the folder; an image may have several garments, and rows.
        columns: annotations, by column.
        labels: (N, A), of attributes.
        vocabulary: names of the numbers.
        listed_in: the file or folder that names the images, for messages.
    """

    folder: Path
    names: Names
    columns: Columns
    labels: Labels
    vocabulary: Vocabulary
    listed_in: Path

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Return the name of a row's image, below the folder."""
        return self.names[index].decode()

    def path(self, index: int) -> Path:
        """Return the path of a row's image."""
        return self.folder / self.name(index)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Garments":
        """The garments of some rows, in their order."""
        return replace(
            self,
            names=self.names[rows],
            columns=self.columns.take(rows),
            labels=self.labels.take(rows),
        )

    def of_split(self, split: Split) -> "Garments":
        """Return the garments of ``train``, ``val`` or ``test``."""
        return self.take(self.columns.splits == SPLITS.index(split))

    def changed(self, **columns: NDArray[Any]) -> "Garments":
        """The garments with other columns."""
        return replace(self, columns=replace(self.columns, **columns))

    def read(self, index: int) -> AnnotatedGarment:
        """Read a garment; box and landmarks are clamped to the image.

        Raises:
            InputError: the image cannot be used, or its box lies outside.
        """
        image = read_image(self.path(index))
        box, landmarks = self.columns.boxes[index], self.columns.landmarks[index]
        size = np.array([image.shape[1], image.shape[0]], np.float32)
        clamped = np.clip(box.reshape(2, 2), 0, size).ravel()
        if np.isfinite(box).all() and (clamped[2:] <= clamped[:2]).any():
            x1, y1, x2, y2 = box.tolist()
            raise InputError(
                f"{self.where(index)}: the box {x1:g} {y1:g} {x2:g} {y2:g} lies outside its "
                f"image {self.path(index)} of {size[0]:g}x{size[1]:g}: are there other images?"
            )
        return AnnotatedGarment(
            self.name(index),
            image,
            self.labels[index],
            clamped,
            np.clip(landmarks, 0, size),
            self.columns.states[index],
        )

    def missing(self) -> list[int]:
        """Rows whose image is not there."""
        return missing_files(self.folder, self.names.tolist())

    def missing_fault(self, rows: Sequence[int]) -> str:
        """The line that names the first of the missing images, and counts the others."""
        named = name_some([str(self.path(row)) for row in rows])
        remedy = "unpack the images there, or get them again"
        return f"{named}: no such image, but {self.where(rows[0])} lists it: {remedy}"

    def check(self) -> None:
        """See that every image is there, and read the first; before the first step.

        Raises:
            InputError: missing images, or a first one that cannot be used.
        """
        if missing := self.missing():
            raise InputError(
                f"{self.missing_fault(missing)}; `python -m fashion.check_data` names every fault"
            )
        self.read(0)

    def is_labelled(self) -> bool:
        """Whether anything that can be learned is known of an image."""
        columns = self.columns
        return bool(
            (columns.items != UNKNOWN).any()
            or (columns.categories != UNKNOWN).any()
            or (columns.states != ABSENT).any()
            or np.isfinite(columns.boxes).any()
            or sum(counts.sum() for counts in self.labels.counts())
        )

    def where(self, index: int) -> str:
        """``path:line`` where an image is listed; the path alone where there are no lines."""
        return line_of(self.listed_in, self.name(index))


def unknown_columns(number: int) -> Columns:
    """Columns of which nothing is known, all of the split ``train``."""
    eight = len(SLOTS)
    return Columns(
        splits=np.zeros(number, np.int8),
        boxes=np.full((number, 4), np.nan, np.float32),
        landmarks=np.zeros((number, eight, 2), np.float32),
        states=np.full((number, eight), ABSENT, np.int8),
        types=np.full(number, UNKNOWN, np.int8),
        categories=np.full(number, UNKNOWN, np.int16),
        items=np.full(number, UNKNOWN, np.int32),
        series=np.full(number, UNKNOWN, np.int16),
        domains=np.full(number, UNKNOWN, np.int8),
        variations=np.zeros(number, np.int8),
        roles=np.full(number, UNKNOWN, np.int8),
    )


def rows_of_images(garments: Garments) -> list[NDArray[np.integer]]:
    """Return the rows of each image, in the order of the first ones."""
    rows = defaultdict(list)
    for row, name in enumerate(garments.names.tolist()):
        rows[name].append(row)
    return [np.array(some) for some in rows.values()]


def stacked(first: Garments, second: Garments) -> Garments:
    """The rows of two tables of one folder, attributes and categories."""
    columns = {
        name: np.concatenate([column, second.columns.arrays()[name]])
        for name, column in first.columns.arrays().items()
    }
    return replace(
        first,
        names=np.concatenate([first.names, second.names]),
        columns=Columns(**columns),
        labels=Labels.of(np.concatenate([first.labels[:], second.labels[:]])),
    )


def joined(first: Garments, *others: Garments) -> Garments:
    """The garments of the first table with what others know of the same images, by name.

    Splits, categories, attributes, boxes and landmarks are the first table's; items, series,
    domains, variations and roles are filled in where it does not know them. Images that only
    others list are left out.
    """
    filled = {}
    for name in ("items", "series", "domains", "variations", "roles"):
        filled[name] = getattr(first.columns, name).copy()
    rows = {picture: row for row, picture in enumerate(first.names.tolist())}
    for other in others:
        pairs = [(rows[name], i) for i, name in enumerate(other.names.tolist()) if name in rows]
        ours, theirs = np.array(pairs, np.intp).reshape(-1, 2).T
        for name, column in filled.items():
            is_open = column[ours] == (0 if name == "variations" else UNKNOWN)
            column[ours[is_open]] = getattr(other.columns, name)[theirs[is_open]]
    return first.changed(**filled)


def encoded(names: Sequence[str] | Mapping[str, object]) -> np.ndarray:
    """Return names as UTF-8 bytes, (N,): 200,000 of them take less memory than strings."""
    return np.array([name.encode() for name in names], np.bytes_)
