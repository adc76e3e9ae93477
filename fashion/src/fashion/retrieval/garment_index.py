"""Searching an index: by looks, by style, and among garments of some categories and attributes.

index = GarmentIndex(Path("shop.index"))
hits = index.nearest(garment.embedding[None], top=20)[0]
index.describe(hits)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.retrieval.exact import Nearest, Vectors, exact_nearest, find_faiss, merge
from fashion.retrieval.inverted import LISTS_FROM, InvertedIndex
from fashion.retrieval.stamps import KEY, Change, FileStamp
from fashion.retrieval.storage import IndexFiles
from fashion.retrieval.style import attribute_weights, style_scores
from fashion.retrieval.writing import LIKELY
from vision_shared.inputs import InputError

STYLE_BLOCK = 8192

Rows = NDArray[np.int64]


class Hit(NamedTuple):
    """A garment that was found.

    Attributes:
        row: row of the index.
        score: the cosine of the angle between embeddings, or of `GarmentIndex.similar_style`;
            higher is more similar.
    """

    row: int
    score: float


class GarmentIndex:
    """An index on disk, to search.

    Attributes:
        changed: images of garments that `describe` has described, which are no longer what they
            were, and what became of them.

    Args:
        folder: folder of the index.
        faiss: the module; None does everything in torch, exactly. By default what is installed.

    Raises:
        InputError: there is no index, it is damaged, or empty.
    """

    def __init__(self, folder: Path, faiss: Any = find_faiss) -> None:
        self.files = IndexFiles(folder)
        if len(self.files) == 0:
            raise InputError(f"{folder}: an index without a garment; `add` to it")
        self.changed: dict[str, Change] = {}
        self._faiss = faiss() if faiss is find_faiss else faiss

    def __len__(self) -> int:
        return len(self.files)

    @property
    def notices(self) -> list[str]:
        """What a user should know, a line each."""
        found = []
        if self.files.manifest.unfinished:
            folders = " ".join(self.files.manifest.unfinished)
            found.append(
                f"{self.files.folder}: an addition was interrupted; finish it with "
                f"`python -m fashion.index add {self.files.folder} {folders}`"
            )
        if self.files.manifest.inverted is not None and self._faiss is None:
            found.append(
                f"{self.files.folder}: without faiss each query is compared with all "
                f"{len(self)} garments; `pip install faiss-cpu` is faster"
            )
        return found

    def nearest(self, queries: Vectors, top: int, among: Rows | None = None) -> list[list[Hit]]:
        """Return the most similar garments of each query.

        Args:
            queries: (Q, D), of length 1.
            top: number of results.
            among: ascending rows to search, exactly; None is all.

        Raises:
            ValueError: another D.
        """
        dimension = self.files.manifest.dimension
        if queries.ndim != 2 or queries.shape[1] != dimension:
            raise ValueError(f"expected queries (Q, {dimension}), got {queries.shape}")
        queries = np.ascontiguousarray(queries, np.float32)
        if among is None and self._inverted is not None:
            return _hits(self._approximate(queries, top, self._inverted))
        return _hits(exact_nearest(self._blocks(among), queries, top, self._faiss), among)

    def similar_style(
        self,
        embedding: Vectors,
        attributes: Mapping[str, float],
        top: int,
        among: Rows | None = None,
    ) -> list[Hit]:
        """Return garments of similar style: see `fashion.retrieval.style`; all are compared.

        Args:
            embedding: (D,), of the query.
            attributes: its probabilities, of all the attributes of the index.
            top: number of results.
            among: ascending rows to search; None is all.
        """
        asked = np.array([attributes[name] for name in self.files.manifest.attributes])
        weights = self._weights
        scores = []
        for first in range(0, len(self), STYLE_BLOCK):
            stop = min(first + STYLE_BLOCK, len(self))
            looks = self.files.vectors(first, stop) @ embedding
            scores.append(style_scores(looks, self.files.attributes(first, stop), asked, weights))
        of_all = np.concatenate(scores)
        rows = np.arange(len(self)) if among is None else among
        order = np.lexsort((rows, -of_all[rows]))[:top]
        return [Hit(int(rows[i]), float(of_all[rows[i]])) for i in order]

    def rows_of(self, categories: Sequence[str], attributes: Sequence[str]) -> Rows:
        """Return the rows of garments of one of the categories, with all of the attributes.

        Args:
            categories: names of categories, in any case; none is any category.
            attributes: words, likewise; a garment has those of a probability of at least 0.5.

        Raises:
            InputError: a name that no garment of the index has, or that the network does not know.
        """
        manifest = self.files.manifest
        places = [_place(name, manifest.categories, "category") for name in categories]
        columns = [_place(name, manifest.attributes, "attribute") for name in attributes]
        fits = np.isin(self.files.rows["category"], places) if places else np.ones(len(self), bool)
        for first in range(0, len(self) if columns else 0, STYLE_BLOCK):
            stop = min(first + STYLE_BLOCK, len(self))
            said = self.files.attributes(first, stop)[:, columns] >= LIKELY
            fits[first:stop] &= said.all(1)
        return np.flatnonzero(fits)

    def describe(self, hits: Sequence[Hit]) -> list[dict[str, Any]]:
        """Return what is known of garments that were found, with their scores.

        One whose image is no longer what it was has ``changed``: ``replaced`` or ``missing``.
        """
        lines = self.files.lines([hit.row for hit in hits])
        found = []
        for hit, line in zip(hits, lines, strict=True):
            stamp = FileStamp.read(line)
            change = None if stamp is None else stamp.change(Path(line["file"]))
            self.changed |= {line["file"]: change} if change else {}
            known = {key: value for key, value in line.items() if key != KEY}
            changed = {"changed": change} if change else {}
            found.append({"similarity": round(hit.score, 5), **known, **changed})
        return found

    @property
    def changes(self) -> str | None:
        """One line about the images in ``changed``, or None."""
        if not self.changed:
            return None
        file, change = next(iter(self.changed.items()))
        images = "image" if len(self.changed) == 1 else "images"
        return (
            f"{len(self.changed)} {images} of what was found replaced or missing since the index "
            f"has them ({file}: {change}); `python -m fashion.index add {self.files.folder} "
            "FOLDER` looks at them again, `remove` forgets them"
        )

    def thumbnails(self, hits: Sequence[Hit]) -> list[Path]:
        """Return the small images of garments that were found."""
        ids = self.files.rows["id"][[hit.row for hit in hits]]
        return [self.files.thumbnail(int(garment_id)) for garment_id in ids]

    @cached_property
    def _inverted(self) -> InvertedIndex | None:
        settings = self.files.manifest.inverted
        if settings is None or self._faiss is None:
            return None
        path = self.files.folder / settings.file
        dimension = self.files.manifest.dimension
        return InvertedIndex.read(
            path, settings.num_lists, dimension, settings.num_probes, self._faiss
        )

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        return np.ascontiguousarray(self.files.rows["id"])  # else each search would copy them

    @cached_property
    def _vectors(self) -> Vectors:
        return self.files.vectors()

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        total = np.zeros(len(self.files.manifest.attributes))
        for first in range(0, len(self), STYLE_BLOCK):
            stop = min(first + STYLE_BLOCK, len(self))
            total += self.files.attributes(first, stop).sum(0, np.float64)
        return attribute_weights(total / len(self))

    def _blocks(self, among: Rows | None, start: int = 0) -> Iterator[tuple[int, Vectors]]:
        """Yield vectors of all rows from ``start``, or of some, which are numbered from 0."""
        small = len(self) < LISTS_FROM
        blocks = (
            iter([(start, self._vectors[start:])]) if small else self.files.vector_blocks(start)
        )
        if among is None:
            yield from blocks
            return
        done = 0
        for first, vectors in blocks:
            inside = among[(among >= first) & (among < first + len(vectors))] - first
            yield done, vectors[inside]
            done += len(inside)

    def _approximate(self, queries: Vectors, top: int, inverted: InvertedIndex) -> Nearest:
        settings = self.files.manifest.inverted
        assert settings is not None
        scores, ids = inverted.search(queries, top)
        rows = np.where(ids >= 0, np.searchsorted(self._ids, ids), -1)
        if (self._ids[rows.clip(0, len(self) - 1)] != ids)[ids != -1].any():
            path = self.files.folder / settings.file
            raise InputError(f"{path}: damaged: ids that no garment has; build the index again")
        if (rows < 0).all(1).any():  # the lists that a query looked into were empty
            return exact_nearest(self._blocks(None), queries, top, self._faiss)
        found = Nearest(np.where(ids >= 0, scores, -np.inf).astype(np.float64), rows)
        tail = int(np.searchsorted(self._ids, settings.covers))
        later = exact_nearest(self._blocks(None, tail), queries, top, self._faiss)
        return merge(found, later, top)


def _hits(nearest: Nearest, among: Rows | None = None) -> list[list[Hit]]:
    found = []
    for scores, rows in zip(nearest.scores.tolist(), nearest.rows.tolist(), strict=True):
        pairs = [
            (row if among is None else int(among[row]), score)
            for row, score in zip(rows, scores, strict=True)
            if row >= 0
        ]
        found.append([Hit(row, score) for row, score in pairs])
    return found


def _place(name: str, names: Sequence[str], what: str) -> int:
    folded = [known.casefold() for known in names]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    close = get_close_matches(name.casefold(), folded, cutoff=0.5)
    near = [names[folded.index(known)] for known in close] or sorted(names)[:10]
    raise InputError(f"{name!r}: no {what} of this index; there is {', '.join(near)}, for example")
