"""Annotation cache of faces: the files of a data set are read once, then reloaded.

The labels take a bit each, and another where some are unknown.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.faces import Faces
from vision_shared import annotation_cache
from vision_shared.annotation_cache import (
    damaged,
    digest,
    expect_array,
    load_packed,
    record_of,
    save_packed,
)

VERSION = 3
"""Raise it when a reader would give something else: older files are made again."""


def cached(cache: Path, sources: Sequence[Path], folder: Path, read: Callable[[], Faces]) -> Faces:
    """Return what ``read`` returns, from the cache if none of its sources has changed.

    Args:
        cache: a folder for such files; a data set has one file in it.
        sources: files that ``read`` reads; the first lists the images.
        folder: folder of the images.
        read: reader of the data set.

    Raises:
        InputError: the file in the cache is damaged.
    """
    record = record_of(VERSION, sources, folder)
    path = cache / f"{folder.name}-{digest([folder, *sources])}.faces"
    return annotation_cache.cached(path, record, load_faces, read, save_faces)


def save_faces(path: Path, record: str, faces: Faces) -> None:
    """Write faces; a file of that name is replaced."""
    is_known = faces.labels != 0
    facts = {
        "folder": str(faces.folder.absolute()),
        "attributes": faces.attributes,
        "listed_in": str(faces.listed_in.absolute()),
        "boxed_in": None if faces.boxed_in is None else str(faces.boxed_in.absolute()),
    }
    arrays = [
        np.packbits(faces.labels > 0),
        np.packbits(is_known) if not is_known.all() else np.zeros(0, np.uint8),
        *(faces.names, faces.parts, faces.identities, faces.boxes, faces.landmarks),
    ]
    save_packed(path, record, facts, arrays)


def load_faces(path: Path, record: str) -> Faces | None:
    """Read faces; None if there are none, or of another record.

    Raises:
        InputError: a damaged file.
    """
    loaded = load_packed(path, record)
    if loaded is None:
        return None
    try:
        return _faces(*loaded)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error


def _faces(facts: dict[str, Any], arrays: list[NDArray]) -> Faces:
    positive, known, names, parts, identities, boxes, landmarks = arrays
    number, attributes = len(names), tuple(facts["attributes"])
    num_bytes = -(-number * len(attributes) // 8)
    expect_array(names, "S", (number,))
    expect_array(positive, "u1", (num_bytes,))
    expect_array(known, "u1", (num_bytes if known.size else 0,))
    expect_array(parts, "i1", (number,))
    expect_array(identities, "i4", (number,))
    expect_array(boxes, "f4", (number, 4))
    expect_array(landmarks, "f4", (number, 5, 2))
    boxed_in = facts["boxed_in"] and Path(facts["boxed_in"])
    return Faces(
        Path(facts["folder"]),
        names,
        attributes,
        _unpack(positive, known, number, len(attributes)),
        parts,
        identities,
        boxes,
        landmarks,
        Path(facts["listed_in"]),
        boxed_in,
    )


def _unpack(
    positive: NDArray[np.uint8], known: NDArray[np.uint8], num_rows: int, num_columns: int
) -> NDArray[np.int8]:
    count = num_rows * num_columns
    labels = np.unpackbits(positive, count=count).view(np.int8)
    labels *= 2
    labels -= 1
    if known.size:
        labels *= np.unpackbits(known, count=count).view(np.int8)
    return labels.reshape(num_rows, num_columns)
