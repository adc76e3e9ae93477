"""A network beside its controls on the same images: the tables of a test."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from segmentation.data.labels import IGNORE, ClassList
from segmentation.evaluation.results import MEASURES, Results
from segmentation.models.parsing import shrink_target
from vision_shared.tables import Table

OURS = "ours"
BACKGROUND = "background everywhere"


class Comparison:
    """Gathers the answers of several systems to the same images.

    Args:
        classes: L of them.
    """

    def __init__(self, classes: ClassList) -> None:
        self.classes = classes
        self.reset()

    def reset(self) -> None:
        """Forget all that was measured."""
        self.systems: dict[str, Results] = {}
        self.seconds: dict[str, list[float]] = {}
        self._warm: set[tuple[str, torch.Size]] = set()
        self.macs: dict[str, float] = {}
        self.num_images = 0
        self.stages: StageCounts | None = None

    def update(self, answers: dict[str, Tensor], truth: Tensor) -> None:
        """Add each system's class ids of a batch, (B, H, W) as the truth's; 255 is unlabelled."""
        self.num_images += len(truth)
        for name, labels in {**answers, BACKGROUND: torch.zeros_like(truth)}.items():
            if name not in self.systems:
                self.systems[name] = Results(self.classes).to(truth.device)
            self.systems[name].update(labels, truth)

    def update_stages(
        self, stages: Tensor, labels: Tensor, truth: Tensor, computed: Sequence[float]
    ) -> None:
        """Add a cascade's stages (B, h, w) with the predicted and the true classes (B, H, W).

        Args:
            computed: share of the cells that each stage computes, by the network's account.
        """
        if self.stages is None:
            self.stages = StageCounts(len(computed))
        self.stages.update(stages, labels, truth, computed)

    def time(self, name: str, work: Callable[[Tensor], Any], images: Tensor) -> None:
        """Take the wall time of a system on the first of the images, alone, as `predict` has it.

        What a system does once for a size, such as to compile and to calibrate, is not in it.
        """
        if (name, images.shape[1:]) not in self._warm:
            self._warm.add((name, images.shape[1:]))
            for _ in range(2):  # the second call of another size compiles for any
                work(images[:1])
        _wait(images.device)
        began = time.perf_counter()
        work(images[:1])
        _wait(images.device)
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def milliseconds(self, name: str) -> float:
        """Return the median time of an image."""
        return 1000 * statistics.median(self.seconds[name])

    def means(self) -> dict[str, Tensor]:
        """Return our figures by name, in [0, 1]."""
        return self.systems[OURS].means()

    def tables(self) -> list[Table]:
        """Return the systems side by side, their classes, and where a cascade's pixels left."""
        tables = [self._systems(), self._classes()]
        return [*tables, self.stages.table()] if self.stages is not None else tables

    def _systems(self) -> Table:
        figures = [results.means() for results in self.systems.values()]
        rows = [
            [f"{title}, %", *(_percent(measured[measure]) for measured in figures)]
            for measure, title in MEASURES.items()
        ]
        for title, cost in (
            ("ms an image", self._milliseconds),
            ("10^6 multiply-adds an image", self._mega_macs),
        ):
            rows.append([title, *(cost(name) for name in self.systems)])
        note = f"{self.num_images} images; times: one image at a time, medians{self._absent()}"
        return Table("Systems", ["", *self.systems], rows, note)

    def _classes(self) -> Table:
        columns = [results.class_iou().tolist() for results in self.systems.values()]
        means = [float(results.mean_iou()) for results in self.systems.values()]
        rows = [
            [name, *(_percent(iou) for iou in line)]
            for name, *line in zip(
                (*self.classes.names, "mean"),
                *([*c, m] for c, m in zip(columns, means, strict=True)),
                strict=True,
            )
        ]
        return Table("IoU of each class", ["%", *self.systems], rows)

    def _absent(self) -> str:
        """What is said of classes that the truth does not show."""
        absent = next(iter(self.systems.values())).absent_classes() if self.systems else []
        if not absent:
            return ""
        return f"; mIoU without {', '.join(absent)}: no pixel in the truth"

    def _milliseconds(self, name: str) -> str:
        return f"{self.milliseconds(name):.1f}" if name in self.seconds else ""

    def _mega_macs(self, name: str) -> str:
        return f"{self.macs[name] / 1e6:.1f}" if name in self.macs else ""


class StageCounts:
    """Where the cells of a cascade's grid leave, and how often rightly so.

    Args:
        number: number of stages.
    """

    def __init__(self, number: int) -> None:
        self.left = torch.zeros(number, dtype=torch.long)
        self.labelled = torch.zeros(number, dtype=torch.long)
        self.right = torch.zeros(number, dtype=torch.long)
        self.computed = torch.zeros(number, dtype=torch.double)  # cells' worth, blocks included

    def update(
        self, stages: Tensor, labels: Tensor, truth: Tensor, computed: Sequence[float]
    ) -> None:
        """Add a batch.

        Args:
            stages: (B, h, w), exit stage of each cell.
            labels: (B, H, W), predicted.
            truth: (B, H, W).
            computed: share of all cells that each stage computes, in [0, 1].
        """
        size, number = stages.shape[1:], len(self.left)
        labels, truth = shrink_target(labels, size), shrink_target(truth, size)
        known = truth != IGNORE
        for counts, of in ((self.left, ...), (self.labelled, known), (self.right, labels == truth)):
            counts += torch.bincount(stages[of].flatten().long(), minlength=number).cpu()
        self.computed += stages.numel() * torch.tensor(computed, dtype=torch.double)

    def reached(self) -> Tensor:
        """Return the share of all cells that reach each stage, in [0, 1]."""
        return self.left.flip(0).cumsum(0).flip(0) / self.left.sum().clamp_min(1)

    def computed_shares(self) -> Tensor:
        """Return the share of all cells that each stage computes, blocks of easy ones included."""
        return self.computed / self.left.sum().clamp_min(1)

    def table(self) -> Table:
        """Return a row a stage: pixels that reach it and leave in it, accuracy of those, cost."""
        reached = self.reached()
        shares = self.left / self.left.sum().clamp_min(1)
        right = self.right / self.labelled.clamp_min(1)
        measured = (reached, self.computed_shares(), shares, right)
        rows = [
            [f"stage {s + 1}", *(_percent(values[s]) for values in measured)]
            for s in range(len(self.left))
        ]
        columns = ["%", "cells that reach it", "computed, with blocks", "leave there"]
        return Table("Cascade", [*columns, "right of those"], rows)


def _percent(value: Any) -> str:
    return "-" if value != value else f"{100 * float(value):.1f}"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
