"""Cross-entropy over the pixels that count."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segmentation.models.parsing import IGNORE


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    region: Tensor | None = None,
    class_weights: Tensor | None = None,
    hardest: float = 1.0,
) -> Tensor:
    """Cross-entropy of the pixels inside the region and hard enough, by the labelled ones' number.

    Where the region has a tenth of the labelled pixels, the loss is a tenth of their mean: a
    stage's pixels weigh the same however few have reached it.

    Args:
        logits: (B, L, H, W).
        target: (B, H, W), class ids, 255 where unlabelled.
        region: (B, H, W) bool; None is everywhere.
        class_weights: (L,), of each true class; a weighted mean.
        hardest: the share of each image's counted pixels, those of the largest loss, that train
            (online hard example mining; the authors' networks take 0.5).

    Returns:
        A scalar; 0, with a zero gradient, where no pixel counts.
    """
    labelled = target != IGNORE
    losses = F.cross_entropy(logits.float(), target, reduction="none", ignore_index=IGNORE)
    weights = labelled.float()
    if class_weights is not None:
        weights = weights * class_weights[target.masked_fill(~labelled, 0)]
    share = 1.0
    counts = labelled
    if region is not None:
        counts = labelled & region
        inside = weights * region
        share, weights = inside.sum() / weights.sum().clamp_min(1e-6), inside
    if hardest < 1:
        weights = weights * _hard(losses.detach(), counts, hardest)
    return share * (losses * weights).sum() / weights.sum().clamp_min(1e-6)


def _hard(losses: Tensor, counts: Tensor, share: float) -> Tensor:
    """(B, H, W) -> bool: the ``share`` of each image's counted pixels with the largest losses."""
    flat = losses.masked_fill(~counts, -torch.inf).flatten(1)
    ranked = flat.sort(1, descending=True).values
    number = (counts.flatten(1).sum(1) * share).ceil().long().clamp_min(1)
    least = ranked.gather(1, number[:, None] - 1)
    return (flat >= least).view_as(losses)
