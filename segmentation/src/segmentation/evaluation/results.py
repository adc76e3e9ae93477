"""What a test measures of one system, gathered image by image."""

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from segmentation.data.labels import IGNORE, ClassList
from segmentation.evaluation.boundaries import boundary_counts, boundary_f, trimap
from segmentation.evaluation.objects import (
    class_boxes,
    class_presence,
    mask_unlabelled,
)
from vision_shared.boxes import paired_iou

TOLERANCE = 0.0075
"""Of boundaries: a share of the image's diagonal (as in the DAVIS score), but at least 2 pixels."""

TRIMAP = 5
"""Pixels on either side of a border that `trimap_iou` is about."""

FOUND = 0.5
"""From this box IoU on, an object counts as localised, and its boundary is judged."""

MEASURES = {
    "miou": "mIoU",
    "pixel_accuracy": "pixels right",
    "trimap_iou": f"mIoU within {TRIMAP} px of borders",
    "boundary_f": "boundary F",
    "tagging": "tagging",
    "localisation": "localisation",
    "boundary_accuracy": "boundaries of found objects",
}
"""Of `Results.means`, and what tables call them."""


class Results(nn.Module):
    """Streams a system's answers.

    Args:
        classes: L of them.
    """

    def __init__(self, classes: ClassList) -> None:
        super().__init__()
        self.classes = classes
        number = len(classes)
        self.confusion = MulticlassConfusionMatrix(number, ignore_index=IGNORE)
        self.near_borders = MulticlassConfusionMatrix(number, ignore_index=IGNORE)
        means = ("boundary_f", "tagging", "localisation", "boundary_accuracy")
        self.gathered = nn.ModuleDict({name: MeanMetric() for name in means})

    def reset(self) -> None:
        """Forget all that was measured."""
        for metric in (self.confusion, self.near_borders, *self.gathered.values()):
            metric.reset()  # type: ignore[operator]

    def update(self, labels: Tensor, truth: Tensor) -> None:
        """Add a batch of predicted and true class ids, (B, H, W) each; 255 is unlabelled."""
        self.confusion.update(labels, truth)
        band = trimap(truth, TRIMAP)
        self.near_borders.update(labels, truth.masked_fill(~band, IGNORE))
        self._update_objects(labels, truth)

    def _update_objects(self, labels: Tensor, truth: Tensor) -> None:
        number = len(self.classes)
        diagonal = (truth.shape[1] ** 2 + truth.shape[2] ** 2) ** 0.5
        tolerance = max(2, round(TOLERANCE * diagonal))
        scores = boundary_f(boundary_counts(labels, truth, number, tolerance))  # (B, L)
        labels = mask_unlabelled(labels, truth)
        named, present = (class_presence(ids, number)[:, 1:] for ids in (labels, truth))
        boxes = [class_boxes(ids, number)[:, 1:] for ids in (labels, truth)]
        overlap = paired_iou(boxes[0], boxes[1])
        found = present & (overlap > FOUND) & ~scores[:, 1:].isnan()
        self._add("boundary_f", scores[~scores.isnan()])
        self._add("tagging", (named & present)[named | present])
        self._add("localisation", overlap[present])
        self._add("boundary_accuracy", scores[:, 1:][found])

    def _add(self, name: str, values: Tensor) -> None:
        if values.numel():
            self.gathered[name].update(values.float())  # type: ignore[operator]

    def mean_iou(self) -> Tensor:
        """Return the mean IoU, see `mean_iou`."""
        return mean_iou(class_iou(self.confusion.compute()))

    def absent_classes(self) -> list[str]:
        """Return the names of classes without a pixel in the truth."""
        counts = self.confusion.compute().sum(1).tolist()
        return [name for name, count in zip(self.classes.names, counts, strict=True) if not count]

    def class_iou(self) -> Tensor:
        """Return (L,) in [0, 1]; NaN for a class that no pixel has or gets."""
        return class_iou(self.confusion.compute())

    def means(self) -> dict[str, Tensor]:
        """Return the figures of the whole test, named as in `MEASURES`, in [0, 1]."""
        matrix = self.confusion.compute().double()
        return {
            "miou": self.mean_iou(),
            "pixel_accuracy": matrix.trace() / matrix.sum().clamp_min(1),
            "trimap_iou": mean_iou(class_iou(self.near_borders.compute())),
            **{name: _computed(metric) for name, metric in self.gathered.items()},
        }


def class_iou(matrix: Tensor) -> Tensor:
    """(L, L) counts, truth by row -> (L,) intersection over union; NaN where a union is empty.

    >>> class_iou(torch.tensor([[3, 1], [0, 4]]))
    tensor([0.7500, 0.8000], dtype=torch.float64)
    """
    matrix = matrix.double()
    hits = matrix.diagonal()
    union = matrix.sum(0) + matrix.sum(1) - hits
    return torch.where(union > 0, hits / union.clamp_min(1), torch.nan)


def mean_iou(iou: Tensor) -> Tensor:
    """Mean of the classes' IoU (L,) in [0, 1], over those that occur.

    NaN where fewer than two do: a system that says one class everywhere would have 1.

    >>> mean_iou(torch.tensor([0.75, 0.8, torch.nan], dtype=torch.float64))
    tensor(0.7750, dtype=torch.float64)
    """
    occurring = iou[~iou.isnan()]
    return occurring.mean() if len(occurring) > 1 else iou.new_tensor(torch.nan)


def _computed(metric: Any) -> Tensor:
    """The mean; NaN where there was nothing to judge."""
    return metric.compute() if metric.update_called else torch.tensor(torch.nan)
