"""All that is measured of one system on garments that are cut out, streamed batch by batch."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from fashion.data.taxonomy import CONSUMER, GALLERY, QUERY
from fashion.evaluation.attributes import AttributePrecision, AttributeRecall, AttributeScores
from fashion.evaluation.categories import CategoryAccuracy, CategoryScores
from fashion.evaluation.landmarks import LandmarkErrors, LandmarkScores
from fashion.evaluation.retrieval import GatheredEmbeddings, Ranking, rank_matches
from vision_shared.metrics import ShapedMetric

HITS_AT = (1, 20)
"""The ks of retrieval's figures, the first and the last that the paper compares by."""

SCORED = ("category_top1", "attribute_top3", "pdl", "in_shop_hit1", "street_hit1")
"""Figures in [0, 1], better when higher, whose mean chooses a checkpoint."""


class Measured(NamedTuple):
    """Figures of a system; None where the data, or the system, says nothing.

    Attributes:
        category: logits of categories.
        attributes: logits of attributes.
        precision: (A,), average precision of each attribute.
        landmarks: positions of landmarks.
    """

    category: CategoryScores | None
    attributes: AttributeScores | None
    precision: Tensor | None
    landmarks: LandmarkScores | None


class GarmentResults(nn.Module):
    """Streams what a system says of garments.

    Args:
        num_categories: C.
        attribute_types: the number of each attribute's type.
        num_types: number of types of attributes.
        has_precision: gather every score, for average precision.
    """

    def __init__(
        self,
        num_categories: int,
        attribute_types: Sequence[int],
        num_types: int,
        *,
        has_precision: bool = True,
    ) -> None:
        super().__init__()
        self.category = CategoryAccuracy(num_categories) if num_categories else None
        self.attributes = AttributeRecall(attribute_types, num_types) if attribute_types else None
        gathers = bool(attribute_types) and has_precision
        self.precision = AttributePrecision(len(attribute_types)) if gathers else None
        self.landmarks = LandmarkErrors()

    def update(self, answer: Any, batch: Mapping[str, Tensor]) -> None:
        """Add a batch.

        Args:
            answer: a `fashion.models.Recognition`, or an `Alignment` with landmarks alone.
            batch: batch of garments, as `fashion.data.samples` has them.
        """
        self.landmarks.update(
            answer.landmarks, batch["landmarks"], batch["states"], batch["variation"]
        )
        if not hasattr(answer, "category_logits"):
            return
        if self.category is not None:
            self.category.update(answer.category_logits, batch["category"])
        for metric in filter(None, (self.attributes, self.precision)):
            metric.update(answer.attribute_logits, batch["attributes"])

    def compute(self) -> Measured:
        """Return what could be measured."""
        category: CategoryScores | None = _computed(self.category)
        attributes: AttributeScores | None = _computed(self.attributes)
        landmarks: LandmarkScores | None = _computed(self.landmarks)
        has_attributes = attributes is not None and int(attributes.num_labels[-1]) > 0
        return Measured(
            category if category is not None and category.num_images else None,
            attributes if has_attributes else None,
            _computed(self.precision) if has_attributes else None,
            landmarks if landmarks is not None and landmarks.num_visible else None,
        )

    def reset(self) -> None:
        """Forget all that was measured."""
        for metric in (self.category, self.attributes, self.precision, self.landmarks):
            if metric is not None:
                metric.reset()


def _computed(metric: Metric | None) -> Any:
    return metric.compute() if metric is not None and metric.update_called else None


class RetrievalResults(nn.Module):
    """Gathers queries and galleries.

    Images with a colour series are In-shop's and those without are Consumer-to-shop's, which
    synthetic people have both of; a query that a consumer took tells street from shop elsewhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.ModuleList([GatheredEmbeddings(), GatheredEmbeddings()])
        self.galleries = nn.ModuleList([GatheredEmbeddings(), GatheredEmbeddings()])
        self.consumers = _ConsumerQueries()

    def update(self, embedding: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Add a batch: (B, D), and its garments."""
        facts = [batch[name] for name in ("item", "series", "category")]
        is_query, is_gallery = batch["role"] == QUERY, batch["role"] == GALLERY
        for has_series in (False, True):
            of_group = (batch["series"] >= 0) == has_series
            for role, metrics in ((is_query, self.queries), (is_gallery, self.galleries)):
                rows = of_group & role
                metrics[has_series].update(embedding[rows], *(fact[rows] for fact in facts))  # type: ignore[operator]
        self.consumers.update(batch["series"] >= 0, is_query & (batch["domain"] == CONSUMER))

    def in_shop(self, *, other_series: bool = False) -> Ranking | None:
        """Return where In-shop's matches stand, see `rank_matches`; None without a query."""
        return self._first(on_street=False, other_series=other_series)

    def on_street(self) -> Ranking | None:
        """Return where the matches of consumers' queries stand; None without a query."""
        return self._first(on_street=True)

    def _first(self, *, on_street: bool, other_series: bool = False) -> Ranking | None:
        if not self.consumers.update_called:
            return None
        by_consumers = self.consumers.compute() > 0
        for group in (1, 0):
            if bool(by_consumers[group]) != on_street:
                continue
            queries = self.queries[group].compute()  # type: ignore[operator]
            gallery = self.galleries[group].compute()  # type: ignore[operator]
            if len(queries.item) and len(gallery.item):
                return rank_matches(queries, gallery, other_series=other_series)
        return None

    def reset(self) -> None:
        """Forget all that was gathered."""
        for metric in (*self.queries, *self.galleries, self.consumers):
            metric.reset()  # type: ignore[operator]


class _ConsumerQueries(ShapedMetric):
    """Counts the queries that consumers took, of images without and with a colour series."""

    full_state_update = False
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(2, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, has_series: Tensor, by_consumer: Tensor) -> None:
        self.counts += torch.stack(
            [(by_consumer & ~has_series).sum(), (by_consumer & has_series).sum()]
        )

    def compute(self) -> Tensor:
        return self.counts.clone()


def summarise(measured: Measured, retrieval: RetrievalResults) -> dict[str, float]:
    """Return one number or two of each thing that was measured; higher is better but for ``ne``."""
    found: dict[str, float] = {}
    if measured.category is not None:
        found["category_top1"] = measured.category.accuracy[1]
    if measured.attributes is not None:
        found["attribute_top3"] = float(measured.attributes.recall[3][-1])
    if measured.precision is not None:
        found["attribute_map"] = float(measured.precision.nanmean())
    if measured.landmarks is not None:
        found["ne"] = measured.landmarks.normalised_error()
        found["pdl"] = measured.landmarks.detected()
    rankings = {"in_shop": retrieval.in_shop(), "street": retrieval.on_street()}
    for name, ranking in rankings.items():
        if ranking is not None:
            found |= {f"{name}_hit{k}": ranking.hit_rate(k) for k in HITS_AT}
    return found


def score(found: Mapping[str, float]) -> float:
    """Return the mean of the figures of `SCORED` that there are; NaN where nothing was measured."""
    values = [found[name] for name in SCORED if name in found]
    return sum(values) / len(values) if values else float("nan")
