"""The answers of a system to a test, gathered batch by batch and over devices."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from vision_shared.metrics import ShapedMetric


class Answers(NamedTuple):
    """All answers of a system.

    Attributes:
        probabilities: (N, A) in [0, 1]; from 0.5 on, the attribute is said to be present.
        labels: (N, A) int8: 1 present, -1 absent, 0 not known.
    """

    probabilities: Tensor
    labels: Tensor


class GatheredAnswers(ShapedMetric):
    """Streams `Answers`; 20,000 images of 40 attributes are 4 MB.

    Args:
        num_attributes: A.
    """

    full_state_update = False
    probabilities: list[Tensor]
    labels: list[Tensor]

    def __init__(self, num_attributes: int) -> None:
        super().__init__()
        self.num_attributes = num_attributes
        self.add_state("probabilities", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Add a batch, (B, A) each.

        Raises:
            ValueError: a shape differs, or a label is none of 1, -1 and 0.
        """
        wanted = (len(labels), self.num_attributes)
        if probabilities.shape != wanted or labels.shape != wanted:
            raise ValueError(
                f"expected probabilities and labels (B, {self.num_attributes}), got "
                f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
            )
        odd = labels[(labels != 0) & (labels.abs() != 1)]
        if len(odd):
            raise ValueError(f"expected labels 1, -1 or 0, got {float(odd[0]):g}")
        self.probabilities.append(probabilities.detach().float())
        self.labels.append(labels.to(torch.int8))

    def compute(self) -> Answers:
        """Return what all processes have gathered."""
        return Answers(dim_zero_cat(self.probabilities), dim_zero_cat(self.labels))


class GatheredFeatures(ShapedMetric):
    """Streams features, and what is known of the images: labels or identities."""

    full_state_update = False
    features: list[Tensor]
    known: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("features", [], dist_reduce_fx="cat")
        self.add_state("known", [], dist_reduce_fx="cat")

    def update(self, features: Tensor, known: Tensor) -> None:
        """Add a batch, (B, D) and (B, ...)."""
        self.features.append(features.detach().float())
        self.known.append(known)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return what all processes have gathered."""
        return dim_zero_cat(self.features), dim_zero_cat(self.known)
