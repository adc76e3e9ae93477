"""Images with masks, whichever data set they come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.data.labels import ClassList
from segmentation.data.masks import Mask
from vision_shared.images import read_image
from vision_shared.inputs import InputError

CAMERA_SUFFIXES = frozenset({".jpeg", ".jpg", ".tif", ".tiff", ".webp"})
"""Of images that may say how the camera was held."""

ORIENTATION = 0x0112
"""The EXIF tag; 1 is upright, 5 to 8 lie on their side."""

MAX_READ = 2000
"""Masks that a training reads beforehand, in search of each class."""


@dataclass(frozen=True)
class Sample:
    """An image and where its mask comes from.

    Attributes:
        name: name without folder and suffix, as lists and submissions name it.
        image_path: image path of the image.
        mask_path: path of the file that holds its mask; None where the truth is kept back.
    """

    name: str
    image_path: Path
    mask_path: Path | None = None


@dataclass(frozen=True)
class SegmentationSet:
    """Images with masks, which are read when asked for.

    An image is read upright, as a person sees it and as prediction sees it, so a mask has to match
    the upright image. Where the file is tagged as lying on its side or turned, and the mask fits
    the stored pixels (or both: a square, or a half turn), no one can tell what the mask follows:
    this is refused, never guessed.

    Attributes:
        classes: names of the masks' numbers.
        samples: samples in the order of the official list.
        read_mask_of: function that reads the mask of a sample that has one; raises
            `InputError`.
    """

    classes: ClassList
    samples: Sequence[Sample]
    read_mask_of: Callable[[Sample], Mask]

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> tuple[NDArray[np.uint8], Mask]:
        """The image, RGB uint8 (H, W, 3), and its mask, uint8 (H, W) with 255 ignored.

        Raises:
            InputError: either cannot be used, or the two differ in size.
            ValueError: the sample has no mask.
        """
        image, mask = self.read_image(index), self.read_mask(index)
        check_pair(self.samples[index], image, mask)
        return image, mask

    def read_image(self, index: int) -> NDArray[np.uint8]:
        """The image, RGB uint8 (H, W, 3); raises as `vision_shared.images.read_image`."""
        return read_image(self.samples[index].image_path)

    def read_mask(self, index: int) -> Mask:
        """The mask, uint8 (H, W) with 255 ignored.

        Raises:
            InputError: the mask cannot be used.
            ValueError: the sample has none.
        """
        sample = self.samples[index]
        if sample.mask_path is None:
            raise ValueError(f"expected a sample with a mask, got {sample.name}, which has none")
        return self.read_mask_of(sample)

    def check(self) -> None:
        """See that every file is there, and read the first sample; before the first step.

        Raises:
            InputError: no sample, a missing file, or a first sample that cannot be used.
        """
        if not self.samples:
            raise InputError("the data set's list has no entry")
        missing = [path for sample in self.samples for path in missing_files(sample)]
        if missing:
            others = f" (and {len(missing) - 1} other files)" if len(missing) > 1 else ""
            raise InputError(
                f"{missing[0]}: no such file, but the data set lists it{others}: it is not whole; "
                "`python -m segmentation.check_data` names every fault"
            )
        if self.samples[0].mask_path is None:
            self.read_image(0)
        else:
            self.read(0)

    def absent_classes(self) -> tuple[list[str], int]:
        """Names of classes without a pixel in the masks, and how many masks were read for it.

        At most `MAX_READ`, spread over all; none any more as soon as each class was seen.

        Raises:
            InputError: a mask that cannot be used.
        """
        absent, num_read = np.ones(len(self.classes), bool), 0
        rows = np.linspace(0, len(self) - 1, min(len(self), MAX_READ)).astype(int)
        for row in np.random.default_rng(0).permutation(rows):
            if not absent.any():
                break
            counts = np.bincount(self.read_mask(row).ravel(), minlength=256)
            absent &= counts[: len(absent)] == 0
            num_read += 1
        return [self.classes.names[number] for number in np.flatnonzero(absent)], num_read


def missing_files(sample: Sample) -> list[Path]:
    """Those of a sample's files that are not there."""
    paths = [sample.image_path, *([sample.mask_path] if sample.mask_path else [])]
    return [path for path in paths if not path.exists()]


def check_pair(sample: Sample, image: NDArray[np.uint8], mask: Mask) -> None:
    """Raise `InputError` unless a mask belongs to an image, pixel by pixel."""
    orientation = camera_orientation(sample.image_path)
    stored = image.shape[1::-1] if orientation >= 5 else image.shape[:2]
    if orientation > 1 and mask.shape == stored:
        raise InputError(
            f"{sample.image_path}: turned by its EXIF orientation ({orientation}), and its mask "
            f"{sample.mask_path} may follow the stored pixels: if so, remove the tag (exiftool "
            "-Orientation= FILE), if not, turn the image itself (mogrify -auto-orient FILE)"
        )
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"{sample.mask_path}: a mask of {size(mask)} pixels, expected {size(image)} as its "
            f"image {sample.image_path} has: one of the two was resized"
        )


def camera_orientation(path: Path) -> int:
    """The EXIF orientation of an image that can be read; 1 where none is tagged.

    Only formats that cameras write are asked: others would have to be decoded for it.
    """
    if path.suffix.lower() not in CAMERA_SUFFIXES:
        return 1
    with Image.open(path) as image:
        return image.getexif().get(ORIENTATION, 1)


def size(pixels: np.ndarray) -> str:
    """Width and height of an array (H, W, ...)."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
