"""How well scores rank what is there before what is not."""

import torch
from torch import Tensor


def average_precision(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the area under each attribute's precision-recall curve, without interpolation.

    Equal scores are one step of the curve, so constant scores give the positive rate.

    Args:
        scores: (N, A), higher is likelier.
        labels: (N, A): 1 present, -1 absent, 0 not known, which is left out.

    Returns:
        (A,) float64 in [0, 1]; NaN without a positive.

    >>> average_precision(torch.tensor([[3.0], [2.0], [1.0]]), torch.tensor([[1], [-1], [1]]))
    tensor([0.8333], dtype=torch.float64)
    """
    columns = zip(scores.T, labels.T, strict=True)
    return torch.stack([_area(own[label != 0], label[label != 0] == 1) for own, label in columns])


def hits_at_scores(scores: Tensor, is_hit: Tensor) -> tuple[Tensor, Tensor]:
    """Count from the highest score down; equal scores are one step, so no order decides among them.

    Args:
        scores: (N,).
        is_hit: (N,) bool.

    Returns:
        For each of the S distinct scores, (S,): how many hits, float64, and how many in all, have
        it or a higher one.

    >>> hits_at_scores(torch.tensor([0.9, 0.5, 0.5]), torch.tensor([True, False, True]))
    (tensor([1., 2.], dtype=torch.float64), tensor([1, 3]))
    """
    scores, order = scores.sort(descending=True)
    _, counts = scores.unique_consecutive(return_counts=True)
    reached = counts.cumsum(0)
    return is_hit[order].double().cumsum(0)[reached - 1], reached


def _area(scores: Tensor, present: Tensor) -> Tensor:
    hits, reached = hits_at_scores(scores, present)
    gained = hits.diff(prepend=hits.new_zeros(1))
    return (gained * hits / reached).sum() / present.sum()
