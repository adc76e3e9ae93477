"""Holding a layer cascade to a time for each image: the budget says how many cells may go on."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_QUICK, _SLOW = 0.4, 0.1  # shares of a new measurement in running means


class TimeBudget:
    """Limits on the cells that go on to each later stage, so that an image takes a given time.

    A stage's time is taken to be a fixed part and a part for each cell that reaches it, times how
    slow the machine is at present, which the first stage tells, that every image passes. All are
    running means over the images before: of a video, the last frames tell what the next one will
    cost. Before a later stage it is known what is left of the image's time; the most uncertain
    cells go on, as many as fit, and never more than the threshold rho lets: a threshold that adapts
    to the image and to what else the machine is doing.

    Args:
        seconds: time of an image, above 0.
        clock: function that returns seconds; another one for tests.

    Raises:
        ValueError: no time.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        if not seconds > 0:
            raise ValueError(f"expected a time above 0 s for an image, got {seconds:g} s")
        self.seconds, self._clock = seconds, clock
        self.forget()

    def forget(self) -> None:
        """Forget all measurements: the next image is not limited."""
        self._costs: dict[int, _Cost] = {}  # by stage, from 1 on
        self._share_wanted: dict[int, float] = {}  # of a stage's cells, by the stage after it
        self._first: float | None = None  # seconds of the first stage, a slow mean
        self._slowness = 1.0  # present seconds by those of the slow means
        self._rest: float | None = None  # seconds between the last stage's end and the image's
        self._reached = 0  # cells of the stage before
        self._image_began = self._part_began = 0.0

    def begin(self) -> None:
        """Begin an image."""
        self._image_began = self._clock()

    def select(self, stage: int, confidence: Tensor, goes_on: Tensor) -> Tensor:
        """Return the cells that go on to a stage, (B, h, w) bool, among ``goes_on``.

        Args:
            stage: number of the stage, from 1.
            confidence: (B, h, w), largest probabilities.
            goes_on: (B, h, w) bool, cells that are not above the threshold.
        """
        wanted = int(goes_on.sum())
        if stage == 1:
            self._observe_first(self._clock() - self._image_began)
        allowed = self._allowed(stage)
        if stage > 1 and self._reached:
            old = self._share_wanted.get(stage)
            self._share_wanted[stage] = _blend(old, wanted / self._reached, _QUICK)
        if allowed is not None and wanted > allowed:
            ranked = confidence.masked_fill(~goes_on, torch.inf).flatten()
            chosen = ranked.topk(allowed, largest=False).indices
            goes_on = torch.zeros_like(goes_on).flatten().index_fill_(0, chosen, True)
            goes_on, wanted = goes_on.view_as(confidence), allowed
        self._reached, self._part_began = wanted, self._clock()
        return goes_on

    def end_stage(self, stage: int) -> None:
        """End a stage, begun by its `select`."""
        now = self._clock()
        if self._reached:
            seconds = (now - self._part_began) / self._slowness
            self._costs[stage] = _Cost.add(self._costs.get(stage), self._reached, seconds)
        self._part_began = now

    def end(self) -> None:
        """End an image."""
        self._rest = _blend(self._rest, self._clock() - self._part_began, _QUICK)

    def _observe_first(self, seconds: float) -> None:
        self._first = _blend(self._first, seconds, _SLOW)
        self._slowness = _blend(self._slowness, seconds / self._first, _QUICK)

    def _allowed(self, stage: int) -> int | None:
        """Return how many cells the rest of the image's time is enough for; None for no limit."""
        if stage not in self._costs:
            return None
        left = self.seconds - (self._clock() - self._image_began) - (self._rest or 0.0)
        each, share = 0.0, 1.0
        for later in range(stage, max(self._costs) + 1):
            if later > stage:
                share *= self._share_wanted.get(later, 1.0)
            fixed, slope = (self._slowness * part for part in self._costs[later].line())
            left, each = left - fixed, each + share * slope
        return max(0, int(left / max(each, 1e-12)))


class _Cost(NamedTuple):
    """Running means over images of a stage's cells n and seconds t."""

    n: float
    t: float
    nn: float
    nt: float

    @classmethod
    def add(cls, old: "_Cost | None", cells: int, seconds: float) -> "_Cost":
        n, t = float(cells), seconds
        new = (n, t, n * n, n * t)
        return cls(*(_blend(a, b, _SLOW) for a, b in zip(old or new, new, strict=True)))

    def line(self) -> tuple[float, float]:
        """Return the fixed seconds and those of a cell, neither below 0."""
        variance = self.nn - self.n**2
        if (
            variance < (0.02 * self.n) ** 2
        ):  # cells that hardly differ: all of it is taken as theirs
            return 0.0, self.t / self.n
        slope = min(max((self.nt - self.n * self.t) / variance, 0.0), self.t / self.n)
        return self.t - slope * self.n, slope


def _blend(old: float | None, new: float, share: float) -> float:
    return new if old is None else old + share * (new - old)
