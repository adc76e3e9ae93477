"""Errors of images and of flow: PSNR, interpolation error, end-point error, KITTI's outliers.

Errors are one value for each image of a batch, (B,); an image that does not count gives NaN, which
`GroupedMean` leaves out. Images are RGB (B, 3, H, W); values outside [0, 1] are clipped, all are
rounded to 8 bits. Which of them are printed for which images, and under which name, says
`voxel_flow.evaluation.protocols`.
"""

import torch
from torch import Tensor

from vision_shared.metrics import ShapedMetric
from voxel_flow.evaluation.ssim import round_to_levels

MAX_PSNR = 100.0
"""dB. An identical pair has infinite PSNR; one differing level in 256x256 RGB gives 101 dB."""


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """PSNR of each image in dB, (B,), at most `MAX_PSNR`.

    >>> psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1))
    tensor([19.8313])
    """
    squared = (round_to_levels(image) - round_to_levels(target)).square()
    error = squared.flatten(1).mean(1)
    return (10 * torch.log10(255**2 / error)).clamp(max=MAX_PSNR)  # (B,)


def interpolation_error(image: Tensor, target: Tensor) -> Tensor:
    """Root mean square over the pixels of the distance between two colours, (B,), in levels.

    The interpolation error of Baker et al., "A Database and Evaluation Methodology for Optical
    Flow", IJCV 2011, section 4.1: for colours, the difference is the L2 norm over R, G and B.
    """
    difference = round_to_levels(image) - round_to_levels(target)
    return difference.square().sum(1).flatten(1).mean(1).sqrt()


def absolute_error(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of all levels, (B,): what papers since DAIN (2019) call IE."""
    difference = round_to_levels(image) - round_to_levels(target)
    return difference.abs().flatten(1).mean(1)


def endpoint_error(flow: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean distance between two flows in each image, (B,), in pixels per frame step.

    Args:
        flow: (B, 2, H, W), x then y.
        truth: (B, 2, H, W).
        mask: (B, H, W) bool, the pixels that count; an image without any gives NaN.
    """
    distance = (flow - truth).square().sum(1).sqrt()  # (B, H, W)
    if mask is None:
        return distance.flatten(1).mean(1)
    return (distance * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def outlier_share(flow: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Share of pixels whose flow is off by more than 3 px and by more than 5 %, (B,).

    KITTI 2015's "Fl" (Menze and Geiger 2015), here a mean of per-image values; arguments as in
    `endpoint_error`.
    """
    distance, length = (v.square().sum(1).sqrt() for v in (flow - truth, truth))
    is_outlier = (distance > 3) & (distance > 0.05 * length) & mask
    return is_outlier.flatten(1).sum(1) / mask.flatten(1).sum(1)


class GroupedMean(ShapedMetric):
    """Mean of per-image values, overall and in every group of images (a clip); NaN is left out.

    Values of all processes are gathered, so a group may be spread over them.
    """

    values: list[Tensor]
    groups: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", default=[], dist_reduce_fx="cat")
        self.add_state("groups", default=[], dist_reduce_fx="cat")

    def update(self, values: Tensor, groups: Tensor) -> None:
        """Add per-image values (B,) and the index of each one's group (B,) int64."""
        self.values.append(values.detach())
        self.groups.append(groups)

    def compute(self) -> tuple[Tensor, dict[int, Tensor]]:
        """The mean over all images, and the mean over each group's by its index."""
        values, groups = gathered(self.values), gathered(self.groups)
        by_group = {int(group): values[groups == group].nanmean() for group in groups.unique()}
        return values.nanmean(), by_group

    def counts(self) -> dict[int, int]:
        """How many images of each group counted, by its index."""
        counted = ~gathered(self.values).isnan()
        groups = gathered(self.groups)
        return {int(group): int(counted[groups == group].sum()) for group in groups.unique()}


class PooledPsnr(ShapedMetric):
    """PSNR of the mean squared error over all pixels of several kinds, of all images.

    Args:
        num_kinds: number of kinds of pixels; a pixel may be of several.
    """

    squared: Tensor
    pixels: Tensor

    def __init__(self, num_kinds: int) -> None:
        super().__init__()
        zeros = torch.zeros(num_kinds, dtype=torch.float64)
        self.add_state("squared", default=zeros, dist_reduce_fx="sum")
        self.add_state("pixels", default=zeros.clone(), dist_reduce_fx="sum")

    def update(self, image: Tensor, target: Tensor, kinds: Tensor) -> None:
        """Add images (B, 3, H, W); `kinds` (B, num_kinds, H, W) bool says which pixel is what."""
        error = (round_to_levels(image) - round_to_levels(target)).square().mean(1)  # (B, H, W)
        self.squared += (error[:, None] * kinds).double().sum((0, 2, 3))
        self.pixels += kinds.double().sum((0, 2, 3))

    def compute(self) -> Tensor:
        """PSNR in dB by kind, (num_kinds,), at most `MAX_PSNR`; NaN where no pixel is of it."""
        return (10 * torch.log10(255**2 * self.pixels / self.squared)).clamp(max=MAX_PSNR)


def gathered(state: list[Tensor] | Tensor) -> Tensor:
    """A list state as one tensor; torchmetrics hands `compute` either form."""
    return state if isinstance(state, Tensor) else torch.cat(state)
