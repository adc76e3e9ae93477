"""Random part, flip and light of a training sample."""

import os
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.framing import cut_out
from vision_shared.inputs import InputError


class Augmentation:
    """Shows a random part of an image's region, mirrored half of the time, lighter or darker.

    No attribute of CelebA changes with the mirror. Hue and saturation are left alone, for colours
    of hair and skin are attributes, and a crop takes no more than ``scale`` allows, for hats and
    neckties lie at the border.

    Args:
        size: height and width of the samples.
        scale: smallest and largest factor, drawn evenly: below 1 shows more than the region.
        jitter: largest relative change of brightness and contrast, in [0, 1).

    Raises:
        InputError: factors that are not 0 < smallest <= largest, or a jitter outside [0, 1).
    """

    def __init__(self, *, size: tuple[int, int], scale: tuple[float, float], jitter: float) -> None:
        if not 0 < scale[0] <= scale[1]:
            raise InputError(f"expected data.scale=[smallest, largest] above 0, got {scale}")
        if not 0 <= jitter < 1:
            raise InputError(f"expected data.jitter in [0, 1), got {jitter}")
        self.size = size
        self.scale = scale
        # Else importing albumentations asks the network whether it is the latest release.
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A  # 2 s: only training pays

        self.transform: Any = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.RandomBrightnessContrast(
                    brightness_limit=jitter, contrast_limit=jitter, p=1 if jitter else 0
                ),
            ]
        )

    def __call__(
        self, image: NDArray[np.uint8], region: NDArray[np.floating], seed: int
    ) -> NDArray[np.uint8]:
        """A sample, RGB uint8 (*size, 3), of a region (4,) of an image; the seed decides."""
        rng = np.random.default_rng(seed)
        scale, x, y = rng.uniform((self.scale[0], -1, -1), (self.scale[1], 1, 1)).tolist()
        sample, _ = cut_out(image, region, self.size, scale=scale, shift=(x, y))
        # Not set_random_seed, which gives every transform the same draws.
        self.transform.set_random_state(rng, random.Random(seed))
        return self.transform(image=sample)["image"]
