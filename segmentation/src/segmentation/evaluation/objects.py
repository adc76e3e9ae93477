"""What of an image is named and found: tags and boxes of the classes.

Deep Parsing Network reports tagging, localisation and boundary accuracy beside the mean IoU (ICCV
2015, section 4) and gives them no formula; these are ours. Class 0, the background, is no object.
"""

import torch
from torch import Tensor

from segmentation.data.labels import IGNORE


def class_presence(ids: Tensor, num_classes: int) -> Tensor:
    """(B, H, W) class ids -> (B, L) bool: which classes an image has.

    >>> class_presence(torch.tensor([[[0, 2]]]), 3)
    tensor([[ True, False,  True]])
    """
    classes = torch.arange(num_classes, device=ids.device)[:, None, None]
    return (ids[:, None] == classes).flatten(2).any(2)


def class_boxes(ids: Tensor, num_classes: int) -> Tensor:
    """(B, H, W) class ids -> (B, L, 4): left, top, right, bottom of all pixels of a class.

    In pixels, right and bottom exclusive; an absent class has an empty box.

    >>> class_boxes(torch.tensor([[[0, 1], [0, 1]]]), 2)
    tensor([[[0, 0, 1, 2],
             [1, 0, 2, 2]]])
    """
    classes = torch.arange(num_classes, device=ids.device)[:, None, None]
    planes = ids[:, None] == classes
    sides = []
    for axis in (3, 2):  # columns, then rows
        line = planes.any(5 - axis)
        index = torch.arange(line.shape[2], device=ids.device)
        first = torch.where(line, index, line.shape[2]).amin(2)
        last = torch.where(line, index + 1, 0).amax(2)
        sides.append((first, last))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], 2)


def mask_unlabelled(labels: Tensor, truth: Tensor) -> Tensor:
    """Predicted ids where the truth is known, 255 elsewhere.

    >>> mask_unlabelled(torch.tensor([1, 2]), torch.tensor([1, 255]))
    tensor([  1, 255])
    """
    return labels.masked_fill(truth == IGNORE, IGNORE)
