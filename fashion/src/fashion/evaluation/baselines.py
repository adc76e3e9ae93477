"""Prior baseline: what is most frequent in training, whatever an image shows."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fashion.data.datamodule import FashionData
from fashion.data.garments import Garments
from fashion.evaluation.landmarks import mean_landmarks
from fashion.models.recognition import NUM_LANDMARKS, NUM_STATES, Recognition

NUM_AVERAGED = 500
"""Training images, spread over all, whose landmarks are averaged."""


@dataclass(frozen=True)
class PriorBaseline:
    """Constant prediction from the frequencies of training.

    Attributes:
        categories: (C,), number of training garments of each.
        attributes: (A,), share of training garments that have each, in [0, 1].
        landmarks: (8, 2), mean x, y in samples, fractions of their size.
    """

    categories: Tensor
    attributes: Tensor
    landmarks: Tensor

    def predict(self, number: int) -> Recognition:
        """Return the same for each of ``number`` garments; without an embedding."""
        device = self.landmarks.device
        return Recognition(
            self.landmarks.expand(number, -1, -1),
            torch.zeros(number, NUM_LANDMARKS, NUM_STATES, device=device),
            self.categories.expand(number, -1),
            self.attributes.expand(number, -1),
            torch.zeros(number, 0, device=device),
        )


def prior_baseline(data: FashionData, num_categories: int, device: torch.device) -> PriorBaseline:
    """Return the prior baseline of a data set's training split.

    Args:
        data: data set whose training garments are counted.
        num_categories: C, number of categories.
        device: device of the tensors.
    """
    garments = data.training_garments()
    known = garments.columns.categories[garments.columns.categories >= 0]
    counts = torch.from_numpy(np.bincount(known, minlength=num_categories))
    return PriorBaseline(
        counts.float().to(device),
        data.positive_rates().nan_to_num(nan=0.0).float().to(device),
        _mean_landmarks(data, garments).to(device),
    )


def _mean_landmarks(data: FashionData, garments: Garments) -> Tensor:
    rows = np.unique(np.linspace(0, len(garments) - 1, NUM_AVERAGED).astype(np.int64))
    samples = data.evaluation_samples(garments.take(rows))
    averaged = [samples[i] for i in range(len(samples))]
    landmarks, states = (
        torch.stack([sample[name] for sample in averaged]) for name in ("landmarks", "states")
    )
    return mean_landmarks(landmarks, states)
