"""The training objective of Deep Voxel Flow (Liu et al., ICCV 2017, section 3.2)."""

import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-3  # the paper's; errors well below it count squared
MIN_ERROR = 2e-5  # squared, of images in [0, 1]: 47 dB
FLOW_UNIT = 32.0  # pixels: total variation sees the flow in these units, about -1 .. 1


def charbonnier(difference: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Mean of sqrt(d^2 + epsilon^2): L1 that is smooth at zero. Any shape -> ().

    >>> import torch
    >>> charbonnier(torch.zeros(4))
    tensor(0.0010)
    """
    return (difference.square() + epsilon**2).sqrt().mean()


def reconstruction(image: Tensor, target: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Charbonnier distance of images (B, 3, H, W) in [0, 1], on the paper's scale of [-1, 1].

    >>> import torch
    >>> reconstruction(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5))
    tensor(1.0000)
    """
    return charbonnier(2 * (image - target), epsilon)


def log_error(image: Tensor, target: Tensor) -> Tensor:
    """Mean over the batch of log10 of each image's mean squared error, (B, 3, H, W) in [0, 1].

    A tenth of the mean PSNR, negative: hard and easy images weigh alike, as they do where methods
    are compared. `MIN_ERROR` keeps images without noise or motion from taking over.

    >>> import torch
    >>> log_error(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1))
    tensor(-1.9991)
    """
    return ((image - target).square().mean((1, 2, 3)) + MIN_ERROR).log10().mean()


def total_variation(plane: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Charbonnier of the differences between neighbouring pixels. (B, C, H, W) -> ().

    >>> import torch
    >>> total_variation(torch.zeros(1, 1, 4, 4))
    tensor(0.0020)
    """
    return charbonnier(plane.diff(dim=-2), epsilon) + charbonnier(plane.diff(dim=-1), epsilon)


def flow_smoothness(flow: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Total variation of a velocity in pixels, (B, 2, H, W), in units of `FLOW_UNIT`.

    >>> import torch
    >>> flow_smoothness(torch.full((1, 2, 4, 4), 32.0))
    tensor(0.0020)
    """
    return total_variation(flow.float() / FLOW_UNIT, epsilon)


def weight_smoothness(weights: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Total variation of the selection mask, on [-1, 1]. (B, K, H, W), K > 1 -> ()."""
    return total_variation(2 * weights[:, :-1].float() - 1, epsilon)


def shrink(image: Tensor, like: Tensor) -> Tensor:
    """Average-pool (B, C, H, W) to the size of a coarser level; sizes are padded up to it."""
    height, width = like.shape[-2:]
    scale = -(-image.shape[-1] // width)
    pad = (0, width * scale - image.shape[-1], 0, height * scale - image.shape[-2])
    return F.avg_pool2d(F.pad(image, pad, mode="replicate"), scale)
