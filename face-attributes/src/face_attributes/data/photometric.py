"""Photometric augmentation of batches: images as other cameras would have taken them."""

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.3  # share of images without colour
SOFT = 0.4  # share of images that look enlarged


def photometric(images: Tensor) -> Tensor:
    """Return images (B, 3, H, W) in [0, 1] with other colour, contrast, sharpness and noise.

    What is random is drawn from torch's global generator.
    """
    count, side = len(images), images.shape[2:]

    def random(*shape: int) -> Tensor:
        return torch.rand(count, *shape, device=images.device)

    grey = images.mean(1, keepdim=True).expand_as(images)
    images = torch.where(random(1, 1, 1) < GREY, grey, images)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * (0.6 + 0.8 * random(1, 1, 1)) + mean
    images = (images + 0.35 * (random(1, 1, 1) - 0.5)) * (0.85 + 0.3 * random(3, 1, 1))
    scale = 0.35 + 0.5 * float(torch.rand(()))
    small = F.interpolate(images, size=[int(n * scale) for n in side], mode="area")
    soft = F.interpolate(small, size=side, mode="bilinear")
    images = torch.where(random(1, 1, 1) < SOFT, soft, images)
    return (images + 0.04 * random(1, 1, 1) * torch.randn_like(images)).clamp(0, 1)
