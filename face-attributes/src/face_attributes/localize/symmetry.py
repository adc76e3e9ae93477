"""Where the cells of a response lie, by symmetry alone: no box is needed."""

import torch
from torch import Tensor

from face_attributes.models import TagMaps

STRIDE_PAIR = 16
"""Images of this and a pixel more a side, however often, have cells that mirror onto cells."""


@torch.no_grad()
def fit_offset(net: TagMaps, images: Tensor) -> float:
    """Return the pixel on which cell 0 is centred, along both axes.

    The map of a mirrored image has to be the mirrored map. A network that was shown no box may
    answer off what it saw, by as much each time: twice that is what the two maps differ by.

    Args:
        net: network in evaluation mode.
        images: (B, 3, H, W) with a face each; H and W are cut to a multiple of 16 and a pixel.

    Raises:
        ValueError: images of fewer than 33 pixels a side.
    """
    width = (min(images.shape[2:]) - 1) // STRIDE_PAIR * STRIDE_PAIR + 1
    if width <= STRIDE_PAIR + 1:
        raise ValueError(f"expected images of 33 pixels a side or more, got {tuple(images.shape)}")
    images = images[:, :, :width, :width]
    columns = _mean_column(net.response(images)) + _mean_column(net.response(images.flip(3)))
    return float((width - net.grid.stride * columns.median()) / 2)


def _mean_column(response: Tensor) -> Tensor:
    """(B, h, w), logits -> (B,): the mean column, weighted by the softmax of all cells."""
    weight = response.flatten(1).softmax(1).view_as(response).sum(1)
    return weight @ torch.arange(response.shape[2], device=weight.device, dtype=weight.dtype)
