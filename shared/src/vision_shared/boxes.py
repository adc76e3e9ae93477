"""Boxes (left, top, right, bottom), right and bottom exclusive."""

import torch
from torch import Tensor


def paired_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes one by one: (..., 4), broadcast -> (...), float64.

    It is 0 where both are empty.

    >>> paired_iou(torch.tensor([0, 0, 4, 2]), torch.tensor([2, 0, 6, 2])).item()
    0.3333333333333333
    """
    one, other = one.double(), other.double()
    size = torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])
    shared = size.clamp_min(0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp_min(0).prod(-1) for box in (one, other)]
    union = areas[0] + areas[1] - shared
    return torch.where(union > 0, shared / union.clamp_min(1e-12), 0.0)
