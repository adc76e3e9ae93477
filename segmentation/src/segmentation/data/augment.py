"""Random scale, crop, flip and colours of a training image and its mask."""

import os
import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.labels import IGNORE
from segmentation.data.masks import Mask
from vision_shared.inputs import InputError

PADDING = (124, 116, 104)
"""RGB around an image below the crop: ImageNet's mean, which normalisation makes nearly zero."""


class Augmentation:
    """Scales, crops and mirrors an image with its mask, and changes the image's colours.

    A scaled image below the crop is padded at random sides: with ImageNet's mean colour, the mask
    with 255. Masks are read at the nearest pixel, so no number appears that was not there.

    Args:
        crop_size: side of the square that comes out, in pixels.
        scale: smallest and largest factor, drawn evenly.
        jitter: largest relative change of brightness, contrast and saturation, in [0, 1]; the hue
            turns by up to a tenth of it.
        focus: share of crops that hold a labelled pixel of another class than 0, in [0, 1].
        cameras: whether the images look as other cameras would have taken them, too: grey, with
            another gamma and cast, unsharp, coarse, compressed, noisy. What is learned from renders
            needs it.

    Raises:
        InputError: a crop below 1 pixel, factors that are not 0 < smallest <= largest, or a jitter
            outside [0, 1].
    """

    def __init__(
        self,
        *,
        crop_size: int,
        scale: tuple[float, float],
        jitter: float,
        focus: float = 0.0,
        cameras: bool = False,
    ) -> None:
        check(crop_size, scale, jitter)
        # Else importing albumentations asks the network whether it is the latest release.
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A  # 2 s: only training pays

        self.transform: Any = A.Compose(
            [
                A.RandomScale(
                    (scale[0] - 1, scale[1] - 1),
                    interpolation=cv2.INTER_LINEAR,
                    mask_interpolation=cv2.INTER_NEAREST,
                    area_for_downscale="image",
                    p=1,
                ),
                *_crops(crop_size, focus),
                A.HorizontalFlip(p=0.5),
                A.ColorJitter(
                    brightness=jitter, contrast=jitter, saturation=jitter, hue=jitter / 10, p=0.8
                ),
                *(_cameras() if cameras else ()),
            ]
        )

    def __call__(
        self, image: NDArray[np.uint8], mask: Mask, seed: int
    ) -> tuple[NDArray[np.uint8], Mask]:
        """Augment an image (H, W, 3) and its mask (H, W); the same seed gives the same result."""
        # Not set_random_seed, which gives every transform the same draws.
        self.transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        out = self.transform(image=image, mask=mask)
        return out["image"], out["mask"]


def _crops(side: int, focus: float) -> list[Any]:
    import albumentations as A

    padding = {"fill": PADDING, "fill_mask": IGNORE}
    if not focus:
        return [A.RandomCrop(side, side, pad_if_needed=True, pad_position="random", **padding)]
    anywhere = A.RandomCrop(side, side, p=1 - focus)
    labelled = A.CropNonEmptyMaskIfExists(side, side, ignore_values=[0, IGNORE], p=focus)
    pad = A.PadIfNeeded(side, side, position="random", **padding)
    return [pad, A.OneOf([labelled, anywhere], p=1)]


def _cameras() -> list[Any]:
    import albumentations as A

    return [
        A.ToGray(p=0.12),
        A.RandomGamma((55, 180), p=0.5),
        A.RGBShift(25, 25, 25, p=0.5),
        A.OneOf(
            [
                A.Downscale(
                    (0.3, 0.9),
                    {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
                ),
                A.ImageCompression(quality_range=(20, 90)),
                A.Sharpen(),
                A.GaussianBlur(blur_limit=(3, 5)),
            ],
            p=0.6,
        ),
        A.GaussNoise(std_range=(0.005, 0.04), p=0.5),
    ]


def check(crop_size: int, scale: tuple[float, float], jitter: float) -> None:
    """Raise `InputError` for a crop, a scale or a jitter that is out of range."""
    if crop_size < 1:
        raise InputError(f"expected data.crop_size of at least 1 pixel, got {crop_size}")
    if not 0 < scale[0] <= scale[1]:
        raise InputError(f"expected data.scale=[smallest, largest] with 0 < smallest, got {scale}")
    if not 0 <= jitter <= 1:
        raise InputError(f"expected data.jitter in [0, 1], got {jitter}")
