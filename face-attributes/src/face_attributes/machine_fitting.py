"""Fitting the machines of an ANet whose layers rest: once, to what an epoch has shown."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from face_attributes.data.photometric import photometric
from face_attributes.evaluation.answers import Answers, GatheredFeatures
from face_attributes.svm import COSTS, calibrate, fit_machines


class MachineFitting(nn.Module):
    """Gathers features of patches, fits machines to them, and calibrates these on validation.

    Args:
        costs: costs of a violation, see `face_attributes.svm.fit_svms`.
        balanced: whether both classes of an attribute weigh as much, in fitting and in calibration:
            for data whose frequencies are not those of what is to be described.
        photometric: whether training images are changed as another camera would have taken them.
    """

    def __init__(
        self,
        costs: Sequence[float] = COSTS,
        balanced: bool = False,
        photometric: bool = False,
    ) -> None:
        super().__init__()
        self.costs = tuple(costs)
        self.balanced = balanced
        self.photometric = photometric
        self.trained, self.validated = GatheredFeatures(), GatheredFeatures()

    @torch.no_grad()
    def add(self, anet: Any, batch: dict[str, Tensor]) -> None:
        """Look at a batch of training."""
        image = photometric(batch["image"]) if self.photometric else batch["image"]
        self.trained.update(anet.eval().patches_of(image)[0], batch["attributes"])

    def add_validation(self, anet: Any, batch: dict[str, Tensor]) -> None:
        """Look at a batch of validation."""
        self.validated.update(anet.patches_of(batch["image"])[0], batch["attributes"])

    def fit(self, anet: Any) -> None:
        """Give an ANet its machines."""
        features, labels = self.trained.compute()
        how = {"costs": self.costs, "balanced": self.balanced}
        anet.svms.weight, anet.svms.bias = fit_machines(features, labels, **how)

    def calibrate(self, anet: Any) -> Answers:
        """Fold Platt's sigmoid into the machines, and return what they say in validation."""
        features, labels = self.validated.compute()
        slope, offset = calibrate(anet.svms(features.flatten(1)), labels, balanced=self.balanced)
        anet.svms.weight = anet.svms.weight * slope[:, None]
        anet.svms.bias = anet.svms.bias * slope + offset
        self.validated.reset()
        return Answers(anet.svms(features.flatten(1)).sigmoid(), labels)
