"""Objectives of a finder: tags of whole images, or which cells show a face."""

import torch
import torch.nn.functional as F
from torch import Tensor

from face_attributes.models.response_grid import ResponseGrid

SMOOTH = 0.02
"""Of labels: a composed image may hide a face, or show one by chance."""

OTHER_TAGS = 5.0
"""Weight of all other tags together beside that of the face."""

INNER, OUTER = 0.18, 0.5
"""Distances of a cell from a face's centre, over its side, within which it has to show the face,
and from which on it must not."""

HARDEST = 4
"""Cells without a face that count, for each with one: those that look most like one."""

FEWEST = 64


def tag_loss(logits: Tensor, tags: Tensor) -> Tensor:
    """Binary cross-entropy of tags (B, 1 + A), the first of which is "face"; a scalar."""
    weight = logits.new_full((logits.shape[1],), OTHER_TAGS / max(1, logits.shape[1] - 1))
    weight[0] = 1.0
    smooth = tags * (1 - 2 * SMOOTH) + SMOOTH
    loss = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    return (loss * weight).mean(0).sum()


def cell_loss(response: Tensor, squares: list[Tensor], grid: ResponseGrid) -> Tensor:
    """Binary cross-entropy of the cells on faces and of the hardest others, a scalar.

    Args:
        response: (B, h, w), logits.
        squares: squares of each image (N, 3), centre x, y and side of its faces in pixels.
        grid: positions of the cells.
    """
    target = cell_targets(squares, response.shape[1:], grid)
    smooth = target.clamp(0, 1) * (1 - 2 * SMOOTH) + SMOOTH
    loss = F.binary_cross_entropy_with_logits(response, smooth, reduction="none")
    on_face = target == 1
    others = loss[target == 0]
    number = max(FEWEST, HARDEST * int(on_face.sum()))
    hardest = others.topk(min(number, len(others))).values
    return loss[on_face].sum() / on_face.sum().clamp_min(1) + hardest.mean()


def cell_targets(squares: list[Tensor], shape: torch.Size, grid: ResponseGrid) -> Tensor:
    """Return (B, h, w): 1 on a face, the nearest cell always, 0 off all, -1 in between."""
    device = squares[0].device
    y, x = (grid.centres(torch.arange(n, device=device)) for n in shape)
    out = torch.zeros(len(squares), *shape, device=device)
    for target, faces in zip(out, squares, strict=True):
        for cx, cy, side in faces.tolist():
            away = torch.maximum((x[None] - cx).abs(), (y[:, None] - cy).abs()) / side
            is_on = away <= max(INNER, float(away.min()) + 1e-4)
            between = (away < OUTER) & (target == 0)
            target[:] = torch.where(is_on, 1.0, torch.where(between, -1.0, target))
    return out
