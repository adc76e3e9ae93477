"""Boxes of faces against the truth: recall beside false alarms, hits, and trivial answers."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from face_attributes.boxes import box_iou, contains
from vision_shared.metrics import ShapedMetric
from vision_shared.ranking import hits_at_scores
from vision_shared.tables import Table

FOUND = 0.5
"""A box finds a face from this intersection over union on."""

FALSE_ALARMS = (0.01, 0.1, 1.0)
"""Per image: where tables read the recall; the paper reports 0.01 and 0.1."""

CENTRE_BOX = "centre box"


class LocalisationScores(NamedTuple):
    """Figures of a system; NaN where there is nothing to count.

    Attributes:
        hit_rate: share of the images with faces where the response is highest inside one.
        found: share of those images whose best box has an IoU of at least 0.5 with a face.
        mean_iou: mean IoU of the best box with the face that it meets best, over those images; 0
            without a box.
        recall: (T,), of faces, ascending: while the threshold falls from the best box's score.
        false_alarms: (T,), per image, at the same thresholds.
        num_images: number of images with and without faces.
        num_faces: number of faces in all.
    """

    hit_rate: float
    found: float
    mean_iou: float
    recall: Tensor
    false_alarms: Tensor
    num_images: int
    num_faces: int

    def recall_at(self, false_alarms: float) -> float:
        """Return the highest recall with at most that many false alarms an image."""
        allowed = self.recall[self.false_alarms <= false_alarms]
        if self.num_faces == 0:
            return torch.nan
        return float(allowed.max()) if len(allowed) else 0.0


class LocalisationResults(ShapedMetric):
    """Streams the boxes of a system, image by image."""

    full_state_update = False
    scores: list[Tensor]
    is_face: list[Tensor]
    counts: Tensor  # images, faces, images with faces, of these the ones that were found
    iou: Tensor
    hits: Tensor  # peaks, and those in a face

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("is_face", [], dist_reduce_fx="cat")
        self.add_state("counts", torch.zeros(4, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("iou", torch.zeros(1, dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("hits", torch.zeros(2, dtype=torch.double), dist_reduce_fx="sum")

    def update(
        self, boxes: Tensor, scores: Tensor, truth: Tensor, peak: Tensor | None = None
    ) -> None:
        """Add an image.

        Args:
            boxes: (N, 4), pixels; none is an answer.
            scores: (N,).
            truth: (M, 4); none where there is no face.
            peak: (2,), x then y, where the response is highest; None of a system without one.

        Raises:
            ValueError: a shape does not fit.
        """
        for name, value, shape in (
            ("boxes (N, 4)", boxes, (len(scores), 4)),
            ("truth (M, 4)", truth, (len(truth), 4)),
        ):
            if tuple(value.shape) != shape:
                raise ValueError(f"expected {name} of {shape}, got {tuple(value.shape)}")
        order = scores.argsort(descending=True, stable=True)
        overlap = box_iou(boxes[order], truth)
        self.scores.append(scores[order].double())
        self.is_face.append(match_boxes(overlap))
        self.counts += self.counts.new_tensor([1, len(truth), 0, 0])
        if len(truth) == 0:
            return
        best = overlap[0].max() if len(boxes) else overlap.new_zeros(())
        self.counts += self.counts.new_tensor([0, 0, 1, float(best >= FOUND)])
        self.iou += best
        if peak is not None:
            self.hits += self.hits.new_tensor([1, float(contains(truth, peak[None]).any())])

    def compute(self) -> LocalisationScores:
        """Return the scores over all images."""
        num_images, num_faces, with_faces, found = self.counts.tolist()
        peaks, hits = self.hits.tolist()
        found_faces, boxes = hits_at_scores(dim_zero_cat(self.scores), dim_zero_cat(self.is_face))
        return LocalisationScores(
            hit_rate=_share(hits, peaks),
            found=_share(found, with_faces),
            mean_iou=_share(float(self.iou), with_faces),
            recall=found_faces / max(1, num_faces),
            false_alarms=(boxes - found_faces) / max(1, num_images),
            num_images=int(num_images),
            num_faces=int(num_faces),
        )


def match_boxes(overlap: Tensor) -> Tensor:
    """Match boxes to faces, each to the best face left: (N, M) IoU, best box first -> (N,) bool.

    A second box of one face is a false alarm (Everingham et al. 2010, the VOC's rule).
    """
    free = torch.ones(overlap.shape[1], dtype=torch.bool, device=overlap.device)
    matched = torch.zeros(len(overlap), dtype=torch.bool, device=overlap.device)
    for index, row in enumerate(overlap if len(free) else ()):
        iou, face = row.masked_fill(~free, -1).max(0)
        if iou >= FOUND:
            matched[index], free[face] = True, False
    return matched


def centre_box(truth: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the (1, 4) box of the mean sides of (N, 4) other images' faces, in the middle."""
    width, height = (truth[:, 2:] - truth[:, :2]).mean(0).tolist()
    x, y = (size[1] - width) / 2, (size[0] - height) / 2
    return truth.new_tensor([[x, y, x + width, y + height]])


def localisation_table(systems: Mapping[str, LocalisationScores]) -> Table:
    """Return the figures of systems by name, the trivial ones among them."""
    rows = []
    for name, scores in systems.items():
        recalls = [scores.recall_at(number) for number in FALSE_ALARMS]
        figures = [scores.hit_rate, scores.found, scores.mean_iou, *recalls]
        rows.append([name, *map(_cell, figures)])
    some = next(iter(systems.values()))
    columns = ["", "peak in a face", f"IoU >= {FOUND:g}", "mean IoU"]
    columns += [f"recall at {number:g}" for number in FALSE_ALARMS]
    note = (
        f"{some.num_images} images, {some.num_faces} faces. IoU: of the best box of an image; "
        "recall: of all faces, at so many false alarms an image."
    )
    return Table("Localisation", columns, rows, note)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else torch.nan


def _cell(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
