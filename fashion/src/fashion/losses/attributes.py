"""Objectives of categories and attributes; what is not known takes no part in any."""

import torch
import torch.nn.functional as F
from torch import Tensor


def category_loss(logits: Tensor, category: Tensor) -> Tensor:
    """Mean cross-entropy of the categories that are known.

    Args:
        logits: (B, C).
        category: (B,) int64 in [0, C), -1 where unknown.
    """
    number = (category >= 0).sum().clamp_min(1)
    return F.cross_entropy(logits.float(), category, ignore_index=-1, reduction="sum") / number


def attribute_loss(logits: Tensor, attributes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean sigmoid cross-entropy over the attributes that are known, weighted.

    Liu et al., "DeepFashion", CVPR 2016, section 3.2. Weights alone would make the network say
    what would be likely if yes and no were as frequent as they weigh; the log of their ratio is
    therefore added to its logits here, and these stay what they are called.

    Args:
        logits: (B, A), log-odds.
        attributes: (B, A) integers: 1 yes, -1 no, 0 unknown.
        weights: (A, 2), of a yes and of a no, see `balanced_weights`; None weighs all alike.

    Raises:
        ValueError: shapes that do not fit.
    """
    _expect(logits, attributes)
    yes, known = attributes > 0, attributes != 0
    if weights is None:
        weights = logits.new_ones(logits.shape[1], 2)
    if weights.shape != (logits.shape[1], 2):
        raise ValueError(f"expected weights ({logits.shape[1]}, 2), got {tuple(weights.shape)}")
    logits = logits.float() + (weights[:, 0] / weights[:, 1]).log()
    losses = F.binary_cross_entropy_with_logits(logits, yes.float(), reduction="none")
    losses = losses * torch.where(yes, weights[:, 0], weights[:, 1])
    return (losses * known).sum() / known.sum().clamp_min(1)


def balanced_weights(
    num_yes: Tensor, num_no: Tensor, least: float = 1e-3, shrinkage: float = 0.0
) -> Tensor:
    """Return weights under which those who have an attribute weigh as much as those who do not.

    "Determined by the ratio of the numbers of positive and negative samples in the training set"
    (Liu et al., CVPR 2016, section 3.2): 1 / (2 p) and 1 / (2 (1 - p)), 1 in the mean over it. A
    ratio of a few labels is a guess, which would let a few samples outweigh all others: ours is
    that weights are shrunk towards 1 then, w ** (n / (n + shrinkage)) where n labels are known.

    Args:
        num_yes: (A,), of the training set.
        num_no: (A,), likewise.
        least: p is kept in [least, 1 - least], so that no sample outweighs a batch.
        shrinkage: labels of an attribute with which its weights are half way to 1, as their
            logarithms count; 0 is the paper's.

    Returns:
        (A, 2) float32, for `attribute_loss`; 1 where nothing is known of an attribute.
    """
    total = num_yes + num_no
    share = torch.where(total > 0, num_yes / total.clamp_min(1), 0.5).clamp(least, 1 - least)
    weights = torch.stack([0.5 / share, 0.5 / (1 - share)], 1).float()
    trust = total / (total + shrinkage).clamp_min(1)
    return weights ** trust.float()[:, None]


def ranking_loss(logits: Tensor, attributes: Tensor) -> Tensor:
    """Hinge of every pair of a yes and a no of an image, which should be 1 apart.

    J = sum_i sum_(j in c+) sum_(k in c-) max(0, 1 - f_j + f_k) / (|c+| |c-|), in the mean over the
    images that have both. It belongs to no published loss of FashionNet. The pairs are never
    formed: the sorted scores of c- and their running sums give J exactly, in O(A log A), so that a
    thousand attributes need no sampling.

    Args:
        logits: (B, A).
        attributes: (B, A) integers: 1 yes, -1 no, 0 unknown.

    Raises:
        ValueError: shapes that do not fit.
    """
    _expect(logits, attributes)
    scores = _computing(logits)
    yes, no = attributes > 0, attributes < 0
    ranked = scores.masked_fill(~no, -torch.inf).sort(1, descending=True).values
    sums = F.pad(ranked.masked_fill(ranked == -torch.inf, 0).cumsum(1), (1, 0))  # (B, A + 1)
    # Of each j: those of c- that score more than f_j - 1, which come first.
    number = torch.searchsorted(-ranked.detach(), (1 - scores).detach().contiguous())
    hinges = number * (1 - scores) + sums.gather(1, number)
    return _mean_over_images((hinges * yes).sum(1) / _num_pairs(yes, no).clamp_min(1), yes, no)


def smooth_ranking_loss(logits: Tensor, attributes: Tensor) -> Tensor:
    """log(1 + sum_(j in c+) sum_(k in c-) exp(f_k - f_j)), in the mean over images that have both.

    Li, Song, Luo, "Improving Pairwise Ranking for Multi-label Image Classification", CVPR 2017. The
    double sum is the product of two.

    Args:
        logits: (B, A).
        attributes: (B, A) integers: 1 yes, -1 no, 0 unknown.

    Raises:
        ValueError: shapes that do not fit.
    """
    _expect(logits, attributes)
    scores = _computing(logits)
    yes, no = attributes > 0, attributes < 0
    least = torch.finfo(scores.dtype).min / 4  # -inf would make the gradient NaN
    highest = scores.masked_fill(~no, least).logsumexp(1)
    deepest = (-scores).masked_fill(~yes, least).logsumexp(1)
    return _mean_over_images(F.softplus(highest + deepest), yes, no)


def _mean_over_images(losses: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    counts = _num_pairs(yes, no) > 0
    return losses.masked_fill(~counts, 0).sum() / counts.sum().clamp_min(1)


def _num_pairs(yes: Tensor, no: Tensor) -> Tensor:
    return yes.sum(1) * no.sum(1)


def _computing(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _expect(logits: Tensor, attributes: Tensor) -> None:
    if logits.ndim != 2 or logits.shape != attributes.shape:
        raise ValueError(
            f"expected logits and attributes (B, A), got {tuple(logits.shape)} and "
            f"{tuple(attributes.shape)}"
        )
