"""Annotation cache of a data set: its files are read once, then reloaded in milliseconds.

A cache is a file of a record of its sources, plain metadata, and arrays one after another.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vision_shared.inputs import InputError, new_file
from vision_shared.plain import one_line, parse_json

Annotations = TypeVar("Annotations")


def cached(
    path: Path,
    record: str,
    load: Callable[[Path, str], Annotations | None],
    read: Callable[[], Annotations],
    save: Callable[[Path, str, Annotations], None],
) -> Annotations:
    """Return the annotations of a cache that is up to date, else read them and write the cache.

    Args:
        path: file of the cache.
        record: record of the sources, from `record_of`.
        load: reader of the cache; None for a missing file or one of another record.
        read: reader of the data set's own files.
        save: writer of the cache.

    Raises:
        InputError: a damaged cache, or what `read` raises.
    """
    annotations = load(path, record)
    if annotations is None:
        annotations = read()
        save(path, record, annotations)
    return annotations


def digest(sources: Sequence[Path]) -> str:
    """Return 12 hexadecimal digits that tell sources apart by their absolute paths."""
    named = "\n".join(str(path.absolute()) for path in sources)
    return hashlib.sha256(named.encode()).hexdigest()[:12]


def record_of(version: int, sources: Sequence[Path], folder: Path) -> str:
    """Return the record of a cache's sources: another record makes the cache out of date.

    Args:
        version: version of the reader; to be raised when it would give something else.
        sources: files that it reads.
        folder: folder of the images, which are not opened.
    """
    stats = [(str(path.absolute()), path.stat()) for path in sources]
    files = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    return json.dumps([version, files, str(folder.absolute())])


def save_packed(
    path: Path, record: str, facts: Mapping[str, Any], arrays: Sequence[NDArray]
) -> None:
    """Write plain metadata and arrays; a file of that name is replaced."""
    header = json.dumps({"record": record, "facts": facts, "num_arrays": len(arrays)})
    with new_file(path, overwrite=True) as temporary, temporary.open("wb") as file:
        for array in (np.frombuffer(header.encode(), np.uint8), *arrays):
            np.save(file, array)


def load_packed(path: Path, record: str) -> tuple[dict[str, Any], list[NDArray]] | None:
    """Return the metadata and the arrays; None where there is no file, or one of another record.

    Raises:
        InputError: a damaged file.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            header = parse_json(_load(file).tobytes())
            if header["record"] != record:
                return None
            return header["facts"], [_load(file) for _ in range(header["num_arrays"])]
    except Exception as error:  # NumPy's reader of headers raises whatever Python's parser does
        raise damaged(path, error) from error


def expect_array(array: NDArray, kind: str, shape: Sequence[int]) -> None:
    """Raise ValueError unless a loaded array is of this type and shape.

    Args:
        array: array as it was loaded.
        kind: its dtype in NumPy's short form without the byte order, ``f4`` for example; ``S`` is
            bytes of any length.
        shape: shape of it.

    >>> expect_array(np.zeros((2, 4), np.float32), "f4", (2, 4))
    """
    if not array.dtype.str[1:].startswith(kind) or array.shape != tuple(shape):
        raise ValueError(f"expected {kind} {tuple(shape)}, got {array.dtype.str} {array.shape}")


def damaged(path: Path, error: Exception) -> InputError:
    """Return what to raise for a cache in which something is missing or of another kind."""
    return InputError(f"{path}: a damaged cache ({one_line(error)}): remove it")


def _load(file: IO[bytes]) -> NDArray:
    return np.load(file, allow_pickle=False)
