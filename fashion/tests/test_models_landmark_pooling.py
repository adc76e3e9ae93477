"""Landmark pooling: both variants against a loop, and the mistakes that others made with it."""

import math

import pytest
import torch
from torch import Tensor

from fashion.models.landmark_pooling import (
    Pooling,
    choose_landmarks,
    max_pool_regions,
    pool_landmarks,
    sample_regions,
)

POOLINGS = pytest.mark.parametrize("pooling", ["max", "bilinear"])


def max_pool_loop(features: Tensor, landmarks: Tensor, region: int, bins: int) -> Tensor:
    batch, channels, height, width = features.shape
    pooled = torch.zeros(batch, landmarks.shape[1], channels, bins, bins)
    for b in range(batch):
        for k, (x, y) in enumerate(landmarks[b].tolist()):
            left, top = (math.floor(at - region / 2 + 0.5) for at in (x * width, y * height))
            for i in range(bins):
                for j in range(bins):
                    rows = _cells(top, i, region, bins, height)
                    columns = _cells(left, j, region, bins, width)
                    cells = [features[b, :, r, c] for r in rows for c in columns]
                    if cells:
                        pooled[b, k, :, i, j] = torch.stack(cells).amax(0)
    return pooled


def _cells(first: int, bin: int, region: int, bins: int, size: int) -> list[int]:
    start, end = bin * region // bins, -(-(bin + 1) * region // bins)
    return [at for at in range(first + start, first + end) if 0 <= at < size]


def sample_loop(features: Tensor, landmarks: Tensor, region: int, bins: int) -> Tensor:
    batch, channels, height, width = features.shape
    pooled = torch.zeros(batch, landmarks.shape[1], channels, bins, bins)
    for b in range(batch):
        for k, (x, y) in enumerate(landmarks[b].tolist()):
            for i in range(bins):
                for j in range(bins):
                    row = y * height - 0.5 + (i + 0.5 - bins / 2) * region / bins
                    column = x * width - 0.5 + (j + 0.5 - bins / 2) * region / bins
                    pooled[b, k, :, i, j] = _read(features[b], row, column)
    return pooled


def _read(features: Tensor, row: float, column: float) -> Tensor:
    height, width = features.shape[1:]
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    r, c = min(int(row), height - 2), min(int(column), width - 2)
    dr, dc = row - r, column - c
    top = features[:, r, c] * (1 - dc) + features[:, r, c + 1] * dc
    return top * (1 - dr) + (features[:, r + 1, c] * (1 - dc) + features[:, r + 1, c + 1] * dc) * dr


@pytest.mark.parametrize(("region", "bins"), [(1, 1), (3, 3), (4, 2), (5, 3), (8, 4), (7, 4)])
def test_pooling_equals_a_loop(region: int, bins: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 2, 9, 12)
    landmarks = torch.rand(3, 8, 2) * 1.4 - 0.2  # some outside
    landmarks[0, 0] = 0
    pooled = max_pool_regions(features, landmarks, region, bins)
    torch.testing.assert_close(pooled, max_pool_loop(features, landmarks, region, bins))
    sampled = sample_regions(features, landmarks, region, bins)
    torch.testing.assert_close(sampled, sample_loop(features, landmarks, region, bins))


@POOLINGS
def test_a_landmark_pools_at_its_place_and_not_in_the_corner(pooling: Pooling) -> None:
    features = torch.zeros(1, 1, 16, 16)
    features[0, 0, 4, 12] = 1
    landmarks = torch.tensor([[[12.5 / 16, 4.5 / 16], [4.5 / 16, 12.5 / 16]]])
    pooled = pool_landmarks(features, landmarks, torch.ones(1, 2, dtype=torch.bool), pooling, 3, 3)
    expected = torch.zeros(2, 1, 3, 3)
    expected[0, 0, 1, 1] = 1
    torch.testing.assert_close(pooled[0], expected, rtol=0, atol=1e-5)


@POOLINGS
def test_pictures_of_a_batch_do_not_mix(pooling: Pooling) -> None:
    torch.manual_seed(0)
    features, landmarks = torch.randn(4, 3, 8, 8), torch.rand(4, 8, 2)
    visible = torch.rand(4, 8) > 0.3
    together = pool_landmarks(features, landmarks, visible, pooling, 4, 2)
    for b in range(4):
        one = slice(b, b + 1)
        alone = pool_landmarks(features[one], landmarks[one], visible[one], pooling, 4, 2)
        torch.testing.assert_close(together[one], alone)


