"""Boxes: left, top, right, bottom in continuous pixel coordinates; pixel 0 covers [0, 1)."""

import torch
from torch import Tensor

from vision_shared.boxes import paired_iou

FACE_SIZE = 36
"""Pixels a side of the square from brows to chin that a finder by tags takes for a face."""


def box_iou(one: Tensor, other: Tensor) -> Tensor:
    """(N, 4) and (M, 4) -> (N, M), intersection over union; 0 where both are empty."""
    return paired_iou(one[:, None], other)


def contains(boxes: Tensor, points: Tensor) -> Tensor:
    """(N, 4) and (K, 2), x then y -> (N, K): whether a point lies in a box."""
    points = points[None]
    return ((points >= boxes[:, None, :2]) & (points < boxes[:, None, 2:])).all(-1)


def enlarge_boxes(boxes: Tensor, factor: float) -> Tensor:
    """Return (N, 4) about the same centres, sides times ``factor``; may leave the image."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) * (factor / 2)
    return torch.cat([centres - half, centres + half], 1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut (N, 4) at the borders of an image of (H, W)."""
    limits = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    return torch.minimum(boxes.clamp_min(0), limits)


FACE_WIDTH, FACE_HEIGHT, FACE_RISE = 0.86, 1.12, 0.09
"""A face's box over its square: width, height, and how much higher its centre is.

Medians of 28 faces of photographs, boxes by MTCNN and checked by eye.
"""


def face_boxes(squares: Tensor) -> Tensor:
    """Return the boxes (N, 4) of faces, cheek to cheek and forehead to chin.

    Args:
        squares: (N, 3), centre x, y and side, as `face_attributes.data.layers.face_square` has it.
    """
    x, y, side = squares.unbind(1)
    y = y - FACE_RISE * side
    half_width, half_height = FACE_WIDTH / 2 * side, FACE_HEIGHT / 2 * side
    return torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], 1)
