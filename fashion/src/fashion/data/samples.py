"""Samples of training and evaluation, made of garments; B of them collate to a batch.

image       float32 (3, H, W), RGB in [0, 1], letterboxed to the size asked for
box         float32 (4,), x1 y1 x2 y2 of the garment, fractions of the sample; NaN where unknown
landmarks   float32 (8, 2), x y, fractions of the sample; 0 where truncated or absent
states      int64 (8,), of `taxonomy.STATES`, or ABSENT
type, category, item, series, domain, role, variation, index    numbers, as in `garments.Columns`
attributes  int8 (A,), 1, -1 or 0 for unknown
"""

from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from fashion.data.augment import Augmentation
from fashion.data.framing import Frame, enlarged, letterbox, whole
from fashion.data.garments import AnnotatedGarment, Garments
from fashion.data.taxonomy import MIRRORED, OCCLUDED, TRUNCATED
from vision_shared.inputs import InputError

RegionMode = Literal["whole", "box"]
REGION_MODES = ("whole", "box")

NUMBERS = {
    "type": "types",
    "category": "categories",
    "item": "items",
    "series": "series",
    "domain": "domains",
    "role": "roles",
    "variation": "variations",
}
"""Keys of samples by the column that they come from."""


class TrainingSamples(Dataset[dict[str, Any]]):
    """Augmented garments by the (index, seed) pairs of a sampler.

    A landmark that the random part leaves out is truncated.

    Args:
        garments: garments that train.
        region: region that is varied: ``whole`` images, or the ``box`` of the garment.
        context: factor that enlarges boxes around their centres.
        augmentation: varies it.
    """

    def __init__(
        self, garments: Garments, region: RegionMode, context: float, augmentation: Augmentation
    ) -> None:
        self.garments = garments
        self.region: RegionMode = region
        self.context = context
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.garments)

    def __getitem__(self, index: tuple[int, int]) -> dict[str, Any]:
        number, seed = index
        garment = self.garments.read(number)
        region = region_of(garment, self.region, self.context)
        image, frame = self.augmentation(garment.image, region, seed)
        is_cut_off = (garment.states <= OCCLUDED) & ~frame.shows(garment.landmarks)
        states = np.where(is_cut_off, TRUNCATED, garment.states)
        return make_sample(self.garments, number, garment, image, frame, states)


class EvaluationSamples(Dataset[dict[str, Any]]):
    """Garments as they are; arguments as of `TrainingSamples`, and the size, height and width.

    A landmark that lies outside of its box stays visible, outside of [0, 1].
    """

    def __init__(
        self, garments: Garments, region: RegionMode, context: float, size: tuple[int, int]
    ) -> None:
        self.garments = garments
        self.region: RegionMode = region
        self.context = context
        self.size = size

    def __len__(self) -> int:
        return len(self.garments)

    def __getitem__(self, index: int) -> dict[str, Any]:
        garment = self.garments.read(index)
        region = region_of(garment, self.region, self.context)
        image, frame = letterbox(garment.image, region, self.size)
        return make_sample(self.garments, index, garment, image, frame, garment.states)


def region_of(garment: AnnotatedGarment, region: RegionMode, context: float) -> NDArray[np.float32]:
    """The box (4,) of an image that its sample shows; raises `InputError` without a box."""
    if region == "whole":
        return whole(garment.image)
    if not np.isfinite(garment.box).all():
        raise InputError(f"{garment.name}: no box is known: use data.region=whole")
    return enlarged(garment.box, context)


def make_sample(
    garments: Garments,
    index: int,
    garment: AnnotatedGarment,
    image: NDArray[np.uint8],
    frame: Frame,
    states: NDArray[np.integer],
) -> dict[str, Any]:
    """All that a sample holds; the slots of a mirrored one are exchanged."""
    landmarks = frame.to_sample(garment.landmarks)
    landmarks[states > OCCLUDED] = 0
    if frame.is_mirrored:
        landmarks, states = landmarks[list(MIRRORED)], states[list(MIRRORED)]
    box = np.clip(frame.box_to_sample(garment.box), 0, 1)
    columns = garments.columns
    return {
        "image": to_tensor(image),
        "box": torch.from_numpy(box),
        "landmarks": torch.from_numpy(landmarks),
        "states": torch.from_numpy(states.astype(np.int64)),
        "attributes": torch.from_numpy(garment.labels),
        **{key: int(getattr(columns, name)[index]) for key, name in NUMBERS.items()},
        "index": index,
    }


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """From uint8 (H, W, 3) to float32 (3, H, W) in [0, 1]."""
    planes = np.stack(cv2.split(image))  # three times as fast as a transposed copy
    return torch.from_numpy(planes).float().div_(255)
