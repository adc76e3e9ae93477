"""Objectives of the networks: attributes of images, and identities of faces."""

import torch
import torch.nn.functional as F
from torch import Tensor


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean sigmoid cross-entropy over the labels that are known.

    Liu et al. 2015, section 3.1, without two slips of its formula: the sign, and the 1 in
    the sigmoid's exponent. The paper sums over attributes; the mean differs by their number alone.

    Args:
        logits: (B, A).
        labels: (B, A) integers: 1 present, -1 absent, 0 not known.

    Returns:
        A scalar; 0, with a zero gradient, where no label is known.

    Raises:
        ValueError: the shapes differ.
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"expected labels (B, A) of {tuple(logits.shape)}, got {tuple(labels.shape)}"
        )
    known = labels != 0
    losses = F.binary_cross_entropy_with_logits(
        logits.float(), (labels > 0).float(), reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp_min(1)


def identity_loss(
    features: Tensor, logits: Tensor, identities: Tensor, similarity_weight: float
) -> Tensor:
    """Cross-entropy over identities plus the weighted `similarity_loss` (section 3.2).

    The paper does not give the weight. Alone the similarity is least where all features are equal;
    the cross-entropy holds them apart.

    Args:
        features: (B, D).
        logits: (B, I), a linear function of them.
        identities: (B,) int64 in [0, I), -1 where not known: such images count for nothing.
        similarity_weight: weight of the similarity loss.

    Returns:
        A scalar; 0, with a zero gradient, where no identity is known.
    """
    known = identities >= 0
    softmax = F.cross_entropy(
        logits.float(), identities, ignore_index=-1, reduction="sum"
    ) / known.sum().clamp_min(1)
    return softmax + similarity_weight * similarity_loss(features[known], identities[known])


def similarity_loss(features: Tensor, identities: Tensor) -> Tensor:
    """Mean squared distance of the features of one person's images (section 3.2).

    The paper sums over pairs; divided by their number it does not depend on the batch. It pulls
    alone: there is no margin and no pair of different persons. Batches need several images of
    each of a few persons, or there are hardly any pairs.

    Args:
        features: (B, D).
        identities: (B,), any integers.

    Returns:
        A scalar; 0, with a zero gradient, where no two images show one person.

    Raises:
        ValueError: the shapes do not fit.
    """
    if features.ndim != 2 or identities.shape != features.shape[:1]:
        raise ValueError(
            f"expected features (B, D) and identities (B,), got {tuple(features.shape)} and "
            f"{tuple(identities.shape)}"
        )
    one, other = torch.triu_indices(
        len(features), len(features), offset=1, device=features.device
    ).unbind(0)
    same = identities[one] == identities[other]
    squares = (features[one[same]].float() - features[other[same]].float()).square().sum(1)
    return squares.sum() / same.sum().clamp_min(1)
