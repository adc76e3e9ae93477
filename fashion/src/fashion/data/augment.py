"""Random part, mirror and light of a training sample, with its landmarks."""

import os
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion.data.degrade import degraded
from fashion.data.framing import Frame, letterbox
from vision_shared.inputs import InputError


class Augmentation:
    """Shows a region a little larger, smaller or aside, mirrored half of the time, and re-lit.

    Hue is left alone, for colours are attributes. A sample follows from its seed alone. That
    landmarks move along, and the left ones of a mirrored sample are right ones, is the frame's and
    `fashion.data.samples`'s part.

    Args:
        size: height and width of the samples.
        scale: smallest and largest random factor of the region's size.
        shift: largest random move, as a part of the region's size.
        jitter: largest relative change of brightness and contrast, in [0, 1).
        degrade: share of the samples that look as another camera's (`fashion.data.degrade`).

    Raises:
        InputError: factors that are not 0 < smallest <= largest, a shift, a jitter or a share
            outside [0, 1).
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        scale: tuple[float, float],
        shift: float,
        jitter: float,
        degrade: float = 0.0,
    ) -> None:
        if not 0 < scale[0] <= scale[1]:
            raise InputError(f"expected data.scale=[smallest, largest] above 0, got {list(scale)}")
        for key, value in (("shift", shift), ("jitter", jitter), ("degrade", degrade)):
            if not 0 <= value < 1:
                raise InputError(f"expected data.{key} in [0, 1), got {value}")
        self.size = size
        self.scale = scale
        self.shift = shift
        self.degrade = degrade
        # Else importing albumentations asks the network whether it is the latest release.
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A  # 2 s: only training pays

        self.light: Any = A.Compose(
            [
                A.RandomBrightnessContrast(
                    brightness_limit=jitter, contrast_limit=jitter, p=1 if jitter else 0
                )
            ]
        )

    def __call__(
        self, image: NDArray[np.uint8], region: NDArray[np.floating], seed: int
    ) -> tuple[NDArray[np.uint8], Frame]:
        """A sample, RGB uint8 (*size, 3), of a region (4,) of an image, and where it is from."""
        rng = np.random.default_rng(seed)
        scale = rng.uniform(*self.scale)
        moves = rng.uniform(-self.shift, self.shift, 2)
        is_mirrored = bool(rng.random() < 0.5)
        extent = region[2:] - region[:2]
        centre = (region[:2] + region[2:]) / 2 + moves * extent
        shown = np.concatenate([centre - scale * extent / 2, centre + scale * extent / 2])
        sample, frame = letterbox(image, shown, self.size, is_mirrored=is_mirrored)
        # Not set_random_seed, which gives every transform the same draws.
        self.light.set_random_state(rng, random.Random(seed))
        sample = self.light(image=sample)["image"]
        return (degraded(sample, rng) if rng.random() < self.degrade else sample), frame
