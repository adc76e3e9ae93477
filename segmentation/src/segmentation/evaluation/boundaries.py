"""How well a segmentation's borders lie: boundary F-score, and accuracy near the true borders."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segmentation.data.labels import IGNORE


def boundary_counts(labels: Tensor, truth: Tensor, num_classes: int, tolerance: int) -> Tensor:
    """Count the boundary pixels of each class that have a counterpart near them.

    A class's boundary is its pixels with a neighbour, of the four, that is not of the class, where
    another class is near: so the unlabelled rims that data sets draw between objects bound them,
    and larger unlabelled areas do not. Predicted boundaries inside of those do not count.

    Args:
        labels: (B, H, W), predicted class ids.
        truth: (B, H, W), class ids, 255 unlabelled.
        num_classes: L.
        tolerance: pixels, in the chessboard distance.

    Returns:
        (B, L, 4), float: predicted boundary pixels, those of them near a true one of the class,
        true boundary pixels, those of them near a predicted one.

    Source: Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic
    segmentation?", BMVC 2013.
    """
    predicted, true = (_boundaries(ids, num_classes, 2 * tolerance) for ids in (labels, truth))
    predicted = predicted & _dilate((truth != IGNORE)[:, None], tolerance)
    near_true, near_predicted = (_dilate(b, tolerance) for b in (true, predicted))
    planes = (predicted, predicted & near_true, true, true & near_predicted)
    return torch.stack([plane.flatten(2).sum(2) for plane in planes], 2).float()


def boundary_f(counts: Tensor) -> Tensor:
    """(..., 4) of `boundary_counts` -> (...) F-score in [0, 1].

    NaN where the truth has no boundary. A class that is predicted nowhere has a score of 0.
    """
    predicted, hits, true, found = counts.unbind(-1)
    precision, recall = hits / predicted.clamp_min(1), found / true.clamp_min(1)
    score = 2 * precision * recall / (precision + recall).clamp_min(1e-12)
    return torch.where(true > 0, score, torch.nan)


def trimap(truth: Tensor, width: int) -> Tensor:
    """(B, H, W) class ids -> bool: within ``width`` pixels of a border between two classes.

    Source: Kohli, Ladický, Torr, "Robust higher order potentials for enforcing label consistency",
    IJCV 2009, whose bands follow the borders to the unlabelled as ours do.

    >>> trimap(torch.tensor([[[0, 0, 0, 1, 1, 1]]]), 1)
    tensor([[[False, False,  True,  True, False, False]]])
    """
    return _dilate(_edges(truth)[:, None], width - 1)[:, 0]


def _boundaries(ids: Tensor, num_classes: int, reach: int) -> Tensor:
    """(B, H, W) -> (B, L, H, W) bool."""
    classes = torch.arange(num_classes, device=ids.device)[:, None, None]
    inside = ids[:, None] == classes
    others = (ids != IGNORE)[:, None] & ~inside
    return inside & _edges(ids)[:, None] & _dilate(others, reach)


def _edges(ids: Tensor) -> Tensor:
    """(B, H, W) -> bool: one of the four neighbours differs."""
    edges = torch.zeros_like(ids, dtype=torch.bool)
    down, right = ids[:, 1:] != ids[:, :-1], ids[:, :, 1:] != ids[:, :, :-1]
    edges[:, 1:] |= down
    edges[:, :-1] |= down
    edges[:, :, 1:] |= right
    edges[:, :, :-1] |= right
    return edges


def _dilate(planes: Tensor, radius: int) -> Tensor:
    if radius < 1:
        return planes
    size = 2 * radius + 1
    return F.max_pool2d(planes.float(), size, 1, radius) > 0
