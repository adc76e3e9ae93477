"""The optimiser of every network of this task: AdamW, whose rates rise and fall once."""

from typing import Any, Literal

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler


def one_cycle_optimizer(
    groups: list[dict[str, Any]],
    weight_decay: float,
    num_steps: int,
    *,
    is_fused: Literal[True] | None = None,
) -> OptimizerLRScheduler:
    """Return AdamW and a one-cycle schedule (Smith and Topin 2019) as Lightning takes them.

    Args:
        groups: parameter groups with their highest rates, ``params`` and ``lr``.
        weight_decay: weight decay of AdamW.
        num_steps: number of steps of the whole run.
        is_fused: whether a step is one kernel (`vision_shared.fused`); None is PyTorch's choice.
    """
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=is_fused)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in groups],
        total_steps=num_steps,
        cycle_momentum=False,
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