@POOLINGS
def test_hidden_landmarks_are_gated_to_zero(pooling: Pooling) -> None:
    visible = torch.tensor([[True, False]])
    pooled = pool_landmarks(
        torch.ones(1, 2, 8, 8), torch.full((1, 2, 2), 0.5), visible, pooling, 4, 2
    )
    assert pooled[0, 0].eq(1).all()
    assert not pooled[0, 1].any()


def test_only_bilinear_pooling_moves_the_landmarks() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 8, 8, requires_grad=True)
    landmarks = (torch.rand(2, 8, 2) * 0.5 + 0.25).requires_grad_()
    visible = torch.ones(2, 8, dtype=torch.bool)
    pool_landmarks(features, landmarks, visible, "max", 4, 2).square().sum().backward()
    assert features.grad is not None
    assert features.grad.any()
    assert landmarks.grad is None
    pool_landmarks(features, landmarks, visible, "bilinear", 4, 2).square().sum().backward()
    assert landmarks.grad is not None
    assert landmarks.grad.any(2).all()


def test_bilinear_pooling_has_the_gradient_of_its_values() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    landmarks = (torch.rand(1, 2, 2, dtype=torch.float64) * 0.3 + 0.3).requires_grad_()
    torch.autograd.gradcheck(lambda f, p: sample_regions(f, p, 2, 2), (features, landmarks))


def test_max_pooling_survives_a_landmark_that_is_no_number() -> None:
    landmarks = torch.tensor([[[math.nan, 0.5], [math.inf, 0.5], [0.5, 0.5], [-1e20, 0.5]]])
    pooled = max_pool_regions(torch.ones(1, 1, 8, 8), landmarks, 4, 2)
    assert pooled.flatten(2).sum(2).tolist() == [[0, 0, 4, 0]]


def test_controls_take_another_pictures_landmarks_and_the_corner() -> None:
    """Half a batch further: images of one item lie side by side."""
    landmarks, visible = torch.rand(4, 8, 2), torch.rand(4, 8) > 0.5
    places, seen = choose_landmarks("shuffled", landmarks, visible)
    assert torch.equal(places, landmarks[[2, 3, 0, 1]])
    assert torch.equal(seen, visible[[2, 3, 0, 1]])
    places, seen = choose_landmarks("corner", landmarks, visible)
    assert not places.any()
    assert torch.equal(seen, visible)
    assert choose_landmarks("predicted", landmarks, visible) == (landmarks, visible)


def test_what_does_not_fit_is_named() -> None:
    features, visible = torch.zeros(2, 3, 8, 8), torch.ones(2, 8, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"landmarks \(B, K, 2\), got .* and \(2, 8, 3\)"):
        pool_landmarks(features, torch.zeros(2, 8, 3), visible, "max", 4, 2)
    with pytest.raises(ValueError, match=r"visible \(B, K\) of landmarks \(2, 7, 2\)"):
        pool_landmarks(features, torch.zeros(2, 7, 2), visible, "max", 4, 2)
    with pytest.raises(ValueError, match="1 <= bins <= region, got 'max', 5 and 4"):
        pool_landmarks(features, torch.zeros(2, 8, 2), visible, "max", 4, 5)
    with pytest.raises(ValueError, match="expected the pooling max or bilinear"):
        pool_landmarks(features, torch.zeros(2, 8, 2), visible, "mean", 4, 2)  # type: ignore


def test_half_precision_pools_from_the_right_picture_of_many() -> None:
    number = 300  # bfloat16 tells whole numbers apart up to 256
    features = (torch.arange(number) % 251)[:, None, None, None].expand(-1, 2, 8, 8).float()
    landmarks = torch.rand(number, 3, 2, generator=torch.Generator().manual_seed(0))
    exact = max_pool_regions(features, landmarks, 4, 2)
    half = max_pool_regions(features.bfloat16(), landmarks, 4, 2)
    assert half.dtype == torch.bfloat16
    assert torch.equal(half.float(), exact)
