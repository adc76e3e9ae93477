"""Cross-entropy over the pixels that count, against the plain mean of chosen pixels."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from segmentation.losses import cross_entropy
from segmentation.models import Head
from segmentation.module import SegmentationModule

CLASSES = {"names": ["a", "b", "c"], "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2]]}


def sample() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 6, 7), torch.randint(0, 3, (2, 6, 7))
    target[0, :2] = 255
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=255)
    return logits, target, losses


def test_a_region_s_pixels_are_summed_and_divided_by_all_labelled_ones() -> None:
    logits, target, losses = sample()
    region = torch.rand(2, 6, 7) > 0.5
    expected = losses[region & (target != 255)].sum() / (target != 255).sum()
    torch.testing.assert_close(cross_entropy(logits, target, region=region), expected)


def test_empty_region_has_no_loss_and_no_gradient() -> None:
    logits, target, _ = sample()
    logits.requires_grad_()
    loss = cross_entropy(logits, target, region=torch.zeros_like(target, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and logits.grad is not None and not logits.grad.any()


def test_hardest_pixels_of_each_image_train() -> None:
    logits, target, losses = sample()
    kept = [
        image[known].sort(descending=True).values[: -(-int(known.sum()) // 2)]
        for image, known in zip(losses, target != 255, strict=True)
    ]
    torch.testing.assert_close(cross_entropy(logits, target, hardest=0.5), torch.cat(kept).mean())


def test_fractions_of_class_weights_weigh() -> None:
    logits, target, losses = sample()
    weights = torch.tensor([0.25, 1.5, 0.5])
    share = weights[target.clamp_max(2)] * (target != 255)
    expected = (losses * share).sum() / share.sum()
    torch.testing.assert_close(cross_entropy(logits, target, class_weights=weights), expected)
    module = SegmentationModule(
        CLASSES,
        {"name": "fcn", "trunk": {"name": "small", "width": 8, "blocks": [1, 1, 1]}},
        [{"name": "whole", "share": 1.0, "learning_rate": 1.0}],
        optimizer="adamw",
        weight_decay=0.0,
        poly_power=0.9,
        hardest=1.0,
        class_weights=weights.tolist(),
    )
    assert module._loss(Head(logits), target).item() == pytest.approx(expected.item())
