"""The Lightning module: objective, metrics, optimiser and pictures of LNet and ANet."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.export import Dim

from face_attributes.data.face_data import FaceData
from face_attributes.drawing import draw_tagging
from face_attributes.evaluation.answers import GatheredAnswers
from face_attributes.evaluation.attributes import (
    MEASURES,
    attribute_scores,
    attributes_table,
    systems_table,
)
from face_attributes.evaluation.finders import FinderComparison
from face_attributes.evaluation.subgroups import contradiction_table
from face_attributes.localize import Localizer, fit_threshold
from face_attributes.losses import attribute_loss
from face_attributes.models import Tagging, build_network
from vision_shared.tables import Table
from vision_shared.tasks import ExportSpec

UNTRAINED = "without training"

NUM_SCORED = 100
"""Pictures with a face, and as many without, that set the threshold after every epoch."""

FALSE_ALARMS = 0.1
"""Per image, where the recall is logged."""


class FaceAttributesModule(pl.LightningModule):
    """Trains a network of `face_attributes.models` on attributes of images.

    Of a network of whole pictures the localisation is measured too; every validation sets the
    threshold of faces, a buffer of the network, where the data has backgrounds.

    Args:
        attributes: their names, which the data brings.
        network: the arguments of `face_attributes.models.build_network`, but for the outputs.
        localizer: of `face_attributes.localize.Localizer`, but for networks and threshold; None of
            a network that tags faces that others cut out.
        learning_rate: the highest of one cycle (Smith, Topin 2018).
        weight_decay: of AdamW.
    """

    def __init__(
        self,
        attributes: Sequence[str],
        network: Mapping[str, Any],
        localizer: Mapping[str, Any] | None,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.attributes = list(attributes)
        self.hparams["network"] = self.network = without_sources(network)
        self.net: Any = build_network(num_outputs=len(attributes), **network)
        self.localizer = localizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.val_answers = GatheredAnswers(len(attributes))
        self.test_answers = GatheredAnswers(len(attributes))
        self._face_scores: list[Tensor] = []

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        tagging: Tagging = self.net(batch["image"])
        loss = attribute_loss(tagging.logits, batch["attributes"])
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        image = batch["image"]
        self.val_answers.update(self.net(image).logits.sigmoid(), batch["attributes"])
        missing = NUM_SCORED - sum(map(len, self._face_scores))
        if self._has_backgrounds() and missing > 0:
            self._face_scores.append(self._localizer(self.net).best_regions(image[:missing])[1])

    def on_validation_epoch_end(self) -> None:
        scores = attribute_scores(self.val_answers.compute())
        self.val_answers.reset()
        for name in ("accuracy", "balanced_accuracy"):
            self.log(f"val/{name}", scores[name].nanmean().float(), prog_bar=True)
        if self._face_scores:
            self._set_threshold()

    def _set_threshold(self) -> None:
        samples = self._data.background_samples("val")
        images = [samples[i]["image"] for i in range(min(NUM_SCORED, len(samples)))]
        localizer = self._localizer(self.net)
        empty = localizer.best_regions(torch.stack(images).to(self.device))[1]
        decision = fit_threshold(torch.cat(self._face_scores), empty)
        self._face_scores.clear()
        self.net.threshold.fill_(decision.threshold)
        self.log("val/face_auc", decision.auc)

    def on_test_start(self) -> None:
        self.test_answers.reset()
        self.finders: FinderComparison | None = None
        if self.localizer is not None:
            finders = {"LNet": self._localizer(self.net), UNTRAINED: self._localizer(self._fresh())}
            typical = self._data.typical_boxes(NUM_SCORED)
            self.finders = FinderComparison(finders, float(self.net.threshold), typical)

    def test_step(self, batch: dict[str, Tensor], _: int) -> None:
        image = batch["image"]
        self.test_answers.update(self.net(image).logits.sigmoid(), batch["attributes"])
        if self.finders is None:
            return
        for picture, box in zip(image, batch["box"], strict=True):
            if box.isfinite().all():
                self.finders.update(picture, box[None])

    def on_test_epoch_end(self) -> None:
        if self.finders is not None and self._has_backgrounds():
            samples = self._data.background_samples("test")
            for index in range(len(samples)):
                picture = samples[index]["image"].to(self.device)
                self.finders.update(picture, picture.new_zeros(0, 4))
        self.log_dict({f"test/{name}": value for name, value in self._test_figures().items()})

    def _test_figures(self) -> dict[str, float]:
        scores = attribute_scores(self.test_answers.compute())
        figures = {name: float(scores[name].nanmean()) for name in MEASURES}
        found = self.finders.scores() if self.finders is not None else {}
        if found:
            lnet = found["LNet"]
            figures |= {"hit_rate": lnet.hit_rate, "found": lnet.found, "iou": lnet.mean_iou}
            figures["recall"] = lnet.recall_at(FALSE_ALARMS)
        return figures

    def tables(self) -> list[Table]:
        """Return the tables of the test that has just run, the trivial answers beside ours."""
        answers, rates = self.test_answers.compute(), self._data.positive_rates()
        answers = type(answers)(*(each.cpu() for each in answers))
        contradictions = contradiction_table(answers, self.attributes)
        return [
            attributes_table(answers, self.attributes, rates),
            systems_table({type(self.net).__name__: answers}, rates),
            *([contradictions] if contradictions is not None else []),
            *(self.finders.tables() if self.finders is not None else []),
        ]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            self.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            cycle_momentum=False,
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def panels(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw up to four samples: picture with boxes, response, attributes."""
        images = batch["image"][:4]
        found = None
        if self.localizer is not None:
            localizer = self._localizer(self.net)
            found = [localizer(image) for image in images]
        return draw_tagging(batch, self.net(images).logits.sigmoid(), self.attributes, found)

    def export_spec(self) -> ExportSpec:
        """image (B, 3, H, W) -> logits (B, A), for any B; of a head that averages any H and W."""
        generator = torch.Generator().manual_seed(0)

        def example(b: int, h: int, w: int) -> tuple[Tensor]:
            return (torch.rand(b, 3, h, w, generator=generator),)

        network, batch = _Exported(self.net), Dim("batch", max=256)
        if self.localizer is not None and self.network.get("head", "gap") == "gap":
            shapes = {0: batch, 2: Dim("height", min=64), 3: Dim("width", min=64)}
            return ExportSpec(network, example(2, 64, 80), example(3, 75, 101), (shapes,))
        side = self.net.trunk.input_size if self.localizer is not None else 0
        height, width = (side, side) if side else self.net.patch
        return ExportSpec(
            network, example(2, height, width), example(3, height, width), ({0: batch},)
        )

    @property
    def _data(self) -> FaceData:
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def _has_backgrounds(self) -> bool:
        return self.localizer is not None and self._data.backgrounds is not None

    def _localizer(self, net: nn.Module) -> Localizer:
        assert self.localizer is not None
        return Localizer(net, **self.localizer)  # type: ignore[arg-type]

    def _fresh(self) -> nn.Module:
        """Return the network as it would be without training, from a fixed seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = build_network(num_outputs=len(self.attributes), **self.network)
        return network.eval().to(self.device)


def without_sources(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's settings without where its first weights come from.

    They are in the checkpoint; the hub need not be at hand where it is used.
    """
    sources = {"pretrained": False}
    return {name: sources.get(name, value) for name, value in network.items()}


class _Exported(nn.Module):
    """The network with a plain tensor out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        return self.net(image).logits
