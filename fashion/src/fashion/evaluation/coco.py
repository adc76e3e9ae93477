"""Average precision of boxes as COCO counts it (Lin et al. 2014), which DeepFashion2 reports."""

import torch
from torch import Tensor

THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))
"""Of the intersection over union, over which COCO's figure is the mean."""

RECALLS = 101
"""At which precision is read, from 0 to 1."""


def match_at_thresholds(overlap: Tensor) -> Tensor:
    """Match boxes to garments, each time to the one that is still free and overlaps most.

    Args:
        overlap: IoU (N, M) of one image and type, best box first.

    Returns:
        (N, 10) bool, which boxes find a garment at each of `THRESHOLDS`.
    """
    found = torch.zeros(len(overlap), len(THRESHOLDS), dtype=torch.bool, device=overlap.device)
    if not overlap.numel():
        return found
    for column, threshold in enumerate(THRESHOLDS):
        free = overlap.clone()
        for row in range(len(overlap)):
            iou, garment = free[row].max(0)
            if iou >= min(threshold, 1 - 1e-10):
                found[row, column] = True
                free[:, garment] = -1
    return found


def coco_precision(scores: Tensor, is_garment: Tensor, num_garments: int) -> Tensor:
    """Return (10,) float64: precision, made monotone, in the mean over 101 recalls.

    Args:
        scores: (N,) of all images' boxes of a type; equal ones count in their order.
        is_garment: (N, 10) bool, of `match_at_thresholds`.
        num_garments: number of garments to be found; NaN where it is 0.
    """
    if num_garments == 0:
        return torch.full((len(THRESHOLDS),), torch.nan, dtype=torch.double)
    order = scores.argsort(descending=True, stable=True)
    hits = is_garment[order].double().cumsum(0).T.contiguous()
    number = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    best_after = (hits / number).flip(1).cummax(1).values.flip(1) if len(scores) else hits
    recalls = torch.linspace(0, 1, RECALLS, dtype=torch.double, device=hits.device)
    place = torch.searchsorted(hits / num_garments, recalls.expand(len(hits), -1).contiguous())
    padded = torch.cat([best_after, best_after.new_zeros(len(hits), 1)], 1)
    return padded.gather(1, place).mean(1).cpu()
