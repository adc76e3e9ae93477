"""Objectives of landmarks, their visibility and their pseudo-labels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion.data.taxonomy import ABSENT, TRUNCATED
from fashion.models.dfa import Alignment, StageTarget
from fashion.models.recognition import expect_annotation, locatable


def landmark_loss(
    landmarks: Tensor, truth: Tensor, states: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean squared distance of the landmarks that have a place, visible or occluded.

    Liu et al., "DeepFashion", CVPR 2016, section 3.2, whose sum is over a batch.

    Args:
        landmarks: (B, 8, 2), in fractions, or in what a stage of a cascade changes them by.
        truth: (B, 8, 2), in the same.
        states: (B, 8).
        weights: (B,), of the garments; None is 1.

    Raises:
        ValueError: shapes that do not fit.
    """
    expect_annotation(truth, states, len(landmarks))
    counts = locatable(states).float() * _column(weights, landmarks)
    squares = (landmarks.float() - truth).square().sum(2)
    return (squares * counts).sum() / counts.sum().clamp_min(1e-6)


def visibility_loss(state_logits: Tensor, states: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of the states: visible, occluded, not in the image.

    A landmark that the garment's type has not is one that is not in the image: so a network says
    by itself which landmarks there are, and none are pooled where there are none.

    Args:
        state_logits: (B, 8, 3).
        states: (B, 8); of a garment whose landmarks are all absent no one has looked for them, and
            it does not count.
        weights: (B,), of the garments; None is 1.
    """
    losses = F.cross_entropy(
        state_logits.float().transpose(1, 2), states.clamp_max(TRUNCATED), reduction="none"
    )
    is_annotated = (states != ABSENT).any(1, keepdim=True)
    counts = (_column(weights, state_logits) * is_annotated).expand_as(losses)
    return (losses * counts).sum() / counts.sum().clamp_min(1e-6)


def pseudo_label_loss(
    label_logits: Tensor, labels: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy of the pseudo-labels.

    Args:
        label_logits: (B, k).
        labels: (B, k), probabilities.
        weights: (B,), of the garments; None is 1.
    """
    losses = F.cross_entropy(label_logits.float(), labels, reduction="none")
    counts = _column(weights, label_logits)[:, 0]
    return (losses * counts).sum() / counts.sum().clamp_min(1e-6)


def alignment_losses(
    alignment: Alignment, target: StageTarget, states: Tensor
) -> dict[str, Tensor]:
    """Return the terms of a stage of Deep Fashion Alignment, summed over its branches.

    A garment none of whose landmarks has a place has no pseudo-label.

    Args:
        alignment: output of the network in training.
        target: its target, see `fashion.models.DeepFashionAlignment.target`.
        states: (B, 8).

    Returns:
        ``landmark``, ``visibility`` and, where there are pseudo-labels, ``pseudo_label``.
    """
    terms: dict[str, list[Tensor]] = {"landmark": [], "visibility": [], "pseudo_label": []}
    for answer, learns in zip(alignment.answers, alignment.learns.float().unbind(1), strict=True):
        terms["landmark"].append(landmark_loss(answer.change, target.change, states, learns))
        terms["visibility"].append(visibility_loss(answer.state_logits, states, learns))
        if answer.label_logits is not None and target.labels is not None:
            labelled = learns * locatable(states).any(1)
            loss = pseudo_label_loss(answer.label_logits, target.labels, labelled)
            terms["pseudo_label"].append(loss)
    return {name: torch.stack(values).sum() for name, values in terms.items() if values}


def _column(weights: Tensor | None, like: Tensor) -> Tensor:
    """Return weights of garments as (B, 1) or (1, 1) in float32."""
    if weights is None:
        return torch.ones(len(like), 1, device=like.device)
    return weights.float()[:, None]
