"""Support vector machines on features: right where that is possible, careful where it is not."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from face_attributes.svm import COSTS, calibrate, fit_machines, fit_svms

RNG = np.random.default_rng(0)
FEATURES = torch.tensor(RNG.normal(3, (1, 5, 0.1, 2), (120, 4)), dtype=torch.float32)


def test_what_a_line_divides_is_divided() -> None:
    direction = torch.tensor([1.0, -0.5, 8.0, 0.0])
    scores = (FEATURES - FEATURES.mean(0)) @ direction
    labels = torch.stack([scores.sign(), -scores.sign()], 1).to(torch.int8)
    weight, bias = fit_svms(FEATURES, labels)
    assert weight.shape == (2, 4) and bias.shape == (2,)
    said = FEATURES @ weight.T + bias
    assert float(((said >= 0) == (labels > 0)).double().mean()) > 0.97


def test_scores_are_those_of_the_machine_on_normalised_features() -> None:
    labels = torch.tensor(RNG.choice([-1, 1], (120, 1)))
    weight, bias = fit_svms(FEATURES, labels)
    x = FEATURES.double().numpy()
    x = (x - x.mean(0)) / x.std(0)
    machines: list[Any] = [
        LinearSVC(C=c, dual=False, intercept_scaling=100, tol=1e-6) for c in COSTS
    ]
    tried = [machine.fit(x, labels[:, 0].numpy()) for machine in machines]
    said = (FEATURES @ weight.T + bias)[:, 0].numpy()
    assert min(np.abs(machine.decision_function(x) - said).max() for machine in tried) < 1e-3


def test_unknown_labels_count_for_nothing() -> None:
    labels = torch.tensor(RNG.choice([-1, 1], (120, 1)))
    hidden = labels.clone()
    hidden[90:] = 0
    mean, deviation = FEATURES.mean(0), FEATURES.std(0)
    same = torch.cat([FEATURES[:90], FEATURES[90:].flip(0)])  # of which the mean is the same
    torch.testing.assert_close(fit_svms(FEATURES, hidden), fit_svms(same, hidden))
    assert torch.allclose(same.mean(0), mean) and torch.allclose(same.std(0), deviation)


def test_score_is_the_mean_of_the_patches_machines() -> None:
    features = torch.stack([FEATURES, FEATURES.flip(0)], 1)
    labels = torch.tensor(RNG.choice([-1, 1], (120, 2)))
    weight, bias = fit_machines(features, labels)
    singles = [fit_svms(features[:, patch], labels) for patch in (0, 1)]
    scores = [features[:, patch] @ w.T + b for patch, (w, b) in enumerate(singles)]
    torch.testing.assert_close(
        features.flatten(1) @ weight.T + bias, torch.stack(scores).mean(0), atol=1e-4, rtol=1e-4
    )


def test_balanced_machines_find_the_rare_class() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.where(torch.arange(2000) % 20 == 0, 1, -1)[:, None]
    features = torch.randn(2000, 3, generator=generator) + 0.8 * (labels > 0)
    recalls = []
    for balanced in (False, True):
        weight, bias = fit_svms(features, labels, costs=[0.1], balanced=balanced)
        recalls.append(float((features[labels[:, 0] > 0] @ weight.T + bias >= 0).float().mean()))
    assert recalls[0] < 0.2 and 0.6 < recalls[1] < 0.9


def test_calibrated_probabilities_are_frequencies() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(20_000, 2, generator=generator)
    truth = torch.stack([3 * scores[:, 0] - 1, 0.5 * scores[:, 1]], 1).sigmoid()
    labels = torch.where(torch.rand(truth.shape, generator=generator) < truth, 1, -1)
    slope, offset = calibrate(scores, labels)
    assert slope.tolist() == pytest.approx([3, 0.5], abs=0.1)
    assert offset.tolist() == pytest.approx([-1, 0], abs=0.1)
    one_class = calibrate(scores, torch.ones_like(labels))
    assert [each.tolist() for each in one_class] == [[1, 1], [0, 0]]


@pytest.mark.parametrize("present", [1, -1])
def test_attribute_of_one_class_is_answered_with_it(present: int) -> None:
    labels = torch.full((120, 1), present)
    labels[::2] = 0
    weight, bias = fit_svms(FEATURES, labels)
    assert not weight.any() and bias.sign() == present


def test_other_shapes_raise() -> None:
    with pytest.raises(ValueError, match=r"expected features \(N, D\)"):
        fit_svms(FEATURES, torch.ones(3, 1))
