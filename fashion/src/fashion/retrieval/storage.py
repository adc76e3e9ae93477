"""An index on disk: a folder of files that only grow, and one that says how much of them counts.

INDEX/index.json          what the index is: see `Manifest`; replaced whole, last
INDEX/vectors.N.f32       (num, D) float32, the embeddings
INDEX/attributes.N.f16    (num, A) float16, probabilities
INDEX/rows.N.bin          (num,) of `ROW`
INDEX/garments.N.jsonl    a line for each garment: id, file, its stamp, box, category, ...
INDEX/inverted.N.M.lists  the approximate index of a large one
INDEX/thumbnails/         ID.jpg, a thousand a folder

Additions append to the files of generation N; what stands beyond the counts of index.json is what
a command that was killed left behind, and the next one cuts it off. A removal writes generation
N + 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from vision_shared.inputs import InputError, new_file
from vision_shared.plain import PlainError, one_line, parse_json, shown

FORMAT = 1
MANIFEST = "index.json"
BLOCK = 65_536
"""Vectors that are read at a time: 134 MB of 512 numbers each."""

ROW = np.dtype([("id", "<i8"), ("offset", "<i8"), ("category", "<i2"), ("type", "<i1")])
"""A garment in few bytes: its id, where its line begins, its category's place in the manifest, and
its type."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Inverted:
    """The approximate index of a large index.

    Attributes:
        file: its name.
        covers: ids below this one are in it; later garments are searched exactly.
        num_lists: number of lists that the vectors are distributed over.
        num_probes: lists that a query looks into.
        recall: share of queries whose nearest other garment is found, on data other than that
            which ``num_probes`` was tuned on.
    """

    file: str
    covers: int
    num_lists: int
    num_probes: int
    recall: float


