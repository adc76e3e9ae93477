"""Pseudo-labels: which of a few typical configurations of landmarks a garment has.

Liu, Yan, Luo, Wang, Tang, "Fashion Landmark Detection in the Wild", ECCV 2016, section 3: k-means
in the space of the labels, first of landmarks, then of what the stage before has left to do.

A landmark without a place (truncated, or absent from the type) takes no part in a distance, and one
layout of eight serves upper-body, lower-body and full-body garments.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion.models.recognition import NUM_LANDMARKS

_ROUNDS = 3
"""Of k-means, each with what is missing filled in by the last one's centres."""


class PseudoLabels(nn.Module):
    """The pseudo-labels of one stage, and how well garments of each come out of it.

    Everything is fitted on the training set and part of the state, as a checkpoint has it.

    Args:
        number: k, of the labels; 0 has none.

    Attributes:
        centres: (k, 8, 2).
        errors: (k,), mean distance to the truth, fractions, after the stage.
        quantiles: (3,), of the expected error of a garment after the stage, see `fit_errors`; until
            then infinite, so that every garment is both easy and hard.
        is_fitted: scalar bool, of the centres.
    """

    centres: Tensor
    errors: Tensor
    quantiles: Tensor
    is_fitted: Tensor

    def __init__(self, number: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(number, NUM_LANDMARKS, 2))
        self.register_buffer("errors", torch.zeros(number))
        self.register_buffer("quantiles", torch.tensor([-1.0, 1.0, 1.0]) * torch.inf)
        self.register_buffer("is_fitted", torch.tensor(number == 0))

    def fit(self, vectors: Tensor, known: Tensor, seed: int = 0) -> None:
        """Fit the centres, if there are any, see `fit_centres`."""
        if len(self.centres) == 0:
            return
        self.centres.copy_(fit_centres(vectors, known, len(self.centres), seed))
        self.is_fitted.fill_(True)

    def assign(self, vectors: Tensor, known: Tensor, temperature: float | None) -> Tensor:
        """(B, 8, 2), (B, 8) bool -> (B, k), probabilities of the labels.

        Args:
            vectors: vectors of the kind that the centres were fitted on.
            known: the landmarks that have a place.
            temperature: temperature of a soft assignment, in proportion to exp(-distance /
                temperature); None is a hard one.

        Raises:
            ValueError: the centres are not fitted.
        """
        if not self.is_fitted:
            raise ValueError("expected pseudo-labels whose centres are fitted, got none yet")
        distance = distances(vectors, known, self.centres)
        if temperature is None:
            return F.one_hot(distance.argmin(1), distance.shape[1]).to(distance.dtype)
        return (-distance / temperature).softmax(1)

    @property
    def knows_errors(self) -> bool:
        """`fit_errors` has run."""
        return bool(self.quantiles.isfinite().all())

    def fit_errors(self, probabilities: Tensor, errors: Tensor, overlap: float) -> None:
        """Fit how well garments of each label come out of the stage.

        Args:
            probabilities: (N, k), of the stage's labels.
            errors: (N,), mean distance to the truth after the stage, fractions.
            overlap: share of the garments that count as both easy and hard in training: half of
                it below the median of the expected error, half above.
        """
        sums = probabilities.T @ errors.to(probabilities)
        self.errors.copy_(sums / probabilities.sum(0).clamp_min(1e-6))
        levels = [0.5 - overlap / 2, 0.5, 0.5 + overlap / 2]
        expected = self.expected_error(probabilities)
        self.quantiles.copy_(expected.quantile(expected.new_tensor(levels)))

    def expected_error(self, probabilities: Tensor) -> Tensor:
        """(B, k) -> (B,): how well such garments come out of the stage."""
        return probabilities @ self.errors

    def is_easy(self, probabilities: Tensor) -> Tensor:
        """(B, k) -> (B,) bool: the expected error is not above the median."""
        return self.expected_error(probabilities) <= self.quantiles[1]

    def is_easy_and_hard(self, probabilities: Tensor) -> Tensor:
        """(B, k) -> (B, 2) bool: who trains the easy and who the hard branch."""
        expected = self.expected_error(probabilities)
        return torch.stack([expected <= self.quantiles[2], expected >= self.quantiles[0]], 1)


def fit_centres(vectors: Tensor, known: Tensor, number: int, seed: int = 0) -> Tensor:
    """Find typical configurations by k-means.

    Coordinates that are not known are those of their cluster's centre (Chi et al. 2016, "k-POD"),
    at first their mean.

    Args:
        vectors: (N, 8, 2), of the training set alone.
        known: (N, 8) bool.
        number: number of centres.
        seed: seed of k-means.

    Returns:
        (number, 8, 2) float32, on the CPU.

    Raises:
        ValueError: shapes that do not fit, or fewer vectors than centres.
    """
    from sklearn.cluster import KMeans  # not for those who only use a network

    if vectors.ndim != 3 or known.shape != vectors.shape[:2] or len(vectors) < number:
        raise ValueError(
            f"expected vectors (N, 8, 2) and known (N, 8) of at least {number} garments, got "
            f"{tuple(vectors.shape)} and {tuple(known.shape)}"
        )
    vectors, mask = vectors.detach().float().cpu(), known.cpu()[..., None]
    filled = torch.where(mask, vectors, (vectors * mask).sum(0) / mask.sum(0).clamp_min(1))
    means = KMeans(number, n_init=4, random_state=seed)
    for _ in range(_ROUNDS):
        means.fit(filled.flatten(1).numpy())  # type: ignore[bad-argument-type]
        centres = torch.from_numpy(means.cluster_centers_).to(vectors).view(number, -1, 2)
        filled = torch.where(mask, vectors, centres[torch.from_numpy(means.labels_).long()])
        means.set_params(init=means.cluster_centers_, n_init=1)
    return centres


def distances(vectors: Tensor, known: Tensor, centres: Tensor) -> Tensor:
    """Measure how far configurations are from the centres.

    Args:
        vectors: (B, 8, 2).
        known: (B, 8) bool.
        centres: (k, 8, 2).

    Returns:
        (B, k), the root of the mean squared distance of the known landmarks; 0 if none is.
    """
    squares = (vectors[:, None] - centres).square().sum(3)  # (B, k, 8)
    squares = squares.masked_fill(~known[:, None], 0).sum(2)
    return (squares / known.sum(1).clamp_min(1)[:, None]).sqrt()
