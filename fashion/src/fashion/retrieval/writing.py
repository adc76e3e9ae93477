"""Changing an index: whatever happens, it is as before or as it should become."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.garment import Garment, Picture
from fashion.retrieval.stamps import FileStamp
from fashion.retrieval.storage import (
    BLOCK,
    MANIFEST,
    ROW,
    IndexFiles,
    Inverted,
    Manifest,
    part_path,
    part_sizes,
    read_manifest,
    thumbnail_path,
)
from vision_shared.inputs import InputError
from vision_shared.prediction import ModelError
from vision_shared.unfinished import PREFIX

LOCK = "lock"

LIKELY = 0.5
"""An attribute is said of a garment from this probability on."""


@dataclass(frozen=True)
class Entry:
    """A garment to be added.

    Attributes:
        file: the image it is in.
        stamp: state of that file.
        garment: description of the garment.
        thumbnail: (h, w, 3), small.
    """

    file: str
    stamp: FileStamp
    garment: Garment
    thumbnail: Picture


class IndexWriter:
    """Adds to an index and removes from it; see `opened`.

    Attributes:
        folder: folder of the index.
        manifest: description of the index as of the latest change that counts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._clean()

    def add(self, entries: Sequence[Entry]) -> None:
        """Add garments: all of them, or none when this is interrupted.

        Raises:
            ModelError: an embedding is not of length 1, or the attributes differ from the others'.
        """
        if not entries:
            return
        garments = [entry.garment for entry in entries]
        manifest = _with_names(self.manifest, garments)
        vectors = _embeddings(garments, manifest)
        ids = range(manifest.next_id, manifest.next_id + len(entries))
        for garment_id, entry in zip(ids, entries, strict=True):
            _write_thumbnail(thumbnail_path(self.folder, garment_id), entry.thumbnail)
        rows, lines = _rows_and_lines(ids, entries, manifest)
        self._append("vectors", vectors.tobytes())
        self._append("attributes", _probabilities(garments).tobytes())
        self._append("rows", rows.tobytes())
        self._append("garments", lines)
        self._count(
            replace(
                manifest,
                num=manifest.num + len(entries),
                num_bytes=manifest.num_bytes + len(lines),
                next_id=ids.stop,
            )
        )

    def remove(self, leaves: NDArray[np.bool_]) -> None:
        """Remove the rows (num,) bool that leave; a large index loses its approximate one."""
        files = IndexFiles(self.folder)
        generation = self.manifest.generation + 1
        stays = ~leaves
        rows = files.rows[stays]
        paths = {k: part_path(self.folder, k, generation) for k in part_sizes(self.manifest)}
        offsets, offset = [], 0
        with paths["garments"].open("wb") as to, files.path("garments").open("rb") as lines:
            for line, is_kept in zip(lines, stays.tolist(), strict=False):
                if is_kept:
                    offsets.append(offset)
                    offset += to.write(line)
        rows["offset"] = offsets
        with paths["vectors"].open("wb") as to:
            for first, block in files.vector_blocks():
                block[stays[first : first + len(block)]].tofile(to)
        with paths["attributes"].open("wb") as to:
            for first in range(0, len(files), BLOCK):
                block = files.attributes(first, min(first + BLOCK, len(files)))
                block[stays[first : first + len(block)]].astype("<f2").tofile(to)
        rows.tofile(paths["rows"])
        self._count(
            replace(
                self.manifest,
                generation=generation,
                num=len(rows),
                num_bytes=offset,
                inverted=None,
            )
        )
        for garment_id in files.rows["id"][leaves].tolist():
            thumbnail_path(self.folder, garment_id).unlink(missing_ok=True)
        self._clean()

    def set_inverted(self, inverted: Inverted | None) -> None:
        """Name the approximate index, whose file is there already, or say that there is none."""
        self._count(replace(self.manifest, inverted=inverted))
        self._clean()

    def set_unfinished(self, folders: Sequence[str]) -> None:
        """Note which folders are being added."""
        self._count(replace(self.manifest, unfinished=tuple(folders)))

    def _append(self, kind: str, content: bytes) -> None:
        with part_path(self.folder, kind, self.manifest.generation).open("ab") as file:
            file.write(content)

    def _count(self, manifest: Manifest) -> None:
        manifest.write(self.folder)
        self.manifest = manifest

    def _clean(self) -> None:
        """Cut off and remove what does not count."""
        wanted = {MANIFEST, "thumbnails", LOCK}
        if self.manifest.inverted is not None:
            wanted.add(self.manifest.inverted.file)
        for kind, size in part_sizes(self.manifest).items():
            path = part_path(self.folder, kind, self.manifest.generation)
            wanted.add(path.name)
            if path.is_file():
                with path.open("r+b") as file:
                    file.truncate(size)
        for path in self.folder.iterdir():
            if path.name not in wanted and path.is_file():
                path.unlink()


