"""The Lightning module: objective, metrics, optimiser and images of segmentation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.export import Dim
from torchmetrics.classification import MulticlassConfusionMatrix

from segmentation import drawing, losses
from segmentation.data.labels import IGNORE, ClassList
from segmentation.drawing_contexts import draw_label_contexts
from segmentation.evaluation.comparison import OURS, Comparison
from segmentation.evaluation.cost import cascade_macs, count_macs, stage_macs
from segmentation.evaluation.person import person_tables
from segmentation.evaluation.results import class_iou, mean_iou
from segmentation.inference import Inference
from segmentation.models import Head, Parsing, build_network
from segmentation.models.parsing import enlarge
from segmentation.models.pyramid import pretrained_parameters
from vision_shared.checkpoints import without_sources
from vision_shared.phases import OptimizerName, Phases, phased_optimizer
from vision_shared.tables import Table
from vision_shared.tasks import ExportSpec

WITHOUT_CASCADE = "all pixels"
EXITS_ALONE = "exits alone"
EARLIER_STAGE = "stage {} alone"
UNARY = "its unary term alone"

Work = Callable[[Tensor], Parsing]


class SegmentationModule(pl.LightningModule):
    """Trains a network of `segmentation.models` in the phases that it names.

    Args:
        classes: ``names`` and ``palette`` of the classes, which the data brings.
        network: the arguments of `segmentation.models.build_network`, but for the classes.
        phases: the fields of each `vision_shared.phases.Phase`; their ``name`` is the network's.
        optimizer: ``adamw``, or ``sgd`` with momentum 0.9.
        weight_decay: weight decay of the optimiser.
        poly_power: exponent: within a phase the rate falls as (1 - progress) ** power; the authors
            use steps.
        hardest: share of each image's pixels, those of the largest loss, that train.
        class_weights: class weights of the loss, one a class; null weighs all alike.
        inference: the arguments of `segmentation.inference.Inference`: windows, scales, mirroring.
        pretrained_rate: learning rate of a pretrained encoder, as a share of the phase's; others
            than trunk ``pyramid`` have none.
        precision: precision of classes on held-out images by name, recorded with weights that ship;
            see `segmentation.segmenter.Segmenter`. A training has none.
    """

    def __init__(
        self,
        classes: Mapping[str, Any],
        network: Mapping[str, Any],
        phases: Sequence[Mapping[str, Any]],
        optimizer: OptimizerName,
        weight_decay: float,
        poly_power: float,
        hardest: float,
        class_weights: Sequence[float] | None,
        inference: Mapping[str, Any] | None = None,
        pretrained_rate: float = 1.0,
        precision: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.classes = ClassList(tuple(classes["names"]), tuple(map(tuple, classes["palette"])))
        self.hparams["network"] = without_sources(network)
        self.net: Any = build_network(num_classes=len(self.classes), **network)
        self.phases = Phases(phases)
        self.optimizer_name = optimizer
        self.weight_decay = weight_decay
        self.poly_power = poly_power
        self.hardest = hardest
        self.class_weights = class_weights
        self.pretrained_rate = pretrained_rate
        self.inference = Inference.recorded(inference)
        self.val_confusion = MulticlassConfusionMatrix(len(self.classes), ignore_index=IGNORE)
        self.comparison = Comparison(self.classes)
        self.person_tables: list[Table] = []
        self._phase: str | None = None
        self.phase_index = 0  # of the phase that has begun last, for the choice of the best weights

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """Return the loss of the phase, a sum of weighted terms."""
        self._begin_phase()
        parsing: Parsing = self.net(batch["image"], batch["mask"])
        terms = [
            head.weight * self._loss(head, batch["mask"] if head.target is None else head.target)
            for head in parsing.heads
        ]
        self.log_dict({f"train/loss_{i}": term for i, term in enumerate(terms)})
        loss = torch.stack(terms).sum()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def _loss(self, head: Head, target: Tensor) -> Tensor:
        region = head.region
        if region is not None:
            region = F.interpolate(region[:, None].float(), size=target.shape[1:])[:, 0] > 0.5
        weights = None
        if self.class_weights is not None:  # not of the target's type, which has no fractions
            weights = torch.tensor(self.class_weights, device=target.device)
        return losses.cross_entropy(
            enlarge(head.logits, target.shape[1:]),
            target,
            region=region,
            class_weights=weights,
            hardest=self.hardest,
        )

    def _begin_phase(self) -> None:
        """Open the network's phase, where another one is open or none is."""
        phase, _ = self.phases.at(self._progress(self.global_step))
        if phase.name != self._phase:
            self._phase = phase.name
            self.phase_index = self.phases.phases.index(phase)
            self.net.begin(phase.name)

    def _progress(self, step: int) -> float:
        return min(1.0, step / max(1, self.trainer.estimated_stepping_batches))

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Add a batch to the confusion matrix."""
        parsing = self.inference(self.net, batch["image"])
        self.val_confusion.update(parsing.logits.argmax(1), batch["mask"])

    def on_validation_epoch_end(self) -> None:
        """Log mean IoU."""
        self.log("val/miou", mean_iou(class_iou(self.val_confusion.compute())), prog_bar=True)
        self.val_confusion.reset()

    def on_test_start(self) -> None:
        """Forget the table of an earlier test."""
        self.comparison.reset()

    def test_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Add ours, its stages and the baselines to the table; time each network on its own."""
        image, truth = batch["image"], batch["mask"]
        parsing: Parsing = self.inference(self.net, image)
        self.comparison.time(OURS, lambda x: self.inference(self.net, x), image)
        answers = {OURS: parsing.logits.argmax(1)}
        if "unary" in parsing.terms:
            unary = enlarge(parsing.terms["unary"], truth.shape[1:])
            answers[UNARY] = unary.argmax(1)
        if parsing.stages is not None:
            computed = self.net.computed_shares(parsing.stages)
            self.comparison.update_stages(parsing.stages, answers[OURS], truth, computed)
            for name, (work, timed) in self._controls().items():
                answers[name] = work(image).logits.argmax(1)
                self.comparison.time(name, timed, image)
        self.comparison.update(answers, truth)
        self._test_size = (image.shape[2], image.shape[3])

    def _controls(self) -> dict[str, tuple[Work, Work]]:
        """Return what a cascade is held against: by its name, the system, and its fastest form."""
        net = self.net
        systems: dict[str, tuple[Work, Work]] = {
            WITHOUT_CASCADE: (net.on_all_pixels, net.on_packed_maps),
            EXITS_ALONE: (net.on_dense_features, net.on_dense_features),
        }
        for stage in range(1, len(net.stages) - 1):
            systems[EARLIER_STAGE.format(stage + 1)] = (
                partial(net.on_all_pixels, last=stage),
                partial(net.on_packed_maps, last=stage),
            )
        return systems

    def on_test_epoch_end(self) -> None:
        """Log the measures and keep the tables."""
        self._count_macs()
        self.log_dict({f"test/{name}": value for name, value in self.comparison.means().items()})
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        photographs = data.photographs()
        self.person_tables = person_tables(photographs, {OURS: self._find_people})

    def _find_people(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (H, W) bool, where any class but the first is."""
        pixels = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float() / 255
        return (self.inference(self.net, pixels).logits[0].argmax(0) > 0).cpu().numpy()

    def _count_macs(self) -> None:
        """Count for the size of the last image, looked at once."""
        macs, image = self.comparison.macs, torch.zeros(1, 3, *self._test_size, device=self.device)
        if self.comparison.stages is None:
            macs[OURS] = count_macs(self.net, image)
            return
        stages = stage_macs(self.net, image)
        macs[OURS] = cascade_macs(stages, self.comparison.stages.computed_shares())
        for name, (work, _) in self._controls().items():
            macs[name] = count_macs(work, image)

    def tables(self) -> list[Table]:
        """Return the tables of the test that has just run, the controls beside ours."""
        return [*self.comparison.tables(), *self.person_tables]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser of all phases and its "poly" schedule."""
        encoder = list(pretrained_parameters(self.net))
        known = set(encoder)
        # Whatever a phase freezes is there from the start: a resumed run has the same groups.
        rest = [p for p in self.parameters() if p not in known]
        return phased_optimizer(
            [
                {"params": rest},
                *([{"params": encoder, "lr": self.pretrained_rate}] * bool(encoder)),
            ],
            self.optimizer_name,
            self.weight_decay,
            lambda step: self.phases.learning_rate(self._progress(step), self.poly_power),
        )

    def panels(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw up to four samples: image, truth, prediction, error, and what the network has."""
        parsing = self.net(batch["image"][:4])
        pictures = drawing.draw_parsing(batch, parsing, self.classes)
        if "penalty" in parsing.terms:
            kernels = self.net.mean_field.label_contexts.matrices()
            pictures["label_contexts"] = draw_label_contexts(
                kernels.float().cpu().numpy(), self.classes.names
            )
        return pictures

    def export_spec(self) -> ExportSpec:
        """image (B, 3, H, W) -> logits (B, L, H, W), for any B, and H and W above 32.

        B is 1 where the network has a dense CRF, which makes a lattice of each image.
        """
        shape = {2: Dim("height", min=33), 3: Dim("width", min=33)}
        if not hasattr(self.net, "crf"):
            shape[0] = Dim("batch", max=64)
        example = (2 if 0 in shape else 1, 64, 80)
        return ExportSpec.of_images(self.net, ["logits"], example, (1, 75, 101), shape)
