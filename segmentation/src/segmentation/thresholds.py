"""Thresholds of a cascade: how accurate and how fast it is with them, and a search for the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import InputError

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from segmentation.segmenter import Segmenter


SWEEP = (0.5, 0.7, 0.8, 0.9, 0.92, 0.95, 0.97, 0.985, 0.995, 1.0)


Rho = tuple[float, ...]


@dataclass(frozen=True)
class Point:
    """Thresholds and what they lead to.

    Attributes:
        rho: one for every stage but the last.
        miou: mIoU on the validation set, %.
        milliseconds: an image, wall time, each alone as `predict` has it; the median.
        macs: an image, multiply-adds.
        computed: share of the cells that each stage computes, blocks included.
    """

    rho: Rho
    miou: float
    milliseconds: float
    macs: float
    computed: tuple[float, ...]


Measure = Callable[[Rho], Point]


def measure_on(segmenter: Segmenter, batches: DataLoader) -> Measure:
    """Return what measures a cascade at given thresholds, and leaves it with them.

    Raises:
        ValueError: the network is no cascade.
    """
    from segmentation.models.cascade import LayerCascade

    network = segmenter.network
    if not isinstance(network, LayerCascade):
        raise ValueError("expected a layer cascade (module=cascade)")
    if not network.cascaded:
        network.begin("cascade")
    return partial(_measure, segmenter, network, batches)


def sweep(measure: Measure, thresholds: Sequence[float], number: int) -> list[Point]:
    """Measure at each threshold, the same of all ``number`` stages but the last.

    The last threshold has to be 1, which lets no pixel leave.
    """
    return [measure((rho,) * number) for rho in thresholds]


@dataclass(frozen=True)
class Target:
    """The aim of a calibration.

    Attributes:
        lose: largest loss in points of mIoU below the best of the sweep; None for a time
            instead.
        milliseconds: largest time per image; used where ``lose`` is None.
    """

    lose: float | None
    milliseconds: float | None = None

    def order(self, point: Point) -> tuple[float, ...]:
        """Return a key that is least for the best point: of equal ones the highest thresholds."""
        first = point.macs if self.lose is not None else -point.miou
        return (first, *(-rho for rho in point.rho))

    def admits(self, points: Sequence[Point]) -> list[Point]:
        """Return the points that meet the target.

        Raises:
            InputError: no point is fast enough.
        """
        if self.lose is not None:
            least = max(point.miou for point in points) - self.lose
            return [point for point in points if point.miou >= least]
        assert self.milliseconds is not None
        fast = [point for point in points if point.milliseconds <= self.milliseconds]
        if not fast:
            least_time = min(point.milliseconds for point in points)
            raise InputError(
                f"no threshold takes {self.milliseconds:g} ms or less; "
                f"the fastest takes {least_time:.1f} ms"
            )
        return fast

    def choose(self, points: Sequence[Point]) -> Point:
        """Return the least costly point that loses no more, or the best one that is so fast."""
        return min(self.admits(points), key=self.order)


def refine(measure: Measure, points: list[Point], target: Target) -> Point:
    """Move one stage's threshold at a time by a step of the sweep while the target gains by it.

    Args:
        measure: measure from `measure_on`.
        points: points of the sweep; what is measured is added.
        target: the aim.
    """
    chosen, tried = target.choose(points), {point.rho for point in points}
    while True:
        steps = [rho for rho in _steps(chosen.rho) if rho not in tried]
        if not steps:
            return chosen
        for rho in steps:
            tried.add(rho)
            points.append(measure(rho))
        best = target.choose(points)
        if best is chosen:
            return chosen
        chosen = best


def _steps(rho: Rho) -> list[Rho]:
    """Return the thresholds that differ in one stage by one step of the sweep."""
    return [
        (*rho[:stage], SWEEP[index], *rho[stage + 1 :])
        for stage, value in enumerate(rho)
        for index in (SWEEP.index(value) - 1, SWEEP.index(value) + 1)
        if 0 <= index < len(SWEEP)
    ]


def _measure(segmenter: Segmenter, network: Any, batches: DataLoader, rho: Rho) -> Point:
    import torch

    from segmentation.evaluation.comparison import OURS, Comparison
    from segmentation.evaluation.cost import cascade_macs, stage_macs

    network.set_rho(rho)
    comparison = Comparison(segmenter.classes)
    device = segmenter.device
    image = torch.zeros(0)
    for batch in batches:
        image, truth = batch["image"].to(device), batch["mask"].to(device)
        comparison.time(OURS, lambda x: segmenter.inference(network, x), image)
        parsing = segmenter.inference(network, image)
        labels = parsing.logits.argmax(1)
        comparison.update({OURS: labels}, truth)
        assert parsing.stages is not None
        computed = network.computed_shares(parsing.stages)
        comparison.update_stages(parsing.stages, labels, truth, computed)
    assert comparison.stages is not None
    shares = comparison.stages.computed_shares()
    return Point(
        rho,
        100 * float(comparison.systems[OURS].mean_iou()),
        comparison.milliseconds(OURS),
        cascade_macs(stage_macs(network, torch.zeros_like(image[:1])), shares),
        tuple(shares.tolist()),
    )
