"""Linear support vector machines: one an attribute and patch, on features that are there."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

COSTS = (1e-3, 1e-2, 1e-1, 1.0)
"""Of a margin that is violated; every third example decides which one."""

STEPS = 100
"""Of L-BFGS, at most."""


def fit_machines(
    features: Tensor, labels: Tensor, *, costs: Sequence[float] = COSTS, balanced: bool = False
) -> tuple[Tensor, Tensor]:
    """Fit a machine for each attribute and patch, whose mean is the score (Liu et al. 2015, 3.2).

    Args:
        features: (N, P, D), of N images' patches.
        labels: (N, A), 1 present, -1 absent, 0 not known: left out.
        costs: costs of a violation, see `fit_svms`.
        balanced: whether both kinds of an attribute weigh as much, see `fit_svms`.

    Returns:
        Weights (A, P * D) of the patches' features one after another, and biases (A,).
    """
    fits = [fit_svms(patch, labels, costs=costs, balanced=balanced) for patch in features.unbind(1)]
    weights, biases = zip(*fits, strict=True)
    return torch.cat(weights, 1) / len(fits), torch.stack(biases).mean(0)


@torch.inference_mode(mode=False)  # Lightning validates within it
def fit_svms(
    features: Tensor, labels: Tensor, *, costs: Sequence[float] = COSTS, balanced: bool = False
) -> tuple[Tensor, Tensor]:
    """Fit a support vector machine for each attribute, with liblinear's squared hinge loss.

    Features are brought to zero mean and unit deviation first, which the answer has folded in. All
    attributes are solved at once.

    Args:
        features: (N, D).
        labels: (N, A), 1 present, -1 absent, 0 not known: left out.
        costs: costs of a margin that is violated; of several every third example decides, for each
            attribute, which one.
        balanced: whether both classes weigh as much, however frequent they are.

    Returns:
        Weights (A, D) and biases (A,): an attribute is there where ``features @ w + b`` is 0 or
        more. One that is never seen both present and absent has no weights, and a bias of its
        majority class's sign.

    Raises:
        ValueError: the shapes do not fit.
    """
    _expect_labels(features, labels)
    x, y = features.float(), labels.to(features.device).float()
    mean, scale = x.mean(0), x.std(0, correction=0)
    scale = torch.where(scale < 1e-6, 1.0, scale)
    x = (x - mean) / scale
    cost = torch.full((y.shape[1],), float(costs[0]), device=x.device)
    if len(costs) > 1:
        cost = _choose_costs(x, y, costs, balanced)
    weights, biases = _solve(x, y, cost, balanced)
    has_both = (y > 0).any(0) & (y < 0).any(0)
    weights = torch.where(has_both[:, None], weights / scale, 0.0)
    sign = torch.where((y > 0).any(0), 1.0, -1.0)
    return weights, torch.where(has_both, biases - weights @ mean, sign)


@torch.inference_mode(mode=False)
def calibrate(scores: Tensor, labels: Tensor, *, balanced: bool = False) -> tuple[Tensor, Tensor]:
    """Fit Platt's sigmoid to each attribute's scores (Platt 1999).

    Args:
        scores: (N, A), of examples that trained no machine.
        labels: (N, A), 1 present, -1 absent, 0 not known: left out.
        balanced: whether both classes weigh as much, however frequent they are.

    Returns:
        Slopes (A,), positive, and offsets (A,): ``sigmoid(slope * score + offset)`` is the
        probability. Slope 1 and offset 0 where an attribute is not both present and absent.
    """
    _expect_labels(scores, labels)
    s, y = scores.double(), labels.to(scores.device).double()
    has_both = (y > 0).any(0) & (y < 0).any(0)
    positives, negatives = (y > 0).sum(0).double(), (y < 0).sum(0).double()
    # Platt's targets: as if one more example of each class had been seen
    target = torch.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weight = _example_weights(y, balanced)
    log_slope = torch.zeros_like(positives, requires_grad=True)
    offset = torch.zeros_like(positives, requires_grad=True)

    def loss() -> Tensor:
        logits = log_slope.exp() * s + offset
        each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (each * weight).sum() / len(s)

    _minimise(loss, [log_slope, offset])
    slope = torch.where(has_both, log_slope.detach().exp(), 1.0)
    return slope.float(), torch.where(has_both, offset.detach(), 0.0).float()


def _choose_costs(x: Tensor, y: Tensor, costs: Sequence[float], balanced: bool) -> Tensor:
    """Return the cost (A,) by which every third example is best told, the least of equal ones."""
    held_out = torch.arange(len(y), device=x.device) % 3 == 2
    right = []
    for cost in costs:
        each = torch.full((y.shape[1],), float(cost), device=x.device)
        weights, biases = _solve(x[~held_out], y[~held_out], each, balanced)
        truth = y[held_out]
        said = x[held_out] @ weights.T + biases
        hits = ((said >= 0) == (truth > 0)) * _example_weights(truth, balanced)
        right.append(hits.sum(0))
    best = torch.stack(right).argmax(0)  # the first of equal ones
    return torch.tensor(list(costs), device=x.device)[best]


def _solve(x: Tensor, y: Tensor, costs: Tensor, balanced: bool) -> tuple[Tensor, Tensor]:
    """Minimise |w|^2 / 2 + cost * sum of squared hinges for each column of labels."""
    weight = torch.zeros(y.shape[1], x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(y.shape[1], device=x.device, requires_grad=True)
    importance = _example_weights(y, balanced) * costs

    def loss() -> Tensor:
        slack = (1 - y * (x @ weight.T + bias)).clamp_min(0)
        return (weight.square().sum() / 2 + (importance * slack.square()).sum()) / len(x)

    _minimise(loss, [weight, bias])
    return weight.detach(), bias.detach()


def _example_weights(y: Tensor, balanced: bool) -> Tensor:
    """(N, A): 0 where a label is not known; balanced, half of the known ones for each class."""
    known = (y != 0).to(y.dtype)
    if not balanced:
        return known
    half = known.sum(0) / 2
    each = torch.where(y > 0, half / (y > 0).sum(0), half / (y < 0).sum(0))
    return torch.where(y != 0, each, 0.0).nan_to_num(posinf=0.0)


def _minimise(loss: Callable[[], Tensor], parameters: list[Tensor]) -> None:
    with torch.enable_grad():
        solver = torch.optim.LBFGS(
            parameters, max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            solver.zero_grad()
            value = loss()
            value.backward()
            return value

        solver.step(closure)  # type: ignore[arg-type]


def _expect_labels(features: Tensor, labels: Tensor) -> None:
    if features.ndim != 2 or labels.ndim != 2 or len(features) != len(labels):
        raise ValueError(
            f"expected features (N, D) and labels (N, A), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
