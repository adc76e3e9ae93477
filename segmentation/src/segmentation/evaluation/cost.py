"""Multiply-adds of convolutions, local ones included, and of matrix products, for one image."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from segmentation.kernels import local_convolution  # noqa: F401, registers the operator
from segmentation.models.cascade import LayerCascade


def count_macs(network: Callable[[Tensor], Any], image: Tensor) -> float:
    """Return the multiply-adds that a network in evaluation takes for images (1, 3, H, W).

    The filters of a dense CRF are not in them.
    """
    formulas = {torch.ops.segmentation.local_convolution: _local_convolution_flops}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        network(image)
    return counter.get_total_flops() / 2


def _local_convolution_flops(
    values: torch.Size, image: torch.Size, weights: Any, window: int, *_: Any, **__: Any
) -> int:
    """Each neighbour's distance in colour, and its share of every class."""
    batch, classes, height, width = values
    return 2 * batch * height * width * window**2 * (image[1] + classes)


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
