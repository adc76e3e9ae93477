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
from vision_shared.inputs import InputError, new_file

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

REMEDY = "build the index again"

Blocks = Callable[[], Iterable[tuple[int, Vectors]]]


def number_of_lists(number: int) -> int:
    """Return about twice the square root of the number of vectors, a power of two."""
    return 2 ** round(np.log2(2 * max(1, number) ** 0.5))


class InvertedIndex:
    """Vectors in lists around centres, in a file of our own.

    A list is its vectors and then their ids; behind the lists are their sizes (num_lists,) int64
    and the centres (num_lists, D) float32. FAISS searches the lists where they lie, but never
    parses a file: its reader trusts what it reads, and a damaged file would crash the process.

    Args:
        index: FAISS's.
        faiss: the module.
        lists: FAISS's, which the index does not keep alive.
    """

    def __init__(self, index: Any, faiss: Any, lists: Any) -> None:
        self._index = index
        self._faiss = faiss
        self._lists = lists

    @classmethod
    def build(
        cls, path: Path, blocks: Blocks, ids: NDArray[np.int64], dimension: int, faiss: Any
    ) -> Self:
        """Distribute vectors over lists, in a new file.

        Args:
            path: path of the file.
            blocks: function that gives the vectors in parts, each time from the start.
            ids: (N,), of all of them.
            dimension: D.
            faiss: the module.
        """
        num_lists = number_of_lists(len(ids))
        index = _empty(num_lists, dimension, faiss)
        index.is_trained = False
        index.cp.niter, index.cp.max_points_per_centroid = ITERATIONS, TRAINED_ON
        index.cp.spherical = True
        index.train(_sample(blocks, len(ids), TRAINED_ON * num_lists)[1])
        lists = np.concatenate([index.quantizer.search(part, 1)[1][:, 0] for _, part in blocks()])
        sizes = np.bincount(lists, minlength=num_lists)
        centres = index.quantizer.reconstruct_n(0, num_lists)
        with new_file(path, overwrite=True) as temporary:
            _write_lists(temporary, blocks, ids, lists, sizes)
            with temporary.open("ab") as file:
                file.write(sizes.astype("<i8").tobytes() + centres.astype("<f4").tobytes())
        return cls.read(path, num_lists, dimension, 1, faiss)

    @classmethod
    def read(cls, path: Path, num_lists: int, dimension: int, num_probes: int, faiss: Any) -> Self:
        """Open what `build` wrote; only lists that queries look into are read from the disk.

        Raises:
            InputError: another file, or a damaged one.
        """
        there = path.stat().st_size if path.is_file() else 0
        begin = there - num_lists * (8 + 4 * dimension)
        if begin < 0:
            raise InputError(f"{path}: {there} bytes, too few for {num_lists} lists; {REMEDY}")
        sizes = np.fromfile(path, "<i8", num_lists, offset=begin)
        entry = 4 * dimension + 8
        if sizes.min() < 0 or sizes.max() * entry > begin or sizes.sum() * entry != begin:
            raise InputError(f"{path}: damaged: sizes that do not fit the file; {REMEDY}")
        centres = np.fromfile(path, "<f4", num_lists * dimension, offset=begin + 8 * num_lists)
        if not np.isfinite(centres).all():
            raise InputError(f"{path}: damaged: centres that are no numbers; {REMEDY}")
        index = _empty(num_lists, dimension, faiss)
        index.quantizer.add(centres.reshape(num_lists, dimension))
        lists = faiss.OnDiskInvertedLists()
        lists.nlist, lists.code_size = num_lists, 4 * dimension
        lists.lists.resize(num_lists)
        of_lists = sizes.astype(np.uint64)  # a name, for FAISS takes the mere address
        lists.set_all_lists_sizes(faiss.swig_ptr(of_lists))
        lists.filename, lists.totsize, lists.read_only = str(path), there, True
        lists.do_mmap()
        index.replace_invlists(lists, False)
        index.ntotal, index.nprobe = int(sizes.sum()), min(num_probes, num_lists)
        return cls(index, faiss, lists)

    @property
    def num_lists(self) -> int:
        """Number of inverted lists."""
        return self._index.nlist

    @property
    def num_probes(self) -> int:
        """Lists that a query looks into."""
        return self._index.nprobe

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


def _empty(num_lists: int, dimension: int, faiss: Any) -> Any:
    quantizer = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFFlat(quantizer, dimension, num_lists, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    return index


def _write_lists(
    path: Path,
    blocks: Blocks,
    ids: NDArray[np.int64],
    lists: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> None:
    """Write each vector into its list's place in the file, a block of them at a time."""
    order = np.argsort(lists, kind="stable")
    first_of_list = np.cumsum(sizes) - sizes
    rank = np.empty(len(ids), np.int64)  # of a vector in its list
    rank[order] = np.arange(len(ids)) - np.repeat(first_of_list, sizes)
    file: Any = None
    for first, part in blocks():
        rows = slice(first, first + len(part))
        length = part.shape[1]
        if file is None:
            file = np.memmap(path, "<f4", "w+", shape=len(ids) * (length + 2))  # an id is two
        starts = first_of_list[lists[rows]] * (length + 2)
        places = starts + rank[rows] * length
        file[places[:, None] + np.arange(length)] = part
        places = starts + sizes[lists[rows]] * length + 2 * rank[rows]
        file[places[:, None] + np.arange(2)] = ids[rows].astype("<i8").view("<f4").reshape(-1, 2)
    file.flush()
