"""The Lightning module: objective, metrics, optimiser and images of voxel flow."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.export import Dim
from torchmetrics import MeanMetric

from vision_shared import panels
from vision_shared.tables import Table
from vision_shared.tasks import ExportSpec
from voxel_flow import losses
from voxel_flow.drawing import PANEL_TITLES, draw_sample
from voxel_flow.evaluation.comparison import Comparison
from voxel_flow.evaluation.metrics import psnr
from voxel_flow.models import Synthesis, build_network


class VoxelFlowModule(pl.LightningModule):
    """Trains a network of `voxel_flow.models` to synthesise the frame at a given time.

    Args:
        network: the arguments of `voxel_flow.models.build_network`.
        learning_rate: learning rate of Adam; it warms up linearly and decays on a cosine.
        warmup_steps: optimiser steps until the full learning rate.
        flow_smoothness: weight of the flow's total variation.
        weight_smoothness: weight of the selection mask's total variation.
        coarse_loss: weight of the coarser levels' reconstruction.
        epsilon: epsilon of the Charbonnier distance in every term; the paper's is 1e-3.
        loss: loss of the reconstruction: "charbonnier", the paper's, or "log_error", which is PSNR.
        final_rate: share of the learning rate that the cosine ends at.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        learning_rate: float,
        warmup_steps: int,
        flow_smoothness: float,
        weight_smoothness: float,
        coarse_loss: float,
        epsilon: float = losses.EPSILON,
        loss: str = "charbonnier",
        final_rate: float = 0.03,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = build_network(**network)
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.flow_smoothness = flow_smoothness
        self.weight_smoothness = weight_smoothness
        self.coarse_loss = coarse_loss
        self.epsilon = epsilon
        if loss not in ("charbonnier", "log_error"):
            raise ValueError(f"expected the loss charbonnier or log_error, got {loss!r}")
        self.loss = loss
        self.final_rate = final_rate
        self.val_psnr = MeanMetric()
        self.comparison = Comparison()

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """Return the loss: reconstruction, and total variation of flow and weights (equation 5)."""
        result: Synthesis = self.net(batch["frames"], batch["time"])
        target, epsilon = batch["target"], self.epsilon
        flow_variation = losses.flow_smoothness(result.flow, epsilon)
        weight_variation = losses.weight_smoothness(result.weights, epsilon)
        terms = {
            "reconstruction": self.reconstruction(result.image, target),
            "flow_smoothness": self.flow_smoothness * flow_variation,
            "weight_smoothness": self.weight_smoothness * weight_variation,
        }
        if result.coarse:
            coarse = [self.reconstruction(c, losses.shrink(target, c)) for c in result.coarse]
            terms["coarse"] = self.coarse_loss * torch.stack(coarse).sum()
        loss = torch.stack(list(terms.values())).sum()
        self.log_dict({f"train/{name}": term for name, term in terms.items()})
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def reconstruction(self, image: Tensor, target: Tensor) -> Tensor:
        """Return the chosen reconstruction loss, a scalar, of two (B, 3, H, W)."""
        if self.loss == "log_error":
            return losses.log_error(image, target)
        return losses.reconstruction(image, target, self.epsilon)

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Log PSNR in dB."""
        result: Synthesis = self.net(batch["frames"], batch["time"])
        self.val_psnr.update(psnr(result.image, batch["target"]))
        self.log("val/psnr", self.val_psnr, batch_size=len(batch["target"]), prog_bar=True)

    def on_test_start(self) -> None:
        """Forget the comparison of an earlier test."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.comparison.reset(data.protocol)

    def test_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Add ours and the baselines to the table."""
        self.comparison.update(batch, self.net(batch["frames"], batch["time"]))

    def on_test_epoch_end(self) -> None:
        """Log and keep the finished table."""
        self.log_dict({f"test/{name}": value for name, value in self.comparison.means().items()})

    def tables(self) -> list[Table]:
        """Return the tables of the test that has just run, the baselines beside ours."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        return self.comparison.tables(data.clip_names, data.protocol)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return Adam and its schedule over the run's optimiser steps."""
        optimizer = torch.optim.Adam(self.parameters(), self.learning_rate)
        total = self.trainer.estimated_stepping_batches

        def factor(step: int) -> float:
            warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
            cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
            return warm * (self.final_rate + (1 - self.final_rate) * cosine)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def panels(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw up to four samples: inputs, truth, result, difference, motion, selection mask."""
        result: Synthesis = self.net(batch["frames"][:4], batch["time"][:4])
        rows = [
            draw_sample(*sample)
            for sample in zip(
                batch["frames"].float().cpu().numpy(),
                batch["target"].float().cpu().numpy(),
                *(plane.float().cpu().numpy() for plane in result[:3]),
                strict=False,
            )
        ]
        return {"synthesis": panels.grid(rows, PANEL_TITLES)}

    def export_spec(self) -> ExportSpec:
        """(frames (B, 2, 3, H, W), time (B,)) -> (image, flow, weights), for any B, H and W.

        The sides are longer than what the network pads them to multiples of: one cell of its
        coarsest scale takes another way through the operators.
        """
        net: Any = self.net
        unit = net.multiple
        height, width = (Dim(name, min=max(unit + 1, 32)) for name in ("height", "width"))
        batch = Dim("batch", max=64)
        shapes = ({0: batch, 3: height, 4: width}, {0: batch})
        generator = torch.Generator().manual_seed(0)

        def example(b: int, h: int, w: int) -> tuple[Tensor, Tensor]:
            return torch.rand(b, 2, 3, h, w, generator=generator), torch.full((b,), 0.5)

        least = max(2 * unit, 64)
        return ExportSpec(
            _Exported(net),
            example(2, least, least + unit // 2),
            example(1, least + 11, 2 * least - 27),
            shapes,
            ("image", "flow", "weights"),
        )


class _Exported(nn.Module):
    """The network with plain tensors out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        result = self.net(frames, time)
        return result.image, result.flow, result.weights
