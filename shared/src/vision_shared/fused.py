"""Adam's step as one kernel, where it may be."""

from typing import Literal

import pytorch_lightning as pl


def fused_on_cuda(module: pl.LightningModule) -> Literal[True] | None:
    """Return the ``fused`` of Adam for a module that configures its optimiser; None is PyTorch's.

    With a scaler of gradients, 16-mixed, Lightning does not clip what a fused optimiser unscales.
    """
    is_scaled = module.trainer.precision == "16-mixed"
    return True if module.device.type == "cuda" and not is_scaled else None
