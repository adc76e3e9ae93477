"""A training in phases: what the network begins, how fast it learns, and for how long.

A phase is a share of the run's optimiser steps, not a number of epochs, so that a shorter run has
the same phases, and a resumed one finds itself in the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from pytorch_lightning.utilities.types import OptimizerLRScheduler

OptimizerName = Literal["adamw", "sgd"]


@dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes:
        name: name of the phase, which the network can ``begin``.
        share: share of the optimiser steps of the run, in (0, 1].
        learning_rate: learning rate at the phase's start; None goes on with the schedule of the
            phase before, which falls to 0 at the end of the last that does.
    """

    name: str
    share: float
    learning_rate: float | None = None


class Phases:
    """The phases of a training in order.

    Args:
        table: fields of each `Phase`, as a config writes them; ``step``, which older checkpoints
            have, is read as ``name``.

    Raises:
        ValueError: no phase, a share out of range, shares that do not sum to 1, or no learning rate
            of the first phase.
    """

    def __init__(self, table: Sequence[Mapping[str, Any]]) -> None:
        self.phases = [Phase(**_renamed(fields)) for fields in table]
        shares = [phase.share for phase in self.phases]
        if any(share <= 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"expected phases whose shares are above 0 and sum to 1, got {shares}")
        if self.phases[0].learning_rate is None:
            raise ValueError("expected a learning rate of the first phase, got None")
        self._schedules: list[tuple[float, float]] = []  # share of the run, learning rate
        for phase in self.phases:
            if phase.learning_rate is not None:
                self._schedules.append((phase.share, phase.learning_rate))
            else:
                share, rate = self._schedules.pop()
                self._schedules.append((share + phase.share, rate))

    def at(self, progress: float) -> tuple[Phase, float]:
        """Return the phase at ``progress`` in [0, 1] of the run, and how far it is, in [0, 1]."""
        index, done = _locate([phase.share for phase in self.phases], progress)
        return self.phases[index], done

    def learning_rate(self, progress: float, power: float) -> float:
        """Return the rate on the "poly" schedule, which falls to 0 as (1 - p) ** power."""
        index, done = _locate([share for share, _ in self._schedules], progress)
        return self._schedules[index][1] * (1 - done) ** power


def _renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"name" if key == "step" else key: value for key, value in fields.items()}


def _locate(shares: Sequence[float], progress: float) -> tuple[int, float]:
    """Return the interval in which ``progress`` lies, and how far into it, in [0, 1]."""
    start = 0.0
    for index, share in enumerate(shares):
        if progress < start + share - 1e-9:
            return index, max(0.0, (progress - start) / share)
        start += share
    return len(shares) - 1, 1.0  # at the very end


def phased_optimizer(
    parameters: Iterable[torch.nn.Parameter] | Iterable[dict[str, Any]],
    name: OptimizerName,
    weight_decay: float,
    learning_rate: Callable[[int], float],
) -> OptimizerLRScheduler:
    """Return what ``configure_optimizers`` does of a module trained in phases.

    Args:
        parameters: parameters that any phase trains; or groups of them as torch.optim takes them,
            whose ``lr`` is a factor of the rate.
        name: ``adamw``, or ``sgd`` with momentum 0.9.
        weight_decay: weight decay of the optimiser.
        learning_rate: learning rate of an optimiser step, from `Phases.learning_rate`.
    """
    optimizer: torch.optim.Optimizer
    if name == "adamw":
        optimizer = torch.optim.AdamW(parameters, lr=1.0, weight_decay=weight_decay)
    elif name == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=1.0, momentum=0.9, weight_decay=weight_decay)
    else:
        raise ValueError(f"expected the optimizer adamw or sgd, got {name!r}")
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
