"""What a detector's score is worth: the share of such boxes that are right, and one a garment."""

import torch
from torch import Tensor, nn
from torchvision.ops import nms

_ROUNDS = 50
_EPSILON = 1e-4
"""Scores are kept in [least, 1 - least]: their log-odds are finite."""


class ScoreCalibration(nn.Module):
    """Makes of a detector's scores the probability that a box of such a score is right.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999: by type, a line in the
    log-odds, fitted on images that did not train. So of boxes above a threshold at least that
    share is right, and boxes of two types can be compared. Before `fit` scores stay what they are.

    Args:
        num_types: T.
        same_garment: `same_garment` until one is fitted.

    Attributes:
        slopes: (T,), above 0: the order of the boxes of a type is kept.
        offsets: (T,).
        same_garment: scalar, the intersection over union from which on two boxes, of whatever
            types, are taken for one garment.
    """

    slopes: Tensor
    offsets: Tensor
    same_garment: Tensor

    def __init__(self, num_types: int, same_garment: float = 0.7) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.ones(num_types))
        self.register_buffer("offsets", torch.zeros(num_types))
        self.register_buffer("same_garment", torch.tensor(same_garment))

    def forward(self, scores: Tensor, types: Tensor) -> Tensor:
        """(N,) in [0, 1], (N,) types -> (N,), probabilities."""
        return (self.slopes[types] * _log_odds(scores) + self.offsets[types]).sigmoid()

    def fit(self, scores: Tensor, types: Tensor, is_right: Tensor) -> None:
        """Fit what scores are worth; a type with no right or no wrong box stays as it is.

        Args:
            scores: (N,), as `forward` takes them, of all boxes of many images.
            types: (N,).
            is_right: (N,) bool: the box is that of a garment of its type.
        """
        for kind in range(len(self.slopes)):
            chosen = types == kind
            if is_right[chosen].any() and not is_right[chosen].all():
                slope, offset = _line(_log_odds(scores[chosen].double()), is_right[chosen])
                self.slopes[kind], self.offsets[kind] = slope, offset


def one_per_garment(boxes: Tensor, scores: Tensor, same_garment: float) -> Tensor:
    """Return the indices of one box per garment, sorted by score, descending."""
    return nms(boxes, scores, same_garment)


def _log_odds(scores: Tensor) -> Tensor:
    return scores.logit(_EPSILON)


def _line(x: Tensor, is_right: Tensor) -> tuple[float, float]:
    """Fit slope and offset of a logistic regression by Newton's method.

    Platt's targets, a little inside of 0 and 1, keep them finite; the slope is kept above 0.
    """
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    target = torch.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2)).to(x)
    columns = torch.stack([x, torch.ones_like(x)], 1)
    line = x.new_tensor([1.0, 0.0])
    for _ in range(_ROUNDS):
        said = (columns @ line).sigmoid()
        slope = columns.T @ (said - target)
        curvature = (columns * (said * (1 - said))[:, None]).T @ columns
        step = torch.linalg.solve(curvature + 1e-6 * torch.eye(2).to(x), slope)
        line = line - step.clamp(-1, 1)
        if float(step.abs().max()) < 1e-6:
            break
    if float(line[0]) <= 0:  # scores that say nothing: the share of right boxes is all there is
        return 1e-3, float(torch.tensor(right / (right + wrong)).logit(_EPSILON))
    return float(line[0]), float(line[1])
