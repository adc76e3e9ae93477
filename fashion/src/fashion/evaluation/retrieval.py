"""Retrieval: is an image of the same item among the first k of the gallery?

In-shop (Liu et al., CVPR 2016, section 4.3): each query is compared with the whole gallery, not
with its category alone; it is a hit at k when *any* of the first k shows its item. Consumer-to-shop
is the same with consumers' photos against all shop images of validation and test.

Only the place of the best match matters, so it is counted, not sorted for: all k come at once, and
where embeddings tie, what is not a match stands ahead. A network that answers every image alike
hits nothing.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from vision_shared.metrics import ShapedMetric

BLOCK = 256
"""Queries compared at a time: their similarities to In-shop's gallery are 13 MB."""


class Embedded(NamedTuple):
    """Images of a query set or a gallery.

    Attributes:
        embedding: (N, D), of length 1.
        item: (N,) int64.
        series: (N,) int64, the colour series within the item; -1 is not known.
        category: (N,) int64; -1 is not known.
    """

    embedding: Tensor
    item: Tensor
    series: Tensor
    category: Tensor


class Ranking(NamedTuple):
    """Where the best match of each query stands.

    Attributes:
        rank: (Q,) int64, from 0: how many other items' images are at least as near.
        num_matches: (Q,) int64, images of the query's item in the gallery.
        num_candidates: (Q,) int64, images it was compared with.
        category: (Q,) int64, of the query.
    """

    rank: Tensor
    num_matches: Tensor
    num_candidates: Tensor
    category: Tensor

    @property
    def answerable(self) -> Tensor:
        """(Q,) bool: the gallery has a match."""
        return self.num_matches > 0

    def hit_rate(self, k: int) -> float:
        """Return hit@k; a query without a match in the gallery is a miss. NaN without a query."""
        return float(((self.rank < k) & self.answerable).double().mean())

    def chance(self, k: int) -> float:
        """Return the hit@k that a random order of the gallery expects."""
        others = (self.num_candidates - self.num_matches).double()
        total = self.num_candidates.double()
        # the probability that the first k are all among the others: C(others, k) / C(total, k)
        steps = torch.arange(k, dtype=torch.double, device=total.device)
        left = (others[:, None] - steps).clamp_min(0) / (total[:, None] - steps).clamp_min(1)
        return float((1 - left.prod(1)).mean())

    def only(self, chosen: Tensor) -> "Ranking":
        """Return the queries (Q,) bool that are chosen."""
        return Ranking(*(values[chosen] for values in self))


class GatheredEmbeddings(ShapedMetric):
    """Gathers what a query set or a gallery looks like; In-shop's gallery is 26 MB."""

    full_state_update = False
    embedding: list[Tensor]
    item: list[Tensor]
    series: list[Tensor]
    category: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in Embedded._fields:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, embedding: Tensor, item: Tensor, series: Tensor, category: Tensor) -> None:
        """Add a batch, as `Embedded`; images of an unknown item (-1) are left out.

        Raises:
            ValueError: lengths differ, or an embedding is not a number.
        """
        batch = Embedded(embedding.detach(), item, series, category)
        _expect_embedded("batch", batch)
        for name, values in zip(Embedded._fields, batch, strict=True):
            getattr(self, name).append(values[item >= 0])

    def compute(self) -> Embedded:
        """Return the embeddings of all batches and processes."""
        return Embedded(*(dim_zero_cat(getattr(self, name)) for name in Embedded._fields))


def rank_matches(
    queries: Embedded, gallery: Embedded, *, other_series: bool = False, block: int = BLOCK
) -> Ranking:
    """Compare each query with the whole gallery.

    Args:
        queries: (Q, D).
        gallery: (G, D).
        other_series: leave out of each query's gallery the images of its own item *and* series:
            nearly the same photo often, and counted as a match officially.
        block: queries at a time.

    Raises:
        ValueError: shapes differ, or an embedding is not a number.
    """
    _expect_embedded("queries", queries)
    _expect_embedded("gallery", gallery)
    if queries.embedding.shape[1] != gallery.embedding.shape[1]:
        raise ValueError(
            f"expected embeddings of one length, got {queries.embedding.shape[1]} and "
            f"{gallery.embedding.shape[1]}"
        )
    matches = _Matches(gallery, other_series=other_series)
    parts = []
    for start in range(0, len(queries.item), block):
        part = Embedded(*(values[start : start + block] for values in queries))
        parts.append(_rank_block(part, gallery, matches))
    return Ranking(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _rank_block(queries: Embedded, gallery: Embedded, matches: "_Matches") -> Ranking:
    similarity = queries.embedding @ gallery.embedding.T  # (b, G)
    rows, columns, is_hidden = matches(queries)
    similarity[rows[is_hidden], columns[is_hidden]] = -torch.inf
    rows, columns, hidden_rows = rows[~is_hidden], columns[~is_hidden], rows[is_hidden]
    best = similarity.new_full((len(similarity),), torch.inf)
    best.scatter_reduce_(0, rows, similarity[rows, columns], "amax", include_self=False)
    similarity[rows, columns] = -torch.inf  # what is left are other items
    num_matches = rows.bincount(minlength=len(best))
    num_candidates = len(gallery.item) - hidden_rows.bincount(minlength=len(best))
    ahead = (similarity >= best[:, None]).sum(1, dtype=torch.int32).long()  # twice as fast
    rank = torch.where(num_matches > 0, ahead, num_candidates)
    return Ranking(rank, num_matches, num_candidates, queries.category)


class _Matches:
    """Finds the few pairs of one item without comparing all."""

    def __init__(self, gallery: Embedded, *, other_series: bool) -> None:
        self._items, self._order = gallery.item.sort()
        self._series = gallery.series
        self._other_series = other_series

    def __call__(self, queries: Embedded) -> tuple[Tensor, Tensor, Tensor]:
        """Return query and gallery places (P,) of pairs of one item, and which are to be hidden."""
        first = torch.searchsorted(self._items, queries.item)
        counts = torch.searchsorted(self._items, queries.item, right=True) - first
        rows = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        within = torch.arange(len(rows), device=counts.device) - (counts.cumsum(0) - counts)[rows]
        columns = self._order[first[rows] + within]
        series = queries.series[rows]
        is_hidden = (series == self._series[columns]) & (series >= 0) & self._other_series
        return rows, columns, is_hidden


def _expect_embedded(what: str, embedded: Embedded) -> None:
    size = len(embedded.item)
    shapes = [tuple(values.shape) for values in embedded]
    if embedded.embedding.ndim != 2 or any(shape[0] != size for shape in shapes):
        raise ValueError(f"expected {what} of embeddings (N, D) and three of (N,), got {shapes}")
    if not embedded.embedding.isfinite().all():
        raise ValueError(f"expected {what} with embeddings that are numbers, got NaN or infinity")
