"""The Lightning module: objective, metrics, optimiser and images of LNets and ANet."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.export import Dim

from face_attributes.boxes import face_boxes
from face_attributes.data.face_data import FOUND, FaceData
from face_attributes.data.found import name_of
from face_attributes.data.photometric import photometric
from face_attributes.drawing import draw_tagging
from face_attributes.evaluation.answers import Answers, GatheredAnswers, GatheredFeatures
from face_attributes.evaluation.attributes import MEASURES, attribute_scores
from face_attributes.evaluation.finders import FinderComparison
from face_attributes.evaluation.identities import identities_table, same_person_auc
from face_attributes.face_search import NUM_SCORED, FaceSearch
from face_attributes.finder_objective import FinderObjective, ObjectiveName
from face_attributes.localize import fit_offset
from face_attributes.losses import attribute_loss, identity_loss
from face_attributes.machine_fitting import MachineFitting
from face_attributes.models import LNetsANet, Tagging, TagMaps, build_network
from face_attributes.models.face_layers import PaperLayers
from face_attributes.optimizer import one_cycle_optimizer
from face_attributes.report import attribute_tables
from vision_shared.checkpoints import without_sources
from vision_shared.inputs import InputError
from vision_shared.tables import Table
from vision_shared.tasks import ExportSpec

UNTRAINED = "without training"
LNET, LNETS = "LNet_o", "LNet_o, then LNet_s"
SVMS, LINEAR = "support vector machines", "linear layer"

FALSE_ALARMS = 0.1
"""Per image, where the recall is logged."""


class FaceAttributesModule(pl.LightningModule):
    """Trains a network of `face_attributes.models`, or one part of `LNetsANet`.

    It learns the attributes of images; the identities, where the data brings their number. Every
    validation of LNet_o sets the threshold of faces, a buffer of the network.

    Args:
        attributes: their names, which the data brings.
        network: the arguments of `face_attributes.models.build_network`, but for the outputs.
        localizer: localizer of `face_attributes.localize.Localizer`, but for networks and
            threshold; None of a network that tags faces that others cut out.
        learning_rate: the highest of one cycle (Smith, Topin 2018).
        weight_decay: weight decay of AdamW.
        part: part of `LNetsANet`, which trains; the others find what it is shown. None for a
            network of one part.
        num_identities: people to tell apart, which the data brings; None learns attributes.
        similarity_weight: similarity weight of `face_attributes.losses.identity_loss`.
        objective: objective of a `TagMaps` on composed images, see `FinderObjective`.
        machines: the arguments of `MachineFitting`: then the layers of ANet rest, and its support
            vector machines are fitted to what they make; None trains the layers.

    Raises:
        InputError: identities are for an LNet.
        ValueError: the network has no such part.
    """

    def __init__(
        self,
        attributes: Sequence[str],
        network: Mapping[str, Any],
        localizer: Mapping[str, Any] | None,
        learning_rate: float,
        weight_decay: float,
        part: str | None = None,
        num_identities: int | None = None,
        similarity_weight: float = 0.0,
        objective: ObjectiveName = "tags",
        machines: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.attributes = list(attributes)
        self.hparams["network"] = self.network = without_sources(network)
        self.part = part
        self.num_identities = num_identities
        if num_identities is not None and "anet" not in (part, network["name"]):
            raise InputError(
                "data.images_per_identity is for ANet, which learns identities: set it to null"
            )
        self.net: Any = self._build(network)
        self.search = None if localizer is None else FaceSearch(localizer, part)
        self.objective: FinderObjective | None = None
        if isinstance(self.learner, TagMaps):
            self.objective = FinderObjective(objective, self.learner)
        self.fitting = None if machines is None else MachineFitting(**machines)
        self.automatic_optimization = machines is None
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.similarity_weight = similarity_weight
        self.val_answers = GatheredAnswers(len(attributes))
        self.test_answers = GatheredAnswers(len(attributes))
        self.linear_answers = GatheredAnswers(len(attributes))
        self.test_features, self.untrained_features = GatheredFeatures(), GatheredFeatures()
        self._face_scores: list[Tensor] = []

    def _build(self, network: Mapping[str, Any]) -> Any:
        settings: dict[str, Any] = {**network, "num_outputs": len(self.attributes)}
        if self.num_identities is not None:
            settings["num_identities"] = self.num_identities
        net: Any = build_network(**settings)
        if isinstance(net, LNetsANet):
            net.begin(str(self.part))
        return net

    @property
    def learner(self) -> Any:
        """The network that trains."""
        return self.net if self.part is None else getattr(self.net, self.part)

    def setup(self, stage: str) -> None:
        """Check the data against the search, and show the finds before a test."""
        if self.search is not None and self.num_identities is None:
            self.search.check(self._data)
        if stage != "fit":  # of a resumed training, the weights are not there yet
            self._show_found()

    def on_fit_start(self) -> None:
        """Show the finds, and begin the objective of a new run."""
        self._show_found()
        if self.objective is not None and self.trainer.global_step == 0:
            self.objective.begin(self.learner)

    def _show_found(self) -> None:
        """Let the data show what the parts before this one find."""
        if self.part in (None, "lnet_o") or self._data.region not in FOUND:
            return
        if self.search is None:
            raise InputError(f"data.region={self._data.region} is found by module.localizer")
        device = self.trainer.strategy.root_device
        self.net.to(device)
        finder = self.search.localizer(self.net, closer=self.part == "anet")
        used = [self.net.lnet_o, *([finder.lnet_s] if finder.lnet_s is not None else [])]
        tensors = [tensor for net in used for tensor in net.state_dict().values()]
        self._data.show_found(
            lambda images: finder.best_boxes([image.to(device) for image in images]),
            name_of(*tensors, repr(self.search.settings)),
        )

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor | None:
        """Return the loss of a batch; None where machines are fitted instead."""
        if self.fitting is not None:
            self.fitting.add(self.learner, batch)
            self.optimizers().step()  # type: ignore[union-attr]  # of no gradient: counts the steps
            return None
        if self.objective is not None:
            seen = {**batch, "image": photometric(batch["image"]), "unchanged": batch["image"]}
            loss = self.objective(self.learner, seen)
            self.log("train/loss", loss, prog_bar=True)
            return loss
        tagging: Tagging = self.learner(batch["image"])
        if self.num_identities is None:
            loss = attribute_loss(tagging.logits, batch["attributes"])
        else:
            logits = self.learner.identities(tagging.features)
            weight = self.similarity_weight
            loss = identity_loss(tagging.features, logits, batch["identity"], weight)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Fit the machines, where there are some."""
        if self.fitting is not None:
            self.fitting.fit(self.learner)

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Update the metrics of validation with a batch."""
        image = batch["image"]
        if self.objective is not None:
            self._validate_finder(batch)
            return
        if self.fitting is not None:
            self.fitting.add_validation(self.learner, batch)
            return
        tagging: Tagging = self.learner(image)
        if self.num_identities is not None:
            said = self.learner.identities(tagging.features).argmax(1)
            right = (said == batch["identity"]).float().mean()
            how = {"prog_bar": True, "sync_dist": True, "batch_size": len(image)}
            self.log("val/identity_accuracy", right, **how)
            return
        self.val_answers.update(tagging.logits.sigmoid(), batch["attributes"])
        if self.search is not None and self.search.trains:
            missing = NUM_SCORED - sum(map(len, self._face_scores))
            if missing > 0:
                localizer = self.search.localizer(self.net)
                self._face_scores.append(localizer.best_regions(image[:missing])[1])

    def _validate_finder(self, batch: dict[str, Tensor]) -> None:
        """Log what a finder learns from, the higher the better, and gather scores of faces."""
        assert self.objective is not None
        assert self.search is not None
        image = batch["image"]
        loss = self.objective(self.learner, {**batch, "unchanged": image})
        how = {"prog_bar": True, "sync_dist": True, "batch_size": len(image)}
        self.log("val/objective", -loss, **how)
        self.val_answers.update(self.learner(image).logits.sigmoid(), batch["attributes"])
        faces = image[batch["face"] > 0][: NUM_SCORED - sum(map(len, self._face_scores))]
        if len(faces):
            localizer = self.search.localizer(self.net)
            self._face_scores.append(localizer.best_regions(faces)[1])
            if self.objective.name == "tags":
                self.learner.offset.fill_(fit_offset(self.learner, faces))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of validation."""
        if self.num_identities is not None:
            return
        if self.fitting is not None:
            self.val_answers.update(*self.fitting.calibrate(self.learner))
        scores = attribute_scores(self.val_answers.compute())
        for name in ("accuracy", "balanced_accuracy"):
            self.log(f"val/{name}", scores[name].nanmean().float(), prog_bar=True)
        if self.search is not None and self._face_scores:
            faces = torch.cat(self._face_scores)
            self.log("val/face_auc", self.search.set_threshold(self.net, faces, self._data).auc)
            self._face_scores.clear()
        self.val_answers.reset()

    def on_test_start(self) -> None:
        """Reset the metrics of the test."""
        for metric in (self.test_answers, self.linear_answers):
            metric.reset()
        self.test_features.reset()
        self.untrained_features.reset()
        self._fresh = [self.untrained()]  # in a list, lest it become a part of this module
        self.finders: FinderComparison | None = None
        if self.search is not None and self.num_identities is None:
            finders = {LNET: self.search.localizer(self.net)}
            if self.part in ("lnet_s", "anet") and self.net.lnet_s is not None:
                finders = {LNETS: self.search.localizer(self.net, closer=True), **finders}
            finders[UNTRAINED] = self.search.localizer(self._fresh[0])
            self.finders = self.search.comparison(finders, self._data)

    def test_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Update the metrics of the test with a batch."""
        image, labels = batch["image"], batch["attributes"]
        tagging: Tagging = self.learner(image)
        if self.num_identities is not None:
            fresh = self._fresh[0] if self.part is None else getattr(self._fresh[0], self.part)
            self.test_features.update(tagging.features, batch["identity"])
            self.untrained_features.update(fresh(image).features, batch["identity"])
            return
        self.test_answers.update(tagging.logits.sigmoid(), labels)
        linear = tagging.logits
        if self.objective is None:
            linear = self.learner.head(tagging.features)
        self.linear_answers.update(linear.sigmoid(), labels)

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the test."""
        if self.search is not None and self.finders is not None:
            number = int(self.trainer.num_test_batches[0]) * self._data.eval_batch_size
            self.search.test(self.finders, self._data, number, self.device)
        self.log_dict({f"test/{name}": value for name, value in self._test_figures().items()})

    def _test_figures(self) -> dict[str, float]:
        if self.num_identities is not None:
            return {"same_person_auc": same_person_auc(*self.test_features.compute())}
        scores = attribute_scores(self.test_answers.compute())
        figures = {name: float(scores[name].nanmean()) for name in MEASURES}
        found = self.finders.scores() if self.finders is not None else {}
        if found:
            ours = next(iter(found.values()))
            figures |= {"hit_rate": ours.hit_rate, "found": ours.found, "iou": ours.mean_iou}
            figures["recall"] = ours.recall_at(FALSE_ALARMS)
        return figures

    def tables(self) -> list[Table]:
        """Return the tables of the test that has just run, the trivial answers beside ours."""
        if self.num_identities is not None:
            ours, identities = (each.cpu() for each in self.test_features.compute())
            untrained = self.untrained_features.compute()[0].cpu()
            return [identities_table({"ANet": ours, UNTRAINED: untrained}, identities)]
        name = type(self.learner).__name__
        systems = {name: self.test_answers.compute()}
        if self._has_both_classifiers:
            systems = {f"{name}, {SVMS}": systems[name]}
            systems[f"{name}, {LINEAR}"] = self.linear_answers.compute()
        systems = {key: Answers(*(each.cpu() for each in said)) for key, said in systems.items()}
        return [
            *attribute_tables(systems, self.attributes, self._data),
            *(self.finders.tables() if self.finders is not None else []),
        ]

    @property
    def _has_both_classifiers(self) -> bool:
        """Whether a layer was trained with ANet's others, beside the machines on them."""
        layers = getattr(self.learner, "layers", None)
        return isinstance(layers, PaperLayers) and self.learner.svms is not None

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser, a group of rates for each trunk, and its schedule."""
        groups: list[dict[str, Any]] = [
            {"params": [*self.learner.parameters()], "lr": self.learning_rate}
        ]
        if isinstance(self.learner, TagMaps):
            groups = self.learner.parameter_groups(self.learning_rate)
        num_steps = int(self.trainer.estimated_stepping_batches)
        return one_cycle_optimizer(groups, self.weight_decay, num_steps)

    def panels(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        """Draw up to four samples: image with boxes, response, attributes."""
        if self.num_identities is not None:
            return {}
        images = batch["image"][:4]
        found = None
        if self.objective is not None:
            batch = {**batch, "box": face_boxes(batch["squares"][:, 0])}
        if self.search is not None and self.search.trains:
            localizer = self.search.localizer(self.net)
            found = [localizer(image) for image in images]
        return draw_tagging(batch, self.learner(images).logits.sigmoid(), self.attributes, found)

    def export_spec(self) -> ExportSpec:
        """image (B, 3, H, W) -> logits (B, A), for any B; of a head that averages any H and W."""
        net, batch = self.learner, Dim("batch", max=256)
        settings = self.network if self.part is None else self.network[self.part]
        is_anet = "anet" in (self.part, settings.get("name"))
        if not is_anet and settings.get("head", "gap") == "gap":
            shape = {0: batch, 2: Dim("height", min=64), 3: Dim("width", min=64)}
            return ExportSpec.of_images(net, ["logits"], (2, 64, 80), (3, 75, 101), shape)
        side = 0 if is_anet else net.trunk.input_size
        height, width = net.view if is_anet else (side, side)
        sizes = (2, height, width), (3, height, width)
        return ExportSpec.of_images(net, ["logits"], *sizes, {0: batch})

    @property
    def _data(self) -> FaceData:
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def untrained(self) -> nn.Module:
        """Return the network as it would be without training, from a fixed seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = self._build(self.network)
        return network.eval().to(self.device)
