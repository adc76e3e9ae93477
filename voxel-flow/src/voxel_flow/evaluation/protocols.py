"""Evaluation protocols: which images are compared, by which metrics, and what others published.

Numbers are comparable under one protocol alone, so each table prints the name of its own. A new
protocol is a `Protocol` here, named by the ``protocol`` of a datamodule in `voxel_flow.data`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from voxel_flow.evaluation.masked import box_psnr, box_ssim, masked_psnr, masked_ssim, motion_error
from voxel_flow.evaluation.metrics import (
    MAX_PSNR,
    absolute_error,
    interpolation_error,
    psnr,
)
from voxel_flow.evaluation.ssim import ssim, ssim_volume


class Score(NamedTuple):
    """A measure of an image against the truth.

    Attributes:
        name: name of a column; also names the logged value.
        words: description of the computation.
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
        method: method as its paper calls it.
        values: values as the source prints them, in the order of a table's cell; "-" for none.
        source: publication.
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
        images: description of the frames and pixels that are compared.
        scores: scores of every image, in the order of a cell; none where only flow is compared.
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


SSIM_VOLUME = Score(
    "SSIM 3-D", "SSIM (11x11x11 over rows, columns and channels)", "{:.4f}", ssim_volume
)
IE = Score("IE", "IE (root mean square colour distance in levels)", "{:.2f}", interpolation_error)
MAE = Score("MAE", "MAE (mean absolute difference in levels)", "{:.3f}", absolute_error)
MASKED_PSNR = Score(
    "masked PSNR", "PSNR over the mask's white", "{:.2f} dB", masked_psnr, is_masked=True
)
MASKED_SSIM = Score(
    "masked SSIM",
    "SSIM of the grey images blackened elsewhere (which counts as 1)",
    "{:.3f}",
    masked_ssim,
    is_masked=True,
)
BOX_PSNR = Score(
    "box PSNR", "PSNR in the box around the mask's black", "{:.2f} dB", box_psnr, is_masked=True
)
BOX_SSIM = Score(
    "box SSIM", "SSIM there (per channel, sample covariance)", "{:.3f}", box_ssim, is_masked=True
)
MOTION_ERROR = Score(
    "motion IE",
    "IE (mean colour distance over the black, in levels)",
    "{:.2f}",
    motion_error,
    is_masked=True,
)

RIFE, DSEPCONV = (
    "README of RIFE's public code",
    "DSepConv (AAAI 2020), its variant of SSIM unchecked",
)
SLOMO = "README of the public PyTorch Super SloMo, by its authors' corrected script"

UCF101_MASKED = Protocol(
    name="ucf101-masked",
    images=(
        "the 379 triplets of UCF-101 as `eval_voxelflow.m` counts them: white of the motion masks, "
        "images with an empty mask or no error left out"
    ),
    scores=(MASKED_PSNR, MASKED_SSIM),
)
UCF101_MOTION = Protocol(
    name="ucf101-motion",
    images=(
        "the 379 triplets of UCF-101 as Super SloMo's script counts them: the motion masks' black "
        "is what moves; images whose box is below 11 px are left out"
    ),
    scores=(BOX_PSNR, BOX_SSIM, MOTION_ERROR),
    published=(
        Published("DVF", ("29.37 dB", "0.861", "16.37"), SLOMO),
        Published("SepConv-L1", ("30.18 dB", "0.875", "15.54"), SLOMO),
        Published("SuperSloMo", ("30.22 dB", "0.880", "15.18"), SLOMO),
    ),
)
UCF101 = Protocol(
    name="ucf101",
    images=(
        "the 379 official triplets of UCF-101, whole frames of 256x256, no mask; the truths of 1, "
        "141 and 271 seem to repeat an input"
    ),
    scores=(PSNR, SSIM_VOLUME),
    published=(
        Published("DVF", ("34.12 dB", "0.9631"), DSEPCONV),
        Published("RIFE", ("35.282 dB", "0.9688"), RIFE),
    ),
)
VIMEO90K = Protocol(
    name="vimeo90k",
    images="the official 3,782 test triplets of Vimeo-90K, whole frames of 448x256",
    scores=(PSNR, SSIM_VOLUME),
    published=(
        Published("DVF", ("31.54 dB", "0.9462"), DSEPCONV),
        Published("RIFE", ("35.615 dB", "0.9779"), RIFE),
    ),
)
VIMEO90K_SEPTUPLET = Protocol(
    name="vimeo90k-septuplet",
    images=(
        "the official 7,824 test septuplets of Vimeo-90K, frames 1 and 7 given, frames 2 to 6 made "
        "(times 1/6 to 5/6), whole frames of 448x256"
    ),
    scores=(PSNR, SSIM_VOLUME),
)
MIDDLEBURY = Protocol(
    name="middlebury-other",
    images=(
        "frame10i11 from frame10 and frame11 of the 12 sequences of Middlebury's OTHER set that "
        "have it; IE as Baker et al. 2011 define it, MAE is what later papers print as IE"
    ),
    scores=(IE, MAE),
    published=(Published("RIFE", ("-", "1.956"), RIFE),),
)
KITTI_SEQUENCES = Protocol(
    name="kitti-sequences",
    images="middle frame of three in a row, every frame of the multi-view testing sequences, whole",
)

TALK = "the authors' talk at ICCV 2017, which names neither year nor split"


def kitti_flow(year: int) -> Protocol:
    """Flow of KITTI's 2012 or 2015 training pairs; images are not compared."""
    published = (
        Published("LD Flow", ("12.4",), TALK),
        Published("FlowNet", ("9.1",), TALK),
        Published("EpicFlow", ("3.8",), TALK),
        Published("DVF without fine-tuning", ("14.6",), TALK),
        Published("DVF", ("9.5",), TALK),
    )
    return Protocol(
        name=f"kitti-{year}-flow",
        images=(
            f"training pairs of KITTI {year}, frames 10 and 11 whole; the network's velocity at "
            "time 0 is the flow of frame 0; EPE over the pixels with truth / over those that stay "
            "visible (noc) / Fl, the share off by more than 3 px and 5 %: means of per-image values"
        ),
        scores=(),
        published=published,
    )