@dataclass(frozen=True)
class Manifest:
    """What an index is.

    Attributes:
        checkpoint: path of the network at that time.
        model: its `fashion.retrieval.identity.model_digest`.
        transform: the recogniser's.
        whole: images were taken whole, each for one garment; else garments were looked for.
        dimension: D; 0 before the first garment.
        attributes: names of the A attributes.
        categories: names of the categories; rows hold their places.
        generation: N of the file names.
        num: garments.
        num_bytes: number of bytes of the lines.
        next_id: id of the next garment; ids ascend and are never used again.
        unfinished: folders whose addition was not finished.
        inverted: inverted lists of a large index.
    """

    checkpoint: str
    model: str
    transform: dict[str, Any]
    whole: bool
    dimension: int = 0
    attributes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: int = 0
    num: int = 0
    num_bytes: int = 0
    next_id: int = 0
    unfinished: tuple[str, ...] = ()
    inverted: Inverted | None = None

    def write(self, folder: Path) -> None:
        """Put this in the place of what ``folder`` says it is: from here on it counts."""
        with new_file(folder / MANIFEST, overwrite=True) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read what an index is.

    Raises:
        InputError: there is no index, it is damaged, or of a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder}: not an index (no {MANIFEST}); make one with fashion.index")
    try:
        content = parse_json(path.read_bytes())
        version = _checked("format", content.pop("format"), int)
        if version > FORMAT:
            raise InputError(f"{path}: of format {version}, this version reads up to {FORMAT}")
        inverted = content.pop("inverted")
        kinds = {n: get_origin(hint) or hint for n, hint in get_type_hints(Manifest).items()}
        known = {n: value for n, value in content.items() if n in kinds}
        values = {n: _checked(n, value, kinds[n]) for n, value in known.items()}
        return Manifest(**values, inverted=None if inverted is None else _read_inverted(inverted))
    except (PlainError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else one_line(error)
        raise InputError(f"{path}: damaged ({reason}); build the index again") from error


_LISTS = re.compile(r"inverted\.\d+\.\d+\.(lists|faiss)")


def _checked(name: str, value: Any, kind: type) -> Any:
    """Return a value of the manifest; raise `PlainError` for one of another kind.

    Numbers are not negative, and what tuples hold is text.
    """
    if kind is tuple and isinstance(value, list):
        return tuple(_checked(name, item, str) for item in value)
    if type(value) is not kind or (kind is int and value < 0):
        raise PlainError(f"{name} {shown(value)}")
    return value


def _read_inverted(content: dict[str, Any]) -> Inverted | None:
    """Return what the approximate index is; none of an earlier version, whose file is not read."""
    numbers = {n: _checked(n, content[n], int) for n in ("covers", "num_lists", "num_probes")}
    file = _checked("file", content["file"], str)
    recall = _checked("recall", content["recall"], float)
    if not _LISTS.fullmatch(file) or min(numbers["num_lists"], numbers["num_probes"]) < 1:
        raise PlainError(f"inverted {shown(content)}")
    return Inverted(file, recall=recall, **numbers) if file.endswith(".lists") else None


class IndexFiles:
    """The files of an index, to read.

    Attributes:
        folder: folder of the index.
        manifest: description of the index.
        rows: (num,) of `ROW`.

    Raises:
        InputError: there is no index, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._check()
        self.rows = self._read("rows", ROW, 1, 0, None)[:, 0]
        self._check_rows()

    def __len__(self) -> int:
        return self.manifest.num

    def path(self, kind: str) -> Path:
        """Return the file of ``vectors``, ``attributes``, ``rows`` or ``garments``."""
        return part_path(self.folder, kind, self.manifest.generation)

    def vectors(self, start: int = 0, stop: int | None = None) -> Vectors:
        """Read embeddings of rows start to stop: (n, D).

        Raises:
            InputError: they are no numbers.
        """
        found = self._read("vectors", np.dtype("<f4"), self.manifest.dimension, start, stop)
        if not np.isfinite(found).all():
            raise InputError(f"{self.path('vectors')}: damaged; build the index again")
        return found

    def attributes(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read attributes' probabilities of rows start to stop: (n, A)."""
        number = len(self.manifest.attributes)
        half = self._read("attributes", np.dtype("<f2"), number, start, stop)
        return half.astype(np.float32)

    def vector_blocks(self, start: int = 0) -> Iterator[tuple[int, Vectors]]:
        """Yield the first row and embeddings of consecutive parts."""
        for first in range(start, len(self), BLOCK):
            yield first, self.vectors(first, min(first + BLOCK, len(self)))

    def lines(self, rows: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Any]]:
        """Read what is known of garments."""
        offsets = self.rows["offset"][np.asarray(rows, np.int64)]
        found = []
        with self.path("garments").open("rb") as file:
            for offset in offsets.tolist():
                file.seek(offset)
                found.append(self._parse(file.readline()))
        return found

    def all_lines(self) -> Iterator[dict[str, Any]]:
        """Read what is known of each garment, in order."""
        if len(self) == 0:  # before the first one there is no file
            return
        with self.path("garments").open("rb") as file:
            for _, line in zip(range(len(self)), file, strict=False):
                yield self._parse(line)

    def thumbnail(self, garment_id: int) -> Path:
        """Return the small image of a garment."""
        return thumbnail_path(self.folder, garment_id)

    def _parse(self, line: bytes) -> dict[str, Any]:
        """Return what a line says of a garment.

        Raises:
            InputError: it is damaged.
        """
        try:
            facts = parse_json(line)
            for name, kind in _LINE.items():
                if not isinstance(facts[name], kind):
                    raise PlainError(f"{name} {shown(facts[name])}")
        except (PlainError, KeyError, TypeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else one_line(error)
            raise InputError(
                f"{self.path('garments')}: a damaged line ({reason}); build the index again"
            ) from error
        return facts

    def _read(
        self, kind: str, dtype: np.dtype, width: int, start: int, stop: int | None
    ) -> NDArray[Any]:
        # Not a memory map: its pages would count as memory, of which a large index has too much.
        number = (len(self) if stop is None else stop) - start
        if number == 0:
            return np.zeros((0, width), dtype)
        offset = start * width * dtype.itemsize
        return np.fromfile(self.path(kind), dtype, number * width, offset=offset).reshape(
            number, width
        )

    def _check(self) -> None:
        for kind, size in part_sizes(self.manifest).items():
            path = self.path(kind)
            there = path.stat().st_size if path.is_file() else 0
            if there < size:
                raise InputError(
                    f"{path}: {there} of {size} bytes are there; build the index again"
                )

    def _check_rows(self) -> None:
        ids, offsets, places = (self.rows[name] for name in ("id", "offset", "category"))
        if len(ids) == 0:
            return
        ascends = (np.diff(ids) > 0).all() and (np.diff(offsets) > 0).all()
        inside = ids[0] >= 0 and ids[-1] < self.manifest.next_id and offsets[0] == 0
        inside = inside and offsets[-1] < self.manifest.num_bytes
        if not (ascends and inside and (places < len(self.manifest.categories)).all()):
            raise InputError(f"{self.path('rows')}: damaged; build the index again")


_LINE = {"id": int, "file": str, "category": str, "box": list, "attributes": dict}
"""What a garment's line holds for those who search, and of which kinds."""


def part_path(folder: Path, kind: str, generation: int) -> Path:
    """Return where a part of an index is."""
    suffix = {"vectors": "f32", "attributes": "f16", "rows": "bin", "garments": "jsonl"}[kind]
    return folder / f"{kind}.{generation}.{suffix}"


def part_sizes(manifest: Manifest) -> dict[str, int]:
    """Return how many bytes of each part count."""
    return {
        "vectors": manifest.num * manifest.dimension * 4,
        "attributes": manifest.num * len(manifest.attributes) * 2,
        "rows": manifest.num * ROW.itemsize,
        "garments": manifest.num_bytes,
    }


def thumbnail_path(folder: Path, garment_id: int) -> Path:
    """Return where the small image of a garment is."""
    return folder / "thumbnails" / f"{garment_id // 1000:06d}" / f"{garment_id:09d}.jpg"
