"""Boxes of garments: average precision, VOC's and COCO's, beside the box of the whole image."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat
from torchvision.ops import box_iou

from fashion.evaluation.coco import coco_precision, match_at_thresholds
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
        mean_iou: mean IoU of each garment with the best-scored box of its image.
        coco: (T,) float64, COCO's average precision, the mean over its overlaps from 0.5 to 0.95.
        scores: (N,) float64, of all boxes.
        is_garment: (N,) bool, of all boxes: they find a garment of their type at an IoU of 0.5.
    """

    precision: Tensor
    num_garments: Tensor
    mean_iou: float
    coco: Tensor
    scores: Tensor
    is_garment: Tensor

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
    at_thresholds: list[Tensor]
    types: list[Tensor]
    num_garments: Tensor
    iou: Tensor

    def __init__(self, num_types: int) -> None:
        super().__init__()
        self.num_types = num_types
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("is_garment", [], dist_reduce_fx="cat")
        self.add_state("at_thresholds", [], dist_reduce_fx="cat")
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
            self.at_thresholds.append(match_at_thresholds(overlap[chosen][:, of_type]))
            self.types.append(torch.full_like(types[chosen], t, dtype=torch.long))
            self.num_garments[t] += of_type.sum()
        if len(boxes):
            self.iou += overlap[0].double().sum()

    def compute(self) -> BoxScores:
        """Return AP by type at an overlap of 0.5, COCO's AP, and the best box's mean IoU."""
        scores, types = dim_zero_cat(self.scores), dim_zero_cat(self.types)
        is_garment, at = dim_zero_cat(self.is_garment), dim_zero_cat(self.at_thresholds)
        precision, coco = [], []
        for t, number in enumerate(self.num_garments.tolist()):
            of_type = types == t
            precision.append(box_precision(scores[of_type], is_garment[of_type], number))
            coco.append(coco_precision(scores[of_type], at[of_type], number).mean())
        total = int(self.num_garments.sum())
        return BoxScores(
            torch.tensor(precision, dtype=torch.double),
            self.num_garments.clone(),
            float(self.iou) / total if total else torch.nan,
            torch.stack(coco),
            scores,
            is_garment,
        )


def right_boxes(
    boxes: Tensor, scores: Tensor, types: Tensor, truth: Tensor, true_types: Tensor
) -> Tensor:
    """Return (N,) bool, which boxes of an image are right, as `BoxResults` counts them.

    Args: as those of `BoxResults.update`, every box of a type.
    """
    is_right = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    order = scores.argsort(descending=True, stable=True)
    overlap = box_iou(boxes.float(), truth.float())
    for kind in types.unique():
        chosen = order[types[order] == kind]
        is_right[chosen] = match_boxes(overlap[chosen][:, true_types == kind])
    return is_right


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
        num_garments: number of garments to be found; NaN is returned where it is 0.
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
        [
            name,
            *map(_cell, [*s.precision.tolist(), s.mean, float(s.coco.nanmean()), s.mean_iou]),
        ]
        for name, s in systems.items()
    ]
    counts = ", ".join(f"{int(n)} {t}" for n, t in zip(some.num_garments, type_names, strict=True))
    note = (
        f"Garments: {counts}. A garment in the image that no one annotated is a false alarm of "
        "whoever finds it. COCO: the mean of the types and of overlaps from 0.5 to 0.95, as COCO "
        "counts it. Mean IoU: of the best-scored box of each image."
    )
    columns = ["", *type_names, "mean", "COCO", "mean IoU"]
    return Table(f"Boxes, AP at IoU {FOUND:g}", columns, rows, note)


def score_table(reported: BoxScores, levels: Sequence[float] = (0.3, 0.5, 0.7, 0.9)) -> Table:
    """Return how many boxes above a score are right, which scores should promise.

    Args:
        reported: boxes of which each garment has one.
        levels: least scores.
    """
    rows = []
    for level in levels:
        chosen = reported.scores >= level
        right = reported.is_garment[chosen].double()
        promised = float(reported.scores[chosen].mean())
        found = float(right.sum()) / max(int(reported.num_garments.sum()), 1)
        shares = [float(right.mean()), promised, found]
        rows.append([f"{level:g}", str(int(chosen.sum())), *map(_cell, shares)])
    note = "Mean score: what the scores of these boxes promise to be right. Found: of all garments."
    columns = ["least score", "boxes", "right", "mean score", "found"]
    return Table("Boxes by score", columns, rows, note)


def _expect(what: str, boxes: Tensor, *others: Tensor) -> None:
    size = len(others[0])
    if boxes.shape != (size, 4) or any(other.shape != (size,) for other in others):
        shapes = ", ".join(str(tuple(x.shape)) for x in (boxes, *others))
        raise ValueError(f"expected {what} of one length, got {shapes}")


def _cell(value: float) -> str:
    return f"{value:.3f}" if value == value else "-"
