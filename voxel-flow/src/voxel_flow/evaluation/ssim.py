"""Structural similarity, in the variants behind published numbers: they differ by up to 0.02.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
similarity", 2004, equation 13, with a Gaussian window of 11x11 and sigma 1.5. All take RGB
(B, 3, H, W) in [0, 1], clip it, round it to 8 bits and return one value for each image, (B,).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW_SIZE, SIGMA = 11, 1.5  # pixels
RADIUS = WINDOW_SIZE // 2
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
GREY = (0.298936, 0.587043, 0.114021)  # of R, G, B in MATLAB's rgb2gray


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Mean over the channels and over the pixels whose window lies inside.

    skimage's `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`, from which
    torchmetrics' differs by up to 0.013 an image.

    Raises:
        ValueError: images smaller than the window.

    >>> image = torch.rand(1, 3, 16, 16)
    >>> ssim(image, image)
    tensor([1.])
    """
    if min(image.shape[-2:]) < WINDOW_SIZE:
        raise ValueError(
            f"expected images of {WINDOW_SIZE}x{WINDOW_SIZE} or more, got {tuple(image.shape)}"
        )
    return similarity(round_to_levels(image), round_to_levels(target), window_mean)


def ssim_volume(image: Tensor, target: Tensor) -> Tensor:
    """The image as a volume of three slices under a 3-D window, its border repeated.

    What papers since DAIN (2019) and RIFE's public benchmarks report for UCF-101 and Vimeo-90K.

    >>> ssim_volume(torch.ones(1, 3, 16, 16), torch.ones(1, 3, 16, 16))
    tensor([1.])
    """
    return similarity(round_to_levels(image), round_to_levels(target), volume_mean)


def ssim_grey(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Of grey images that are black outside the mask, at every pixel, the border repeated.

    MATLAB's `ssim(rgb2gray(a), rgb2gray(b))` as `eval_voxelflow.m` calls it. The black area counts
    as 1 and lifts the mean.

    Args:
        mask: (B, H, W) in [0, 1].
    """
    x, y = (masked_grey(round_to_levels(picture), mask) for picture in (image, target))
    return similarity(x, y, bordered_mean)


def similarity(
    x: Tensor, y: Tensor, mean: Callable[[Tensor], Tensor], covariance_scale: float = 1.0
) -> Tensor:
    """SSIM of images in levels (B, C, H, W), with `mean` for the windows' weighted means."""
    mean_x, mean_y = mean(x), mean(y)  # (B, C, H', W')
    variance_x = covariance_scale * (mean(x * x) - mean_x**2)
    variance_y = covariance_scale * (mean(y * y) - mean_y**2)
    covariance = covariance_scale * (mean(x * y) - mean_x * mean_y)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return (luminance * structure).flatten(1).mean(1)  # (B,)


def window_mean(x: Tensor) -> Tensor:
    """Gaussian-weighted mean in every whole window: (B, C, H, W) to (B, C, H - 10, W - 10)."""
    # Not a convolution: on a GPU its TF32 products would drown the variances.
    for dim in (2, 3):
        length = x.shape[dim] - WINDOW_SIZE + 1
        total = torch.zeros_like(x.narrow(dim, 0, length))
        for start, weight in enumerate(window_weights()):
            total.add_(x.narrow(dim, start, length), alpha=weight)
        x = total
    return x


def bordered_mean(x: Tensor) -> Tensor:
    """As `window_mean` at every pixel, (B, C, H, W), with the border repeated outside."""
    return window_mean(F.pad(x, (RADIUS,) * 4, mode="replicate"))


def volume_mean(x: Tensor) -> Tensor:
    """As `bordered_mean`, and along the channels too, the first and the last repeated outside."""
    x, last = bordered_mean(x), x.shape[1] - 1
    total = torch.zeros_like(x)
    for channel in range(last + 1):
        for offset, weight in enumerate(window_weights(), start=-RADIUS):
            total[:, channel].add_(x[:, min(max(channel + offset, 0), last)], alpha=weight)
    return total


def window_weights() -> list[float]:
    """Weights of the Gaussian window along one axis, (11,), sum 1 (Wang et al., TIP 2004)."""
    offsets = torch.arange(WINDOW_SIZE) - RADIUS
    return torch.softmax(-(offsets**2) / (2 * SIGMA**2), dim=0).tolist()


def masked_grey(levels: Tensor, mask: Tensor) -> Tensor:
    """Levels (B, 3, H, W) as rounded grey levels (B, 1, H, W), black where the mask is 0."""
    # Halves go up, as in MATLAB; torch.round would take them to the even level.
    red, green, blue = (levels * mask[:, None] + 0.5).floor().unbind(1)
    grey = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    return (grey + 0.5).floor()[:, None]


def round_to_levels(image: Tensor) -> Tensor:
    """RGB in [0, 1] as whole levels 0..255, still float32."""
    return (image.detach().float().clamp(0, 1) * 255).round()
