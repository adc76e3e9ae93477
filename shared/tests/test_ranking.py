"""Average precision, beside torchmetrics' and counted by hand."""

import pytest
import torch
from torchmetrics.functional.classification import binary_average_precision

from vision_shared.ranking import average_precision, hits_at_scores


def test_average_precision_equals_torchmetrics_with_ties() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(100, 3, generator=generator).mul(10).round() / 10
    labels = torch.randint(-1, 2, (100, 3), generator=generator)
    ours = average_precision(scores, labels)
    for own, label, value in zip(scores.T, labels.T, ours.tolist(), strict=True):
        theirs = binary_average_precision(own[label != 0], (label[label != 0] == 1).long())
        assert value == pytest.approx(float(theirs))


def test_constant_scores_are_worth_the_positive_rate() -> None:
    labels = torch.tensor([[1], [-1], [-1], [1], [-1]])
    assert average_precision(torch.zeros(5, 1), labels).tolist() == pytest.approx([0.4])


def test_what_is_not_known_does_not_count_and_nothing_without_a_positive() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.1], [0.8, 0.2, 0.2], [0.1, 0.3, 0.3]])
    labels = torch.tensor([[0, 1, -1], [1, -1, -1], [-1, -1, 0]], dtype=torch.int8)
    precision = average_precision(scores, labels)
    assert precision[:2].tolist() == pytest.approx([1, 1 / 3])
    assert precision[2].isnan()


def test_equal_scores_are_one_step_in_whatever_order() -> None:
    scores = torch.tensor([0.5, 0.9, 0.5, 0.1])
    for is_hit in ([True, True, False, False], [False, True, True, False]):
        hits, reached = hits_at_scores(scores, torch.tensor(is_hit))
        assert (hits.tolist(), reached.tolist()) == ([1, 2, 2], [1, 3, 4])


def test_without_scores_there_is_no_step() -> None:
    hits, reached = hits_at_scores(torch.zeros(0), torch.zeros(0, dtype=torch.bool))
    assert len(hits) == len(reached) == 0
