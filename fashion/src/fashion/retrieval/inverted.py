"""The approximate index of a large index: FAISS's inverted lists, set so that they find enough.

How many lists a query has to look into depends on the data: the nearest of vectors without
structure are all over them. So the number is tuned on some garments of the index until the nearest
other garment is found often enough, and the recall that is told is that of others than these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fashion.retrieval.exact import Nearest, Vectors, exact_nearest

LISTS_FROM = 100_000
"""Garments from which on an index is approximate."""

RECALL = 0.99
"""Of the nearest other garment, that a large index has to reach."""

AIM = 0.995
"""What the lists are tuned to, since the tuning sees a sample."""

TRAINED_ON = 48
"""Vectors for each list that k-means looks at, and how often."""
ITERATIONS = 8

SAMPLE = 1000
"""Garments that the tuning asks for, and again the measurement."""

Blocks = Callable[[], Iterable[tuple[int, Vectors]]]


def number_of_lists(number: int) -> int:
    """Return about twice the square root of the number of vectors, a power of two."""
    return 2 ** round(np.log2(2 * max(1, number) ** 0.5))


class InvertedIndex:
    """Vectors in lists around centres.

    Args:
        index: FAISS's.
        faiss: the module.
    """

    def __init__(self, index: Any, faiss: Any) -> None:
        self._index = index
        self._faiss = faiss

    @classmethod
    def build(cls, blocks: Blocks, ids: NDArray[np.int64], dimension: int, faiss: Any) -> Self:
        """Distribute vectors over lists.

        Args:
            blocks: gives the vectors in parts, each time from the start.
            ids: (N,), of all of them.
            dimension: D.
            faiss: the module.
        """
        num_lists = number_of_lists(len(ids))
        quantizer = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFFlat(quantizer, dimension, num_lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid = ITERATIONS, TRAINED_ON
        index.cp.spherical = True
        index.train(_sample(blocks, len(ids), TRAINED_ON * num_lists)[1])
        lists = np.concatenate([index.quantizer.search(part, 1)[1][:, 0] for _, part in blocks()])
        _reserve(index, np.bincount(lists, minlength=num_lists))
        for first, part in blocks():
            stop = first + len(part)
            index.add_core(
                len(part),
                faiss.swig_ptr(part),
                faiss.swig_ptr(np.ascontiguousarray(ids[first:stop])),
                faiss.swig_ptr(np.ascontiguousarray(lists[first:stop])),
            )
        return cls(index, faiss)

    @classmethod
    def read(cls, path: Path, num_probes: int, faiss: Any) -> Self:
        """Open what `write` wrote; only lists that queries look into are read from the disk."""
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        index.nprobe = num_probes
        return cls(index, faiss)

    @property
    def num_lists(self) -> int:
        return self._index.nlist

    @property
    def num_probes(self) -> int:
        """Lists that a query looks into."""
        return self._index.nprobe

    def write(self, path: Path) -> None:
        """Write it to a file."""
        self._faiss.write_index(self._index, str(path))

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores (Q, k) and ids; -1 where the lists held fewer."""
        return self._index.search(queries, k)

    def tune(self, blocks: Blocks, ids: NDArray[np.int64], sample: int = SAMPLE) -> float | None:
        """Set the number of probes.

        Returns:
            The recall of the nearest other garment on another sample; None where more than a
            quarter of the lists would have to be looked into, which gains nothing.
        """
        rows, vectors = _sample(blocks, len(ids), 2 * sample)
        best = exact_nearest(blocks(), vectors, 2, self._faiss)
        best = _best_other(best, rows)
        odd = np.arange(len(rows)) % 2 == 1
        probes = 1
        while True:
            self._index.nprobe = probes
            if self._recall(vectors[odd], ids[rows[odd]], best[odd]) >= AIM:
                break
            probes *= 2
            if probes > max(1, self.num_lists // 4):
                return None
        return self._recall(vectors[~odd], ids[rows[~odd]], best[~odd])

    def _recall(self, queries: Vectors, ids: NDArray[np.int64], best: NDArray[np.float64]) -> float:
        """Share of queries for which another garment is found that is as near as the nearest."""
        scores, found = self.search(queries, 2)
        other = np.where(found != ids[:, None], scores, -np.inf).max(1)
        return float((other >= best - 1e-5).mean())  # copies of a garment are as good as it


def _best_other(nearest: Nearest, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(nearest.rows != rows[:, None], nearest.scores, -np.inf).max(1)


def _sample(blocks: Blocks, total: int, number: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return rows, and their vectors, drawn at random but always the same."""
    rows = np.arange(total)
    if number < total:
        rows = np.sort(np.random.default_rng(0).choice(total, number, replace=False))
    parts = []
    for first, vectors in blocks():
        inside = rows[(rows >= first) & (rows < first + len(vectors))]
        parts.append(vectors[inside - first])
    return rows, np.concatenate(parts)


def _reserve(index: Any, sizes: NDArray[np.int64]) -> None:
    """Give each list its room at once: lists that grow take up to twice the memory."""
    for number, size in enumerate(sizes.tolist()):
        index.invlists.resize(number, size)
        index.invlists.resize(number, 0)
