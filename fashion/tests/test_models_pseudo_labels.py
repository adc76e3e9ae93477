"""Pseudo-labels: clusters that are there are found, and unknown landmarks do not count."""

import math

import pytest
import torch

from fashion.models.pseudo_labels import PseudoLabels, distances, fit_centres


def test_distance_is_over_known_landmarks_alone() -> None:
    vectors = torch.zeros(2, 8, 2)
    vectors[:, 0, 0], vectors[:, 1, 1] = 3.0, 100.0
    known = torch.zeros(2, 8, dtype=torch.bool)
    known[0, 0] = known[0, 2] = True
    distance = distances(vectors, known, torch.zeros(1, 8, 2))
    assert distance[:, 0].tolist() == pytest.approx([math.sqrt(9 / 2), 0])


def test_centres_are_the_configurations_that_there_are() -> None:
    torch.manual_seed(0)
    truth = torch.rand(3, 8, 2)
    label = torch.arange(120) % 3
    vectors = truth[label] + 0.01 * torch.randn(120, 8, 2)
    known = torch.rand(120, 8) > 0.25
    vectors[~known] = 0  # as a batch has them
    centres = fit_centres(vectors, known, 3)
    nearest = torch.cdist(truth.flatten(1), centres.flatten(1))
    assert nearest.min(1).values.max() < 0.05
    assert sorted(nearest.argmin(1).tolist()) == [0, 1, 2]


def test_same_seed_fits_the_same_centres() -> None:
    vectors, known = torch.rand(50, 8, 2), torch.ones(50, 8, dtype=torch.bool)
    assert torch.equal(fit_centres(vectors, known, 5, seed=3), fit_centres(vectors, known, 5, 3))


def test_assignment_is_soft_by_temperature_or_hard() -> None:
    labels = PseudoLabels(2)
    vectors, known = torch.zeros(1, 8, 2), torch.ones(1, 8, dtype=torch.bool)
    with pytest.raises(ValueError, match="whose centres are fitted"):
        labels.assign(vectors, known, 0.1)
    labels.fit(
        torch.tensor([0.0, 0.0, 0.1, 0.1])[:, None, None].expand(4, 8, 2), known.expand(4, 8)
    )
    order = labels.centres[:, 0, 0].argsort()
    soft = labels.assign(vectors, known, 0.1)[0, order]
    ratio = math.exp(math.sqrt(2) * 0.1 / 0.1)
    assert (soft[0] / soft[1]).item() == pytest.approx(ratio, rel=1e-4)
    assert labels.assign(vectors, known, None)[0, order].tolist() == [1, 0]


def test_errors_are_means_over_the_garments_of_a_label() -> None:
    labels = PseudoLabels(2)
    assert not labels.knows_errors
    probabilities = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert labels.is_easy_and_hard(probabilities).all()
    labels.fit_errors(probabilities, torch.tensor([0.1, 0.3, 0.5, 0.7]), overlap=0.0)
    assert labels.knows_errors
    assert labels.errors.tolist() == pytest.approx([0.2, 0.6])
    assert labels.is_easy(probabilities).tolist() == [True, True, False, False]
    both = labels.is_easy_and_hard(probabilities)
    assert both.tolist() == [[True, False], [True, False], [False, True], [False, True]]


def test_too_few_garments_are_named() -> None:
    with pytest.raises(ValueError, match="of at least 5 garments, got"):
        fit_centres(torch.rand(4, 8, 2), torch.ones(4, 8, dtype=torch.bool), 5)
