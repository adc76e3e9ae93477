"""Samples of training and evaluation, made of images with masks.

A sample is `image` float32 RGB (3, H, W) in [0, 1], `mask` int64 (H, W) with 255 ignored, and the
`name` and `index` of its image.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from segmentation.data.augment import Augmentation
from segmentation.data.collage import Collage
from segmentation.data.masks import Mask
from segmentation.data.sets import SegmentationSet, camera_orientation
from vision_shared.images import read_image


class TrainingSamples(Dataset[dict[str, Any]]):
    """Augmented images of one size, by the (index, seed) pairs of `EpochSampler`.

    Args:
        pictures: images with masks.
        augmentation: augmentation that makes them one size.
        collage: collage that changes an image and its mask before, by a seed; `None` changes
            nothing.
    """

    def __init__(
        self,
        pictures: SegmentationSet,
        augmentation: Augmentation,
        collage: Collage | None = None,
    ) -> None:
        self.pictures = pictures
        self.augmentation = augmentation
        self.collage = collage

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: tuple[int, int]) -> dict[str, Any]:
        number, seed = index
        image, mask = self.pictures.read(number)
        if self.collage is not None:
            image, mask = self.collage(image, mask, seed)
        image, mask = self.augmentation(image, mask, seed)
        return make_sample(self.pictures, number, image, mask)


class EvaluationSamples(Dataset[dict[str, Any]]):
    """Whole images as they are."""

    def __init__(self, pictures: SegmentationSet) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return make_sample(self.pictures, index, *self.pictures.read(index))


def make_sample(
    pictures: SegmentationSet, index: int, image: NDArray[np.uint8], mask: Mask
) -> dict[str, Any]:
    """Return a sample; keys, shapes and ranges as at the top of this module."""
    return {
        "image": torch.from_numpy(image).permute(2, 0, 1).float().div_(255).contiguous(),
        "mask": torch.from_numpy(mask).long(),
        "name": pictures.samples[index].name,
        "index": index,
    }


def same_size_batches(sizes: Iterable[tuple[int, int]], batch_size: int) -> list[list[int]]:
    """Numbers of at most `batch_size` samples of one size; each sample once."""
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, size in enumerate(sizes):
        by_size[size].append(number)
    return [
        numbers[i : i + batch_size]
        for numbers in by_size.values()
        for i in range(0, len(numbers), batch_size)
    ]


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as a person sees it, from its header.

    Raises:
        InputError: the image cannot be used.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError):
        height, width = read_image(path).shape[:2]  # says what is wrong with it
    return (height, width) if camera_orientation(path) >= 5 else (width, height)
