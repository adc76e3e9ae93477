"""Multiply-adds of convolutions and matrix products, for one image."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from segmentation.models.cascade import LayerCascade


def count_macs(network: Callable[[Tensor], Any], image: Tensor) -> float:
    """Return the multiply-adds that a network in evaluation takes for images (1, 3, H, W)."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() / 2


def stage_macs(network: LayerCascade, image: Tensor) -> list[float]:
    """Return the multiply-adds of each stage with its classifier, where it sees all of an image."""
    counts = []
    x = image
    with torch.no_grad():
        for stage, head in zip(network.stages, network.heads, strict=True):
            counts.append(count_macs(lambda x, s=stage, h=head: h(s(x)), x))
            x = stage(x)
    return counts


def cascade_macs(macs: list[float], computed: Tensor | Sequence[float]) -> float:
    """Return a cascade's multiply-adds: each stage's, times the share of cells that it computes."""
    return sum(count * float(share) for count, share in zip(macs, computed, strict=True))
