"""Regions of an image, cut out and resized as the data's samples are."""

import torch
import torch.nn.functional as F
from torch import Tensor

from face_attributes.data.framing import PADDING


def crop_regions(image: Tensor, regions: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cut regions out of an image, undistorted, and bring them to one size.

    What is cut is the smallest rectangle of the size's shape around a region, in whole pixels, as
    `face_attributes.data.framing.cut_out` has it; outside of the image it has its padding too.

    Args:
        image: (3, H, W), RGB in [0, 1].
        regions: (N, 4), pixels.
        size: height and width of the results.

    Returns:
        (N, 3, *size), bilinear with a low-pass filter where it shrinks, and (N, 4), what was cut.

    Raises:
        ValueError: a shape does not fit, or a region is not finite or has no area.
    """
    if image.ndim != 3 or regions.ndim != 2 or regions.shape[1] != 4:
        raise ValueError(
            f"expected image (3, H, W) and regions (N, 4), got {tuple(image.shape)} and "
            f"{tuple(regions.shape)}"
        )
    sides = regions[:, 2:] - regions[:, :2]
    if not regions.isfinite().all() or not (sides > 0).all():
        raise ValueError(f"expected finite regions with an area, got {regions.tolist()}")
    aspect = size[1] / size[0]
    height = torch.maximum(sides[:, 1], sides[:, 0] / aspect)
    shown = torch.stack([height * aspect, height], 1)
    corner = ((regions[:, :2] + regions[:, 2:] - shown) / 2).round()
    cut = torch.cat([corner, corner + shown.round().clamp_min(1)], 1)
    pictures = [_resize(_cut(image, box), size) for box in cut.long().tolist()]
    return torch.stack(pictures) if pictures else image.new_zeros(0, 3, *size), cut


def to_image(boxes: Tensor, cut: Tensor, size: tuple[int, int]) -> Tensor:
    """Move boxes (N, 4) in images of ``size`` back to where the images were cut, (N, 4)."""
    scale = (cut[:, 2:] - cut[:, :2]) / cut.new_tensor([size[1], size[0]])
    return boxes * scale.repeat(1, 2) + cut[:, :2].repeat(1, 2)


def _cut(image: Tensor, box: list[int]) -> Tensor:
    """Cut whole pixels, padded where they lie outside."""
    height, width = image.shape[1:]
    left, top, right, bottom = box
    x1, x2 = (min(max(at, 0), width) for at in (left, right))
    y1, y2 = (min(max(at, 0), height) for at in (top, bottom))
    out = (image.new_tensor(PADDING) / 255)[:, None, None].repeat(1, bottom - top, right - left)
    out[:, y1 - top : y2 - top, x1 - left : x2 - left] = image[:, y1:y2, x1:x2]
    return out


def _resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(
        picture[None], size=size, mode="bilinear", align_corners=False, antialias=True
    )[0]
