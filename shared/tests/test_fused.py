from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vision_shared.fused import fused_on_cuda


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [
        ("cuda", "bf16-mixed", True),
        ("cuda", "16-mixed", None),
        ("cuda", "32-true", True),
        ("cpu", "bf16-mixed", None),
    ],
)
def test_adam_is_fused_on_cuda_where_gradients_are_clipped_all_the_same(
    device: str, precision: Any, expected: bool | None
) -> None:
    kind = type("Module", (pl.LightningModule,), {"device": torch.device(device)})
    module: Any = kind()
    module.trainer = pl.Trainer(precision="32-true", accelerator="cpu", logger=False)
    module.trainer.strategy.precision_plugin.precision = precision
    assert fused_on_cuda(module) is expected
