"""Exact search: the nearest vectors by inner product, in FAISS if it is there, or in torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

MARGIN = 8
"""How many more than asked for are taken before they are put in order in float64."""


class Nearest(NamedTuple):
    """The best of each query, in descending order; equal scores in ascending order of rows.

    Attributes:
        scores: (Q, K) float64; -inf where there are fewer than K vectors.
        rows: (Q, K) int64; -1 where there are fewer.
    """

    scores: NDArray[np.float64]
    rows: NDArray[np.int64]


def find_faiss() -> Any | None:
    """Return the module faiss, an optional extra; None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss


def exact_nearest(
    blocks: Iterable[tuple[int, Vectors]], queries: Vectors, k: int, faiss: Any | None
) -> Nearest:
    """Compare queries with every vector.

    What FAISS or torch find is put in order by scores in float64, so both give the same rows.

    Args:
        blocks: first row and vectors (n, D) of consecutive parts.
        queries: (Q, D).
        k: number that is wanted.
        faiss: the module, from `find_faiss`.
    """
    found = Nearest(np.full((len(queries), k), -np.inf), np.full((len(queries), k), -1))
    for first, vectors in blocks:
        if not len(vectors):
            continue
        columns = _top(vectors, queries, min(k + MARGIN, len(vectors)), faiss)
        found = merge(found, settle(vectors, queries, columns, first), k)
    return found


def settle(vectors: Vectors, queries: Vectors, columns: NDArray[np.int64], first: int) -> Nearest:
    """Score candidates in float64: columns (Q, C) of vectors -> rows from ``first``."""
    scores = np.empty(columns.shape)
    for scored, query, chosen in zip(scores, queries.astype(np.float64), columns, strict=True):
        scored[:] = vectors[chosen].astype(np.float64) @ query
    return Nearest(scores, columns + first)


def merge(one: Nearest, other: Nearest, k: int) -> Nearest:
    """Return the best k of both; rows of -1 come last."""
    scores = np.concatenate([one.scores, other.scores], 1)
    rows = np.concatenate([one.rows, other.rows], 1)
    order = np.lexsort((rows, -scores))[:, :k]
    return Nearest(np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1))


def in_blocks(vectors: Vectors, size: int) -> Iterator[tuple[int, Vectors]]:
    """Yield parts of an array as `exact_nearest` takes them."""
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size]


def _top(vectors: Vectors, queries: Vectors, k: int, faiss: Any | None) -> NDArray[np.int64]:
    if faiss is not None:
        return faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
    product = torch.from_numpy(queries) @ torch.from_numpy(vectors).T
    return product.topk(k).indices.numpy()
