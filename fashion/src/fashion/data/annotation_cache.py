"""Annotation cache of garments: the files of a benchmark are read once, then reloaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fashion.data.deepfashion.files import Files
from fashion.data.garments import Columns, Garments, Vocabulary, unknown_columns
from fashion.data.labels import Labels
from vision_shared import annotation_cache
from vision_shared.annotation_cache import (
    damaged,
    digest,
    expect_array,
    load_packed,
    record_of,
    save_packed,
)
from vision_shared.faults import Report, stop

VERSION = 2
"""Raise it when a reader would give something else: older files are made again."""


def cached(
    cache: Path, name: str, files: Files, read: Callable[[Files, Report], Garments]
) -> Garments:
    """Return what ``read`` returns, from the cache if none of the files has changed.

    Args:
        cache: a folder for such files; a data set has one file in it.
        name: name of the data set.
        files: files of the data set.
        read: reader of the files.

    Raises:
        InputError: the file in the cache is damaged.
    """
    record = record_of(VERSION, list(files.lists.values()), files.folder)
    path = cache / f"{name}-{digest([files.folder, *files.lists.values()])}.garments"
    return annotation_cache.cached(
        path, record, load_garments, lambda: read(files, stop), save_garments
    )


def save_garments(path: Path, record: str, garments: Garments) -> None:
    """Write garments; a file of that name is replaced."""
    facts = {
        "folder": str(garments.folder.absolute()),
        "listed_in": str(garments.listed_in.absolute()),
        "vocabulary": vars(garments.vocabulary),
        "num_labels": garments.labels.number,
    }
    labels = garments.labels
    columns = garments.columns.arrays().values()
    save_packed(path, record, facts, [garments.names, labels.positive, labels.known, *columns])


def load_garments(path: Path, record: str) -> Garments | None:
    """Read garments; None if there are none, or of another record.

    Raises:
        InputError: a damaged file.
    """
    loaded = load_packed(path, record)
    if loaded is None:
        return None
    try:
        return _garments(*loaded)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, error) from error


def _garments(facts: dict[str, Any], arrays: list[NDArray]) -> Garments:
    names, positive, known, *columns = arrays
    number, num_labels = len(names), int(facts["num_labels"])
    width = -(-num_labels // 8)
    expect_array(names, "S", (number,))
    expect_array(positive, "u1", (number, width))
    expect_array(known, "u1", (number, width) if known.size else (0, 0))
    fresh = unknown_columns(number).arrays()
    for column, like in zip(columns, fresh.values(), strict=True):
        expect_array(column, like.dtype.str[1:], like.shape)
    words = {name: tuple(values) for name, values in facts["vocabulary"].items()}
    return Garments(
        Path(facts["folder"]),
        names,
        Columns(**dict(zip(fresh, columns, strict=True))),
        Labels(positive, known, num_labels),
        Vocabulary(**words),
        Path(facts["listed_in"]),
    )
