"""From which score on there is a face: learned from images with one and without any."""

from typing import NamedTuple

import torch
from torch import Tensor


class Decision(NamedTuple):
    """A threshold, and how well it divides what it was fitted to.

    Attributes:
        threshold: images of at least this score have a face.
        error: mean of the share of faces below and the share of backgrounds at or above, in [0, 1].
        auc: chance that a face scores higher than a background, ties counting half.
    """

    threshold: float
    error: float
    auc: float


def fit_threshold(faces: Tensor, backgrounds: Tensor) -> Decision:
    """Place the boundary between two sets of image scores, (N,) and (M,), of any sizes.

    The paper takes where the histograms of 2,000 images each cross (section 3.1, figure 3b);
    without bins, that is where the mean of the two error rates is least. Of several such places it
    is the one with the widest gap, in the middle between its neighbours.

    Raises:
        ValueError: no score of one kind, or one that is not finite.
    """
    faces, backgrounds = (scores.detach().double().flatten() for scores in (faces, backgrounds))
    for name, scores in (("faces", faces), ("backgrounds", backgrounds)):
        if len(scores) == 0 or not scores.isfinite().all():
            raise ValueError(f"expected finite scores of {name}, at least one, got {scores}")
    values = torch.cat([faces, backgrounds]).unique()  # ascending
    edges = torch.cat([values[:1], (values[1:] + values[:-1]) / 2])
    gaps = torch.cat([values.new_zeros(1), values[1:] - values[:-1]])
    missed = torch.searchsorted(faces.sort().values, edges).double() / len(faces)
    ranked = backgrounds.sort().values
    raised = 1 - torch.searchsorted(ranked, edges).double() / len(backgrounds)
    error = (missed + raised) / 2
    best = torch.where(error <= error.min() + 1e-12, gaps, -1.0).argmax()
    below = torch.searchsorted(ranked, faces), torch.searchsorted(ranked, faces, right=True)
    auc = (below[0] + below[1]).double().mean() / (2 * len(backgrounds))
    return Decision(float(edges[best]), float(error[best]), float(auc))
