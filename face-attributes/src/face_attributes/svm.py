"""Linear support vector machines: one an attribute, on features that are there."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COSTS = (1e-3, 1e-2, 1e-1, 1.0)
"""Of a margin that is violated; which one, every third example of the others decides."""


def fit_svms(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a support vector machine for each attribute (Liu et al. 2015, section 3.2).

    Features are brought to zero mean and unit deviation first, which the answer has folded in.

    Args:
        features: (N, D).
        labels: (N, A), 1 present, -1 absent, 0 not known: left out.

    Returns:
        Weights (A, D) and biases (A,): an attribute is there where ``features @ w + b`` is 0 or
        more. One that is never seen both present and absent has no weights, and a bias of its
        majority class's sign.

    Raises:
        ValueError: the shapes do not fit.
    """
    if features.ndim != 2 or labels.ndim != 2 or len(features) != len(labels):
        raise ValueError(
            f"expected features (N, D) and labels (N, A), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
    x, y = features.double().cpu().numpy(), labels.cpu().numpy()
    mean, scale = x.mean(0), x.std(0)
    scale[scale < 1e-8] = 1.0
    fits = [_fit((x - mean) / scale, column) for column in y.T]
    weights = np.stack([weight for weight, _ in fits]) / scale
    biases = np.array([bias for _, bias in fits]) - weights @ mean
    like = {"dtype": torch.float32, "device": features.device}
    return torch.tensor(weights, **like), torch.tensor(biases, **like)


def _fit(x: NDArray[np.double], y: NDArray[np.integer]) -> tuple[NDArray[np.double], float]:
    known = y != 0
    x, y = x[known], y[known]
    if len(np.unique(y)) < 2:
        return np.zeros(x.shape[1]), 1.0 if (y > 0).any() else -1.0
    held_out = np.arange(len(y)) % 3 == 2
    cost = COSTS[0]
    if len(np.unique(y[~held_out])) == 2:
        tried = {c: _solve(x[~held_out], y[~held_out], c) for c in COSTS}
        cost = max(COSTS, key=lambda c: _accuracy(*tried[c], x[held_out], y[held_out]))
    return _solve(x, y, cost)


def _solve(
    x: NDArray[np.double], y: NDArray[np.integer], cost: float
) -> tuple[NDArray[np.double], float]:
    from sklearn.svm import LinearSVC  # a second to import: only fitting pays

    few = len(x) < x.shape[1]  # then the dual problem is the smaller one
    machine: Any = LinearSVC(C=cost, dual=few, max_iter=10_000, random_state=0)
    machine.fit(x, y)
    return machine.coef_[0], float(machine.intercept_[0])


def _accuracy(
    weight: NDArray[np.double], bias: float, x: NDArray[np.double], y: NDArray[np.integer]
) -> float:
    return float((((x @ weight + bias) >= 0) == (y > 0)).mean())
