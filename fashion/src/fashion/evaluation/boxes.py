"""Boxes of garments: average precision at an IoU of 0.5, beside the box of the whole image."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat
from torchvision.ops import box_iou

from vision_shared.metrics import ShapedMetric
from vision_shared.ranking import hits_at_scores
from vision_shared.tables import Table

FOUND = 0.5
"""A box finds a garment from this intersection over union on."""

WHOLE_IMAGE = "whole image"


class BoxScores(NamedTuple):
    """Figures of a system.

    Attributes:
        precision: (T,) float64, average precision by type; NaN of a type without a garment.
        num_garments: (T,) int64.
        mean_iou: of each garment with the best-scored box of its image.
    """

    precision: Tensor
    num_garments: Tensor
    mean_iou: float

    @property
    def mean(self) -> float:
        """Average precision, the mean of the types."""
        return float(self.precision.nanmean())


class BoxResults(ShapedMetric):
    """Streams the boxes of a detector, image by image.

    Everingham et al. 2010: a box belongs to the garment of its type that it overlaps most; the
    second box of one garment is a false alarm. Ours where it is silent: a box that says nothing
    about types (type -1) belongs to garments of any type, and counts for each.

    Args:
        num_types: T.
    """

    full_state_update = False
    scores: list[Tensor]
    is_garment: list[Tensor]
    types: list[Tensor]
    num_garments: Tensor
    iou: Tensor

    def __init__(self, num_types: int) -> None:
        super().__init__()
        self.num_types = num_types
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("is_garment", [], dist_reduce_fx="cat")
        self.add_state("types", [], dist_reduce_fx="cat")
        self.add_state(
            "num_garments", torch.zeros(num_types, dtype=torch.long), dist_reduce_fx="sum"
        )
        self.add_state("iou", torch.zeros((), dtype=torch.double), dist_reduce_fx="sum")

    def update(
        self, boxes: Tensor, scores: Tensor, types: Tensor, truth: Tensor, true_types: Tensor
    ) -> None:
        """Add an image.

        Args:
            boxes: (N, 4), left, top, right, bottom, any unit; none is an answer.
            scores: (N,).
            types: (N,), in [0, T), or -1.
            truth: (M, 4), likewise.
            true_types: (M,), in [0, T).

        Raises:
            ValueError: a shape differs.
        """
        _expect("boxes (N, 4), scores and types", boxes, scores, types)
        _expect("truth (M, 4) and its types", truth, true_types)
        order = scores.argsort(descending=True, stable=True)
        boxes, scores, types = boxes[order], scores[order], types[order]
        overlap = box_iou(boxes.float(), truth.float())
        for t in range(self.num_types):
            chosen, of_type = (types == t) | (types == -1), true_types == t
            self.scores.append(scores[chosen].double())
            self.is_garment.append(match_boxes(overlap[chosen][:, of_type]))
            self.types.append(torch.full_like(types[chosen], t, dtype=torch.long))
            self.num_garments[t] += of_type.sum()
        if len(boxes):
            self.iou += overlap[0].double().sum()

    def compute(self) -> BoxScores:
        scores, types = dim_zero_cat(self.scores), dim_zero_cat(self.types)
        is_garment = dim_zero_cat(self.is_garment)
        precision = [
            box_precision(scores[types == t], is_garment[types == t], int(self.num_garments[t]))
            for t in range(self.num_types)
        ]
        total = int(self.num_garments.sum())
        mean_iou = float(self.iou) / total if total else torch.nan
        return BoxScores(
            torch.tensor(precision, dtype=torch.double), self.num_garments.clone(), mean_iou
        )


def match_boxes(overlap: Tensor) -> Tensor:
    """Match boxes to garments: IoU (N, M), best box first -> (N,) bool, which ones find one."""
    taken = torch.zeros(overlap.shape[1], dtype=torch.bool, device=overlap.device)
    found = torch.zeros(len(overlap), dtype=torch.bool, device=overlap.device)
    for index, row in enumerate(overlap if len(taken) else ()):
        iou, garment = row.max(0)
        if iou >= FOUND and not taken[garment]:
            found[index] = taken[garment] = True
    return found


def box_precision(scores: Tensor, is_garment: Tensor, num_garments: int) -> float:
    """Return the area under the precision-recall curve, precision made monotone (VOC 2010).

    Args:
        scores: (N,) of all images' boxes.
        is_garment: (N,) bool, of `match_boxes`.
        num_garments: to be found; NaN is returned where it is 0.
    """
    if num_garments == 0:
        return torch.nan
    hits, reached = hits_at_scores(scores, is_garment)
    best_after = (hits / reached).flip(0).cummax(0).values.flip(0)
    gained = hits.diff(prepend=hits.new_zeros(1))
    return float((gained * best_after).sum() / num_garments)


def box_table(systems: Mapping[str, BoxScores], type_names: Sequence[str]) -> Table:
    """Return average precision by type and system, the whole image among them."""
    some = next(iter(systems.values()))
    rows = [
        [name, *map(_cell, [*s.precision.tolist(), s.mean, s.mean_iou])]
        for name, s in systems.items()
    ]
    counts = ", ".join(f"{int(n)} {t}" for n, t in zip(some.num_garments, type_names, strict=True))
    note = (
        f"Garments: {counts}. A garment in the picture that nobody annotated is a false alarm of "
        "whoever finds it. Mean IoU: of the best-scored box of each image."
    )
    return Table(f"Boxes, AP at IoU {FOUND:g}", ["", *type_names, "mean", "mean IoU"], rows, note)


def _expect(what: str, boxes: Tensor, *others: Tensor) -> None:
    size = len(others[0])
    if boxes.shape != (size, 4) or any(other.shape != (size,) for other in others):
        shapes = ", ".join(str(tuple(x.shape)) for x in (boxes, *others))
        raise ValueError(f"expected {what} of one length, got {shapes}")


def _cell(value: float) -> str:
    return f"{value:.3f}" if value == value else "-"
