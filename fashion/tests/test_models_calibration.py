"""Scores made probabilities: right as often as they say, in the order that they were."""

import pytest
import torch

from fashion.models import build_detector, one_per_garment
from fashion.models.calibration import ScoreCalibration
from fashion.models.detector import Detection


def scores_and_truth(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores that are too low: of 0.2, 0.8 are right."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(number, generator=generator).clamp(0.01, 0.99)
    probability = (1.5 * scores.logit() + 3.5).sigmoid()
    return scores, torch.rand(number, generator=generator) < probability


def test_scores_become_the_share_that_is_right() -> None:
    calibration = ScoreCalibration(2)
    scores, is_right = scores_and_truth(4000, 0)
    calibration.fit(scores, torch.zeros(4000, dtype=torch.int64), is_right)
    assert float(calibration.slopes[0]) == pytest.approx(1.5, abs=0.15)
    assert float(calibration.offsets[0]) == pytest.approx(3.5, abs=0.3)
    scores, is_right = scores_and_truth(4000, 1)  # others than it was fitted on
    worth = calibration(scores, torch.zeros(4000, dtype=torch.int64))
    for low in (0.0, 0.3, 0.6, 0.9):
        bin_ = (worth >= low) & (worth < low + 0.3)
        assert is_right[bin_].float().mean() == pytest.approx(float(worth[bin_].mean()), abs=0.06)
    assert worth[scores.argsort()].diff().ge(0).all()
    other = calibration(scores, torch.ones(4000, dtype=torch.int64))
    torch.testing.assert_close(other, scores)


def test_scores_that_say_nothing_are_worth_the_share_of_right_boxes() -> None:
    calibration = ScoreCalibration(1)
    scores = torch.linspace(0.1, 0.9, 100)
    is_right = torch.arange(100) < 20  # the less sure the better
    calibration.fit(scores, torch.zeros(100, dtype=torch.int64), is_right)
    assert torch.allclose(
        calibration(scores, torch.zeros(100).long()), torch.tensor(0.2), atol=0.01
    )


def test_types_without_both_kinds_of_boxes_stay() -> None:
    calibration = ScoreCalibration(1)
    calibration.fit(torch.rand(5), torch.zeros(5, dtype=torch.int64), torch.ones(5) > 0)
    assert float(calibration.slopes[0]) == 1 and float(calibration.offsets[0]) == 0


def test_a_detector_answers_probabilities_the_surest_first() -> None:
    torch.manual_seed(0)
    trunk = {"name": "small", "channels": (4, 4, 8, 8), "branch": 8}
    detector = build_detector(trunk, size=48, width=32, num_convs=1, min_score=0.0).eval()
    detector.calibration.offsets.copy_(torch.tensor([0.0, 2.0, 4.0]))
    image = [torch.rand(3, 48, 48)]
    with torch.no_grad():
        (raw,), (found,) = detector.uncalibrated(image), detector(image)
    assert isinstance(found, Detection) and found.scores.diff().le(0).all()
    expected = detector.calibration(raw.scores, raw.types).sort(descending=True).values
    torch.testing.assert_close(found.scores, expected)


def test_two_types_of_one_garment_are_one_box() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 20, 10, 30]])
    assert one_per_garment(boxes, torch.tensor([0.4, 0.8, 0.5]), 0.7).tolist() == [1, 2]
