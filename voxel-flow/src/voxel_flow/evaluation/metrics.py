"""Errors of images and of flow, and the protocol under which they are numbers worth printing.

Errors are one value for each image of a batch, (B,); an image that does not count gives NaN, which
`GroupedMean` leaves out. Images are RGB (B, 3, H, W); values outside [0, 1] are clipped, all are
rounded to 8 bits. The protocols of official data sets are in `voxel_flow.evaluation.protocols`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from vision_shared.metrics import ShapedMetric
from voxel_flow.evaluation.ssim import round_to_levels, ssim

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
        num_kinds: of pixels; a pixel may be of several.
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


class Score(NamedTuple):
    """A measure of an image against the truth.

    Attributes:
        name: of a column; also names the logged value.
        words: how it is computed.
        cell: formats a value, e.g. ``"{:.2f} dB"``.
        of: (image, target), and for a masked one also mask, to one value an image, NaN if it does
            not count.
        is_masked: counts under the batch's ``mask``.
    """

    name: str
    words: str
    cell: str
    of: Callable[..., Tensor]
    is_masked: bool = False


class Published(NamedTuple):
    """A figure from elsewhere, to stand beside ours.

    Attributes:
        method: as its paper calls it.
        values: as the source prints them, in the order of a table's cell; "-" for none.
        source: where it is printed.
    """

    method: str
    values: tuple[str, ...]
    source: str


PSNR = Score("PSNR", f"PSNR (at most {MAX_PSNR:g} dB)", "{:.2f} dB", psnr)
SSIM = Score("SSIM", "SSIM (Gaussian window, 11x11, sigma 1.5, per channel)", "{:.3f}", ssim)


@dataclass(frozen=True)
class Protocol:
    """Which images are compared, and how.

    Attributes:
        name: printed with every number.
        images: which frames and pixels are compared, in words.
        scores: of every image, in the order of a cell; none where only flow is compared.
        published: figures on the same data; their source says how far under this protocol.
        also: other protocols on the same images; each has a table of its own.
    """

    name: str
    images: str
    scores: tuple[Score, ...] = (PSNR, SSIM)
    published: tuple[Published, ...] = ()
    also: tuple["Protocol", ...] = ()

    @property
    def description(self) -> str:
        """What a table prints below its numbers."""
        text = f"{self.name}: {self.images}"
        if self.scores:
            words = [score.words for score in self.scores]
            listed = " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
            text += f"; RGB rounded to 8 bits; {listed}: means of per-image values"
        return text + "."


@dataclass(frozen=True, kw_only=True)
class CropProtocol(Protocol):
    """Middle frames of real clips, scaled down and cropped about the centre.

    Attributes:
        short_side: pixels that the short side of a frame is scaled down to, never up.
        crop: side of the centre crop in pixels; a smaller side stays whole.
        cut_psnr: dB between the outer frames, on the crop, up to which a triplet spans a cut.
    """

    short_side: int
    crop: int
    cut_psnr: float


CENTRE_256 = CropProtocol(
    name="centre-256",
    images=(
        "middle frame of three in a row (stride 1), short side scaled down to 256, centre crop "
        "256x256 or the whole side if smaller; without triplets across a scene cut (outer frames "
        "at 14 dB or less) or with identical frames"
    ),
    short_side=256,
    crop=256,
    cut_psnr=14.0,
)


def next_frames(num_steps: int) -> CropProtocol:
    """Extrapolation: two frames in a row, and the 1 to ``num_steps`` frames that follow them."""
    images = CENTRE_256.images.replace(
        "middle frame of three in a row (stride 1)",
        f"from two frames in a row, each of the {num_steps} that follow (+1, +2, ...)",
    )
    return replace(CENTRE_256, name=f"next-{num_steps}-256", images=images)
