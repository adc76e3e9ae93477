"""PSNR and SSIM under the motion masks of UCF-101's official 379 triplets, by two scripts.

The masks come from the page of Deep Voxel Flow. Its `eval_voxelflow.m` counts what is white. The
authors of Super SloMo (Jiang et al. 2018) found that the moving parts are black, and count those:
one method's images get 35 dB from the first script and 29 dB from the second.

Images are as in `voxel_flow.evaluation.metrics`, masks (B, H, W) in [0, 1]; values are one an
image, (B,), and NaN for an image that a script leaves out.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from voxel_flow.evaluation.metrics import psnr
from voxel_flow.evaluation.ssim import (
    WINDOW_SIZE,
    round_to_levels,
    similarity,
    ssim_grey,
    window_mean,
)


def masked_psnr(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """PSNR in dB over the white of a mask, as in `eval_voxelflow.m`.

    20 log10(255) - 10 log10(sum (mask image - mask target)^2 / (3 sum mask)); NaN where the mask is
    empty or the error 0.
    """
    difference = mask[:, None] * (round_to_levels(image) - round_to_levels(target))
    error = difference.square().flatten(1).sum(1) / (3 * mask.flatten(1).sum(1))
    decibels = 10 * torch.log10(255**2 / error)
    return decibels.masked_fill(~decibels.isfinite(), torch.nan)


def masked_ssim(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """SSIM of the masked grey images, as in `eval_voxelflow.m`; NaN where `masked_psnr` is."""
    left_out = masked_psnr(image, target, mask).isnan()
    return ssim_grey(image, target, mask).masked_fill(left_out, torch.nan)


def box_psnr(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """PSNR in dB inside the box around the black of a mask, as Super SloMo's script has it."""
    return in_boxes(psnr, image, target, mask)


def box_ssim(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """SSIM inside the box around the black of a mask, as Super SloMo's script has it.

    skimage's `gaussian_weights=True`, else its defaults: the sample covariance, 121 / 120 of ours.
    """
    return in_boxes(sample_ssim, image, target, mask)


def motion_error(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean distance between two colours over the black of a mask, in levels; NaN without a box."""

    def error(x: Tensor, y: Tensor, black: Tensor) -> Tensor:
        distance = (round_to_levels(x) - round_to_levels(y)).square().sum(1).sqrt()
        return distance[black].mean()[None]

    return in_boxes(error, image, target, mask, with_mask=True)


def in_boxes(
    metric: Callable[..., Tensor],
    image: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    with_mask: bool = False,
) -> Tensor:
    """Apply a metric in the box around each mask's black; NaN if a side is below SSIM's window."""
    values = []
    for x, y, black in zip(image, target, mask * 255 < 128, strict=True):
        rows, columns = black.any(1).nonzero().flatten(), black.any(0).nonzero().flatten()
        box = (..., span(rows), span(columns))
        arguments = [x[None][box], y[None][box], black[None][box]][: 3 if with_mask else 2]
        too_small = min(arguments[0].shape[-2:]) < WINDOW_SIZE
        values.append(mask.new_full((1,), torch.nan) if too_small else metric(*arguments))
    return torch.cat(values)


def span(indices: Tensor) -> slice:
    """Return the slice from the first to the last of sorted indices (N,); empty for none."""
    return slice(int(indices[0]), int(indices[-1]) + 1) if len(indices) else slice(0, 0)


def sample_ssim(image: Tensor, target: Tensor) -> Tensor:
    """SSIM of levels with a uniform window and the sample covariance (N - 1), skimage's default."""
    x, y = round_to_levels(image), round_to_levels(target)
    return similarity(x, y, window_mean, WINDOW_SIZE**2 / (WINDOW_SIZE**2 - 1))
