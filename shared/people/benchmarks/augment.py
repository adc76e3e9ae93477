"""Photometric augmentation: images as other cameras would have taken them."""

import torch
from torch import Tensor
from torch.nn import functional


def photometric(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return images (B, 3, H, W) in [0, 1] with other colour, contrast, sharpness and noise.

    In a third of the batches a grey square hides an eighth of each image of the first half.
    """
    count, height, width = len(images), *images.shape[2:]

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng)

    grey = images.mean(1, keepdim=True).expand_as(images)
    images = torch.where(random(count, 1, 1, 1) < 0.4, grey, images)
    mean = images.mean((1, 2, 3), keepdim=True)
    contrast, brightness = 0.5 + random(count, 1, 1, 1), (random(count, 1, 1, 1) - 0.5) * 0.4
    images = (images - mean) * contrast + mean + brightness
    images = images * (0.8 + 0.4 * random(count, 3, 1, 1))
    if random(1) < 0.5:
        scale = float(0.3 + 0.6 * random(1))
        small = functional.interpolate(
            images, size=(round(height * scale), round(width * scale)), mode="area"
        )
        images = functional.interpolate(small, size=(height, width), mode="bilinear")
    images = images + 0.05 * random(count, 1, 1, 1) * torch.randn(images.shape, generator=rng)
    if random(1) < 0.3:
        side = round(0.37 * min(height, width))
        top, left = int(random(1) * (height - side)), int(random(1) * (width - side))
        images[: count // 2, :, top : top + side, left : left + side] = random(1)
    return images.clamp(0, 1)