@contextmanager
def opened(folder: Path, begin: Manifest | None = None) -> Iterator[IndexWriter]:
    """Yield the one writer of an index; what an interrupted one left behind is cut off.

    Args:
        folder: folder of the index.
        begin: whether to make an index that is this, or go on with one like it that was never
            finished; None is for one that is there.

    Raises:
        InputError: there is no index, it is damaged, or another command is changing it; of one that
            is to be made: the folder holds something else.
    """
    if begin is None:
        read_manifest(folder)
    else:
        _check_free(folder)
        folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder}: another command is changing it; wait for it") from error
        if begin is not None:
            _begin(folder, begin)
        IndexFiles(folder)  # says what is missing, before anything is cut off
        yield IndexWriter(folder)


def _check_free(folder: Path) -> None:
    """Raise InputError for a folder in which something else is than an index."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected the name of a folder to make")
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return
    for path in folder.iterdir():
        if path.name != LOCK and not path.name.startswith(PREFIX):
            raise InputError(f"{folder}: is not empty; choose another name")


def _begin(folder: Path, manifest: Manifest) -> None:
    """Write what a new index is, unless an unfinished one of this kind is there."""
    there = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    if there is None or there.num == 0:
        manifest.write(folder)
    elif not there.unfinished:
        raise InputError(f"{folder}: is not empty; `add` to it, or choose another name")
    elif (there.model, there.transform, there.whole) != (
        manifest.model,
        manifest.transform,
        manifest.whole,
    ):
        raise InputError(
            f"{folder}: an unfinished index of another network, or of other --whole; remove it, or "
            "choose another name"
        )


def discard(folder: Path) -> None:
    """Remove an index that never got a garment."""
    shutil.rmtree(folder, ignore_errors=True)


def _with_names(manifest: Manifest, garments: Sequence[Garment]) -> Manifest:
    attributes = tuple(garments[0].attributes) if manifest.num == 0 else manifest.attributes
    for garment in garments:
        if tuple(garment.attributes) != attributes:
            raise ModelError(
                f"the network names {len(garment.attributes)} attributes, the index has "
                f"{len(attributes)} other ones; build the index again"
            )
    added = dict.fromkeys(g.category for g in garments if g.category not in manifest.categories)
    return replace(
        manifest,
        dimension=manifest.dimension or len(garments[0].embedding),
        attributes=attributes,
        categories=(*manifest.categories, *added),
    )


def _embeddings(garments: Sequence[Garment], manifest: Manifest) -> NDArray[np.float32]:
    for garment in garments:
        if garment.embedding.shape != (manifest.dimension,):
            raise ModelError(
                f"the network's embeddings have {garment.embedding.shape} numbers, those of the "
                f"index {manifest.dimension}; build the index again"
            )
    vectors = np.stack([garment.embedding for garment in garments]).astype("<f4")
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < 1e-3).all():
        raise ModelError(f"the network's embeddings have a length of {lengths.max()}, expected 1")
    return vectors


def _probabilities(garments: Sequence[Garment]) -> NDArray[np.float16]:
    return np.array([list(g.attributes.values()) for g in garments]).astype("<f2")


def _rows_and_lines(
    ids: range, entries: Sequence[Entry], manifest: Manifest
) -> tuple[NDArray[Any], bytes]:
    rows, lines, offset = np.zeros(len(entries), ROW), [], manifest.num_bytes
    for row, garment_id, entry in zip(rows, ids, entries, strict=True):
        line = (json.dumps(_facts(garment_id, entry)) + "\n").encode()
        category = manifest.categories.index(entry.garment.category)
        row["id"], row["offset"], row["category"] = garment_id, offset, category
        row["type"] = entry.garment.type
        lines.append(line)
        offset += len(line)
    return rows, b"".join(lines)


def _facts(garment_id: int, entry: Entry) -> dict[str, Any]:
    stamp = entry.stamp.write()
    return {"id": garment_id, "file": entry.file, **stamp, **describe(entry.garment)}


def describe(garment: Garment) -> dict[str, Any]:
    """Return a garment as plain values; of its attributes the likely ones, likeliest first."""
    likely = sorted(garment.attributes.items(), key=lambda item: -item[1])
    return {
        "box": [round(float(x), 2) for x in garment.box],
        "type": garment.type,
        "score": round(float(garment.score), 4),
        "category": garment.category,
        "probability": round(float(garment.probability), 4),
        "attributes": {name: round(float(p), 4) for name, p in likely if p >= LIKELY},
        "landmarks": np.round(garment.landmarks.astype(float), 2).tolist(),
        "states": garment.states.tolist(),
    }


def _write_thumbnail(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=85)
