"""Attributes: the benchmark's recall among the first k, and average precision.

The benchmark (Liu et al., CVPR 2016, table 2) ranks the scores of an image's attributes and counts
how many of its attributes stand among the first k: the hits of all images over the attributes of
all images. A column of a type ranks that type's attributes alone. Averaging the recalls of a few
well-recognised attributes instead can triple the figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from fashion.data.taxonomy import ATTRIBUTE_TYPES
from fashion.evaluation.categories import expect_scores
from fashion.evaluation.published import ATTRIBUTES, CATEGORY_SOURCE
from vision_shared.metrics import ShapedMetric
from vision_shared.ranking import average_precision
from vision_shared.tables import Table

KS = (3, 5)
"""What the paper prints."""


class AttributeScores(NamedTuple):
    """Figures of a system.

    Attributes:
        recall: (T + 1,) float64 by k, within each type and, last, over all attributes; NaN where
            no image has one.
        num_labels: (T + 1,) int64, attributes of images that there were to find.
    """

    recall: dict[int, Tensor]
    num_labels: Tensor


class AttributeRecall(ShapedMetric):
    """Streams top-k recall; a baseline streams the training frequencies as its scores.

    Args:
        types: the type of each of the A attributes, in [0, T).
        num_types: T.
        ks: number of answers that are processed.

    Raises:
        ValueError: a type is out of range.
    """

    full_state_update = False
    hits: Tensor
    total: Tensor

    def __init__(self, types: Sequence[int], num_types: int, ks: Sequence[int] = KS) -> None:
        super().__init__()
        if not all(0 <= t < num_types for t in types):
            raise ValueError(f"expected types in [0, {num_types}), got {sorted(set(types))}")
        self.num_attributes, self.ks = len(types), tuple(ks)
        of_type = torch.tensor(types)
        self.columns = [(of_type == t).nonzero()[:, 0] for t in range(num_types)]
        self.columns.append(torch.arange(len(types)))
        shape = (len(ks), num_types + 1)
        self.add_state("hits", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(shape[1], dtype=torch.long), dist_reduce_fx="sum")

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            scores: (B, A), logits or any other scores, higher is likelier.
            labels: (B, A): 1 yes, -1 no, 0 not known. What is not known is ranked all the same, as
                the benchmark does: it can take a place, but is nothing to find.

        Raises:
            ValueError: a shape differs, or a score is not a number.
        """
        expect_scores(scores, (len(labels), self.num_attributes))
        expect_labels(labels, scores)
        present = labels == 1
        for t, columns in enumerate(self.columns):
            columns = columns.to(scores.device)
            depth = min(max(self.ks), len(columns))
            first = scores[:, columns].topk(depth).indices
            found = present[:, columns].gather(1, first)  # (B, K)
            self.hits[:, t] += torch.stack([found[:, :k].sum() for k in self.ks])
            self.total[t] += present[:, columns].sum()

    def compute(self) -> AttributeScores:
        """Return recall in [0, 1] of each attribute by k, NaN where it never occurs."""
        recall = torch.where(self.total > 0, self.hits.double() / self.total, torch.nan)
        return AttributeScores(dict(zip(self.ks, recall, strict=True)), self.total.clone())


class AttributePrecision(ShapedMetric):
    """Gathers scores for each attribute's average precision; 40,000 images of 1,000 are 200 MB.

    Args:
        num_attributes: A.
    """

    full_state_update = False
    scores: list[Tensor]
    labels: list[Tensor]

    def __init__(self, num_attributes: int) -> None:
        super().__init__()
        self.num_attributes = num_attributes
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Add a batch, as `AttributeRecall.update`; labels that are not known do not count."""
        expect_scores(scores, (len(labels), self.num_attributes))
        expect_labels(labels, scores)
        self.scores.append(scores.detach().float())
        self.labels.append(labels.to(torch.int8))

    def compute(self) -> Tensor:
        """Return (A,) float64; NaN without a positive. Its ``nanmean()`` is the mAP."""
        return average_precision(dim_zero_cat(self.scores), dim_zero_cat(self.labels))


def expect_labels(labels: Tensor, scores: Tensor) -> None:
    """Raise ValueError unless labels have the scores' shape."""
    if labels.shape != scores.shape:
        raise ValueError(f"expected labels {tuple(scores.shape)}, got {tuple(labels.shape)}")


def attribute_table(
    systems: Mapping[str, AttributeScores],
    type_names: Sequence[str],
    precision: Mapping[str, Tensor] | None = None,
    *,
    published: bool = False,
) -> Table:
    """Return recall in %, top-3/top-5, by system: within each type, and over all attributes.

    Args:
        systems: systems by name, the trivial ones among them; all with the same ks.
        type_names: type names of the T types.
        precision: (A,) of `AttributePrecision` by name of the system, for a column of means.
        published: whether to add the papers' rows, where the types are DeepFashion's five.
    """
    some = next(iter(systems.values()))
    rows = []
    for name, scores in systems.items():
        columns = torch.stack(list(scores.recall.values()), 1).tolist()  # (T + 1, K)
        cells = ["/".join(_percent(x) for x in column) for column in columns]
        if precision is not None:
            cells.append(_percent(float(precision[name].nanmean())) if name in precision else "")
        rows.append([name, *cells])
    note = f"{int(some.num_labels[-1])} attributes of images to find"
    if published:
        rows += _published(type_names, some.recall.keys(), padding=precision is not None)
        note += f". {CATEGORY_SOURCE}"
    ks = "/".join(f"top-{k}" for k in some.recall)
    columns = [ks, *type_names, "all", *(["mAP"] if precision is not None else [])]
    return Table("Attributes, recall in %", columns, rows, note)


def _published(type_names: Sequence[str], ks: Iterable[int], *, padding: bool) -> list[list[str]]:
    if tuple(type_names) != ATTRIBUTE_TYPES or tuple(ks) != KS:
        raise ValueError(
            f"expected the types {ATTRIBUTE_TYPES} and ks {KS}, of which published rows are, got "
            f"{tuple(type_names)} and {tuple(ks)}"
        )
    rows = []
    for name, values in ATTRIBUTES.items():
        cells = ["/".join(f"{x:.2f}" for x in pair) for pair in values]
        rows.append([f"{name} (published)", *cells, *([""] if padding else [])])
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.2f}" if share == share else "-"
