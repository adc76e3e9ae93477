"""Objectives: values by hand, unknown labels, and what does not fit."""

import math

import pytest
import torch
import torch.nn.functional as F

from face_attributes.losses import attribute_loss, identity_loss, similarity_loss


def test_attribute_loss_is_the_mean_cross_entropy_of_known_labels() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]], requires_grad=True)
    labels = torch.tensor([[1, 0], [-1, -1]], dtype=torch.int8)
    loss = attribute_loss(logits, labels)
    expected = [math.log1p(math.exp(-2)), math.log(2), math.log1p(math.exp(3))]
    assert loss.item() == pytest.approx(sum(expected) / 3)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False], [True, True]]


def test_without_known_labels_there_is_no_loss() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = attribute_loss(logits, torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_similarity_is_the_mean_squared_distance_of_pairs_of_one_person() -> None:
    features = torch.tensor([[0.0, 0], [3, 4], [9, 9], [1, 0], [9, 8]], requires_grad=True)
    identities = torch.tensor([7, 7, 2, 7, 5])
    loss = similarity_loss(features, identities)
    assert loss.item() == pytest.approx((25 + 1 + 20) / 3)
    loss.backward()
    assert features.grad is not None
    assert (features.grad != 0).any(1).tolist() == [True, True, False, True, False]


def test_without_pairs_there_is_no_similarity() -> None:
    features = torch.randn(3, 2, requires_grad=True)
    loss = similarity_loss(features, torch.arange(3))
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert not features.grad.any()


def test_identity_loss_adds_both_and_leaves_out_nobody() -> None:
    torch.manual_seed(0)
    features, logits = torch.randn(6, 4), torch.randn(6, 3)
    identities = torch.tensor([0, 0, 1, 1, -1, -1])
    expected = F.cross_entropy(logits[:4], identities[:4])
    expected = expected + 0.5 * similarity_loss(features[:4], identities[:4])
    torch.testing.assert_close(identity_loss(features, logits, identities, 0.5), expected)
    assert identity_loss(features, logits, torch.full((6,), -1), 0.5) == 0


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"labels \(B, A\) of \(2, 3\), got \(2, 4\)"):
        attribute_loss(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"identities \(B,\), got \(4, 2\) and \(3,\)"):
        similarity_loss(torch.zeros(4, 2), torch.zeros(3))
