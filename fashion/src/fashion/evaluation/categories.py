"""Categories: how often the right one is among the first k (Liu et al., CVPR 2016, table 2)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fashion.evaluation.published import CATEGORY, CATEGORY_SOURCE
from vision_shared.metrics import ShapedMetric
from vision_shared.tables import Table

KS = (1, 3, 5)
"""The paper prints 3 and 5."""


class CategoryScores(NamedTuple):
    """Figures of a system.

    Attributes:
        accuracy: share, by k, of the images whose category is among the k of the highest scores;
            NaN without an image.
        num_images: number of images whose category is known.
    """

    accuracy: dict[int, float]
    num_images: int


class CategoryAccuracy(ShapedMetric):
    """Streams top-k accuracy; a baseline streams the training frequencies as its scores.

    Args:
        num_categories: C.
        ks: number of answers that are processed.
    """

    full_state_update = False
    hits: Tensor
    total: Tensor

    def __init__(self, num_categories: int, ks: Sequence[int] = KS) -> None:
        super().__init__()
        self.num_categories, self.ks = num_categories, tuple(ks)
        self.add_state("hits", torch.zeros(len(ks), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            scores: (B, C), logits or any other scores, higher is likelier.
            labels: (B,) in [0, C); -1 is not known, and not counted.

        Raises:
            ValueError: a shape or a label does not fit, or a score is not a number.
        """
        expect_scores(scores, (len(labels), self.num_categories))
        if len(labels) and not -1 <= int(labels.min()) <= int(labels.max()) < self.num_categories:
            raise ValueError(
                f"expected labels in [-1, {self.num_categories}), got {labels.min()} to "
                f"{labels.max()}"
            )
        known = labels >= 0
        depth = min(max(self.ks), self.num_categories)
        right = scores[known].topk(depth).indices == labels[known, None]  # (M, K)
        self.hits += torch.stack([right[:, :k].sum() for k in self.ks])
        self.total += known.sum()

    def compute(self) -> CategoryScores:
        """Return top-k accuracy in [0, 1] by k; NaN without a known category."""
        total = int(self.total)
        shares = [hits / total if total else torch.nan for hits in self.hits.tolist()]
        return CategoryScores(dict(zip(self.ks, shares, strict=True)), total)


def expect_scores(scores: Tensor, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the scores have that shape and are numbers.

    NaN would rank first, and so be right whatever the label is.
    """
    if scores.shape != shape:
        raise ValueError(f"expected scores {shape}, got {tuple(scores.shape)}")
    if scores.isnan().any():
        raise ValueError(f"expected scores that are numbers, got NaN among {tuple(scores.shape)}")


def category_table(systems: Mapping[str, CategoryScores], *, published: bool = False) -> Table:
    """Return top-k accuracy in % by system.

    Args:
        systems: systems by name, the trivial ones among them; all with the same ks.
        published: whether to add the paper's rows, of DeepFashion's category and attribute
            benchmark.
    """
    some = next(iter(systems.values()))
    rows = [
        [name, *(f"{100 * share:.2f}" if share == share else "-" for share in s.accuracy.values())]
        for name, s in systems.items()
    ]
    note = f"{some.num_images} images"
    if published:
        for name, values in CATEGORY.items():
            known = {3: values[0], 5: values[1]}
            cells = [f"{known[k]:.2f}" if k in known else "" for k in some.accuracy]
            rows.append([f"{name} (published)", *cells])
        note += f". {CATEGORY_SOURCE}"
    return Table("Category, %", ["", *(f"top-{k}" for k in some.accuracy)], rows, note)
