"""The answers that cost nothing: what is most frequent in training, whatever a picture shows."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fashion.data.datamodule import FashionData
from fashion.data.garments import Garments
from fashion.evaluation.landmarks import mean_landmarks
from fashion.models.recognition import NUM_LANDMARKS, NUM_STATES, Recognition

NUM_LOOKED_AT = 500
"""Training pictures, spread over all, whose landmarks are averaged."""


@dataclass(frozen=True)
class Typical:
    """What training is like.

    Attributes:
        categories: (C,), how many garments there are of each.
        attributes: (A,), the share that has each.
        landmarks: (8, 2), mean places in samples, fractions.
    """

    categories: Tensor
    attributes: Tensor
    landmarks: Tensor

    def answer(self, number: int) -> Recognition:
        """Return the same for each of ``number`` garments; without an embedding."""
        device = self.landmarks.device
        return Recognition(
            self.landmarks.expand(number, -1, -1),
            torch.zeros(number, NUM_LANDMARKS, NUM_STATES, device=device),
            self.categories.expand(number, -1),
            self.attributes.expand(number, -1),
            torch.zeros(number, 0, device=device),
        )


def typical_of(data: FashionData, num_categories: int, device: torch.device) -> Typical:
    """Look at what trains.

    Args:
        data: whose training garments are counted.
        num_categories: C.
        device: of the tensors.
    """
    garments = data.training_garments()
    known = garments.columns.categories[garments.columns.categories >= 0]
    counts = torch.from_numpy(np.bincount(known, minlength=num_categories))
    return Typical(
        counts.float().to(device),
        data.positive_rates().nan_to_num(nan=0.0).float().to(device),
        _mean_landmarks(data, garments).to(device),
    )


def _mean_landmarks(data: FashionData, garments: Garments) -> Tensor:
    rows = np.unique(np.linspace(0, len(garments) - 1, NUM_LOOKED_AT).astype(np.int64))
    samples = data.evaluation_samples(garments.take(rows))
    looked_at = [samples[i] for i in range(len(samples))]
    landmarks, states = (
        torch.stack([sample[name] for sample in looked_at]) for name in ("landmarks", "states")
    )
    return mean_landmarks(landmarks, states)
