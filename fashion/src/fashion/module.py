"""The Lightning module: objective, metrics, optimiser and images of FashionNet and DFA."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.export import Dim

from fashion.calibrating import calibrate_detector
from fashion.comparison import Comparison
from fashion.data.datamodule import FashionData
from fashion.data.whole_images import DetectorBatches
from fashion.drawing import draw_garments, draw_neighbours
from fashion.evaluation.results import GarmentResults, RetrievalResults, score, summarise
from fashion.models import Alignment, DeepFashionAlignment, Recognition, build_pipeline, known_boxes
from fashion.objectives import (
    ALIGNMENT_TERMS,
    RECOGNITION_TERMS,
    RecognitionObjective,
    alignment_terms,
    fit_pseudo_labels,
)
from fashion.recogniser import Framing, GarmentRecogniser
from vision_shared.checkpoints import without_sources
from vision_shared.inputs import InputError
from vision_shared.phases import OptimizerName, Phases, phased_optimizer
from vision_shared.tables import Table
from vision_shared.tasks import ExportSpec


class FashionModule(pl.LightningModule):
    """Trains a network of `fashion.models` in the phases that it names, and a detector beside it.

    Args:
        categories: names of the C categories; these four the data brings.
        attributes: names of the A attributes.
        attribute_types: the number of each attribute's type; empty where there are none.
        type_names: type names of these types.
        network: the arguments of `fashion.models.build_network`, but for the two numbers.
        detector: those of `fashion.models.build_detector`; None has none.
        framing: the fields of `fashion.recogniser.Framing`: what the data shows the network.
        phases: the fields of each `vision_shared.phases.Phase`; their ``name`` is the network's.
        weights: weights of the terms of the loss, by the phase; terms without a weight are omitted.
        objective: settings of `fashion.objectives.RecognitionObjective`; DFA has none.
        optimizer: ``adamw``, or ``sgd`` with momentum 0.9.
        weight_decay: weight decay of the optimiser.
        poly_power: exponent: within a phase the rate falls as (1 - progress) ** power.
        detector_batch: images that the detector sees in a step.
        detector_trunk_rate: factor of the learning rate for the detector's trunk.
        seed: seed of dropout and pseudo-labels.
        num_items: number of items that have proxies in a checkpoint; a training asks its data.
        category_types: the type of each category in a checkpoint, likewise.

    Raises:
        InputError: a detector, but whole images for the network.
        ValueError: weights of an unknown term or phase.
    """

    def __init__(
        self,
        categories: Sequence[str],
        attributes: Sequence[str],
        attribute_types: Sequence[int],
        type_names: Sequence[str],
        network: Mapping[str, Any],
        detector: Mapping[str, Any] | None,
        framing: Mapping[str, Any],
        phases: Sequence[Mapping[str, Any]],
        weights: Mapping[str, Mapping[str, float]],
        objective: Mapping[str, Any],
        optimizer: OptimizerName,
        weight_decay: float,
        poly_power: float,
        detector_batch: int,
        detector_trunk_rate: float,
        seed: int,
        num_items: int | None = None,
        category_types: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams["network"] = without_sources(network)
        self.hparams["detector"] = None if detector is None else without_sources(detector)
        self.categories, self.attributes = list(categories), list(attributes)
        self.type_names = list(type_names) or ["of one type"]
        self.category_types = list(category_types)
        self.framing = Framing(**framing)
        if detector is not None and self.framing.region == "whole":
            raise InputError(
                "data.region=whole is for networks that see whole images: add "
                "module.detector=null, or set data.region=box"
            )
        self.net = build_pipeline(len(categories), len(attributes), network, detector)
        self.phases = Phases(phases)
        self.weights = weights
        self._expect_weights()
        self.objective_settings = objective
        self.objective = self._make_objective(num_items)
        self.optimizer_name = optimizer
        self.weight_decay = weight_decay
        self.poly_power = poly_power
        self.detector_batch = detector_batch
        self.detector_trunk_rate = detector_trunk_rate
        self.seed = seed
        types = list(attribute_types) or [0] * len(attributes)
        sizes = (len(categories), types, len(self.type_names))
        self.val_results = GarmentResults(*sizes, has_precision=False)
        self.val_retrieval = RetrievalResults()
        name = "DFA" if self._aligns else "FashionNet"
        stages = self.net.network.phases if self._aligns else ()
        self.comparison = Comparison(name, self.categories, types, self.type_names, stages)
        self._detector_batches: DetectorBatches | None = None
        self._phase: str | None = None
        self.phase_index = 0  # of the phase that has begun last, for the choice of the best weights

    @property
    def _aligns(self) -> bool:
        return isinstance(self.net.network, DeepFashionAlignment)

    def _expect_weights(self) -> None:
        terms = ALIGNMENT_TERMS if self._aligns else RECOGNITION_TERMS
        for phase in self.phases.phases:
            if phase.name not in self.net.network.phases or phase.name not in self.weights:
                phases = ", ".join(self.net.network.phases)
                raise ValueError(f"expected weights of a phase among {phases}, got {phase.name!r}")
        for name in {name for weights in self.weights.values() for name in weights}:
            if name not in terms:
                raise ValueError(f"expected weights of {', '.join(terms)}, got {name!r}")

    def _make_objective(self, num_items: int | None) -> RecognitionObjective | None:
        if self._aligns:
            return None
        network: Any = self.net.network
        width = network.embedding.out_features
        return RecognitionObjective(
            len(self.attributes), num_items=num_items, width=width, **self.objective_settings
        )

    def setup(self, stage: str) -> None:
        """Set proxies, weights and prior logits of the losses from the training data."""
        if stage != "fit" or self.objective is None:
            return
        if self.objective.identities == "proxy" and self.objective.proxies is None:
            self.hparams["num_items"] = self._data.num_items
            self.objective = self._make_objective(self._data.num_items)
        self.category_types = self._data.category_types()
        self.hparams["category_types"] = self.category_types
        self.objective.weigh_attributes(*self._data.attribute_counts())
        if self.attributes:
            head: Any = self.net.network.attributes
            head.expect(self._data.positive_rates())

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Open the detector's batches, at the step of the epoch that a resumed run is in."""
        if self.net.detector is None:
            return
        if self._detector_batches is None:
            size, number = self.net.detector.size, self.detector_batch
            self._detector_batches = DetectorBatches(self._data, self.trainer, size, number)
            self._detector_batches.begin_epoch(self.current_epoch, batch_idx)
        elif batch_idx == 0:
            self._detector_batches.begin_epoch(self.current_epoch)

    def on_train_end(self) -> None:
        """Close the detector's batches and their processes."""
        self._detector_batches = None  # and its processes

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """Return the weighted sum of the phase's terms and of the detector's loss."""
        # Dropout follows from the step: a resumed run draws what an uninterrupted one does.
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)) % 2**63)
        self._begin_phase()
        weights = self.weights[str(self._phase)]
        terms = self._terms(batch, [name for name, weight in weights.items() if weight])
        losses = [weights[name] * term for name, term in terms.items()]
        if self._detector_batches is not None:
            terms["detector"] = self._detector_loss(self._detector_batches.next())
            losses.append(terms["detector"])
        self.log_dict({f"train/{name}_loss": term for name, term in terms.items()})
        loss = torch.stack(losses).sum()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def _terms(self, batch: dict[str, Tensor], wanted: Sequence[str]) -> dict[str, Tensor]:
        image, landmarks, states = batch["image"], batch["landmarks"], batch["states"]
        network: Any = self.net.network
        if self.objective is None:
            terms = alignment_terms(network, image, landmarks, states)
            return {name: term for name, term in terms.items() if name in wanted}
        return self.objective(network(image, landmarks, states), batch, wanted)

    def _detector_loss(self, batch: dict[str, Tensor]) -> Tensor:
        assert self.net.detector is not None
        batch = self.transfer_batch_to_device(batch, self.device, 0)
        boxes, types = known_boxes(batch["image"], batch["boxes"], batch["types"])
        return self.net.detector.loss(batch["image"], boxes, types)

    def _begin_phase(self) -> None:
        """Open the network's phase, where another one is open or none is."""
        phase, _ = self.phases.at(self._progress(self.global_step))
        self.phase_index = [p is phase for p in self.phases.phases].index(True)
        if phase.name == self._phase:
            return
        self._phase = phase.name
        self.net.begin(phase.name)
        network = self.net.network
        if isinstance(network, DeepFashionAlignment) and network.needs_fit:
            fit_pseudo_labels(network, self._data, self.device, self.seed)

    def _progress(self, step: int) -> float:
        return min(1.0, step / max(1, self.trainer.estimated_stepping_batches))

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Add a batch to what is measured, and its embeddings to query and gallery."""
        answer = self._answer(batch)
        self.val_results.update(answer, batch)
        if isinstance(answer, Recognition):
            self.val_retrieval.update(answer.embedding, batch)

    def on_validation_epoch_end(self) -> None:
        """Calibrate the detector, log all metrics and the score that is monitored."""
        if self.net.detector is not None and not self.trainer.sanity_checking:
            calibrate_detector(self.net.detector, self._data.of_split("val"))
        found = summarise(self.val_results.compute(), self.val_retrieval)
        self.log_dict({f"val/{name}": value for name, value in found.items()})
        self.log("val/score", score(found), prog_bar=True)
        self.val_results.reset()
        self.val_retrieval.reset()

    def _answer(self, batch: dict[str, Tensor]) -> Recognition | Alignment:
        """Return what the network says; it is shown the annotation where it is an oracle's."""
        if getattr(self.net.network, "landmarks_from", None) == "oracle":
            return self.net(batch["image"], batch["landmarks"], batch["states"])
        return self.net(batch["image"])

    def on_test_start(self) -> None:
        """Prepare the comparison with the baselines."""
        self.comparison.begin(self._data, self.device)

    def test_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Add a batch to the comparison."""
        self.comparison.update(self._answer(batch), batch)

    def on_test_epoch_end(self) -> None:
        """Measure whole images, log all metrics and keep the tables."""
        if self.net.detector is not None:
            number = int(self.trainer.num_test_batches[0]) * self._data.eval_batch_size
            names = self.categories, self.attributes
            recogniser = GarmentRecogniser(
                self.net, *names, self.framing, self.device, category_types=self.category_types
            )
            self.comparison.measure_whole_images(recogniser, number)
        found = self.comparison.metrics()
        self.log_dict({f"test/{name}": value for name, value in found.items()})

    def tables(self) -> list[Table]:
        """Return the tables of the test that has just run, the trivial answers beside ours."""
        return self.comparison.tables()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser of all phases and its "poly" schedule."""
        return phased_optimizer(
            self._parameter_groups(),
            self.optimizer_name,
            self.weight_decay,
            lambda step: self.phases.learning_rate(self._progress(step), self.poly_power),
        )

    def _parameter_groups(self) -> list[dict[str, Any]]:
        trunk = [] if self.net.detector is None else list(self.net.detector.trunk_parameters())
        slow = {id(parameter) for parameter in trunk}
        others = [parameter for parameter in self.parameters() if id(parameter) not in slow]
        groups = [{"params": others}, {"params": trunk, "lr": self.detector_trunk_rate}]
        return [group for group in groups if group["params"]]

    def panels(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw four samples with landmarks, and what of the batch is nearest to some."""
        answer = self._answer(batch)
        drawn = {"garments": draw_garments(batch, answer, self.categories, self.attributes)}
        if isinstance(answer, Recognition):
            nearest = draw_neighbours(batch, answer.embedding)
            if nearest is not None:
                drawn["retrieval"] = nearest
        return drawn

    def export_spec(self) -> ExportSpec:
        """image (B, 3, H, W), of one garment each, for any B -> what the network answers."""
        height, width = self.framing.size
        names = Alignment._fields[:2] if self._aligns else Recognition._fields
        shape = {0: Dim("batch", max=256)}
        sizes = (2, height, width), (3, height, width)
        return ExportSpec.of_images(self.net.network, names, *sizes, shape)

    @property
    def _data(self) -> FashionData:
        return self.trainer.datamodule  # type: ignore[attr-defined]
