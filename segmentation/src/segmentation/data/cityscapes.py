"""Cityscapes, fine annotations (Cordts et al., CVPR 2016): streets seen from a car, 2048x1024.

leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png
gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png         ids 0 to 33, as downloaded
gtFine/train/aachen/aachen_000000_000019_gtFine_labelTrainIds.png    made by cityscapesScripts

A mask with train ids is read where there is one; else ids become train ids. The result is the same.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.data.labels import CITYSCAPES, CITYSCAPES_IDS, IGNORE, NUM_CITYSCAPES_IDS
from segmentation.data.masks import Mask, read_mask, read_numbers
from segmentation.data.required_files import check_split, need
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.inputs import InputError

SPLITS = ("train", "val", "test")

PAGE = "https://www.cityscapes-dataset.com/downloads/"


def cityscapes_set(root: Path, split: str) -> SegmentationSet:
    """A part of Cityscapes, in the order of cities and frames; samples of ``test`` have no mask.

    Args:
        root: folder that holds leftImg8bit and gtFine.
        split: one of `SPLITS`.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        InputError: another split, or a folder without an image.
    """
    check_split(split, SPLITS, "Cityscapes")
    remedy = (
        f"get leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip at {PAGE} (free, after "
        f"registration) and unpack both in {root}"
    )
    pictures = need(root / "leftImg8bit" / split, remedy)
    truths = None if split == "test" else need(root / "gtFine" / split, remedy)
    paths = sorted(pictures.glob("*/*_leftImg8bit.png"))
    if not paths:
        raise InputError(f"{pictures}: no CITY/*_leftImg8bit.png in it: {remedy}")
    return SegmentationSet(CITYSCAPES, [_sample(path, truths) for path in paths], _read_mask)


def to_train_ids(ids: NDArray[np.uint8]) -> Mask:
    """Replace ids by train ids; those that no class has become `IGNORE`."""
    return _TRAIN_IDS[ids]


def to_ids(train_ids: Mask) -> NDArray[np.uint8]:
    """Replace train ids by ids; `IGNORE` becomes 0, "unlabeled"."""
    return _IDS[train_ids]


_TRAIN_IDS = np.full(256, IGNORE, np.uint8)
_TRAIN_IDS[list(CITYSCAPES_IDS)] = range(len(CITYSCAPES))

_IDS = np.zeros(256, np.uint8)
_IDS[: len(CITYSCAPES)] = CITYSCAPES_IDS


def _sample(picture: Path, truths: Path | None) -> Sample:
    name = picture.stem.removesuffix("_leftImg8bit")
    if truths is None:
        return Sample(name, picture)
    city = truths / picture.parent.name
    ready, ids = (city / f"{name}_gtFine_{kind}.png" for kind in ("labelTrainIds", "labelIds"))
    return Sample(name, picture, ready if ready.exists() else ids)


def _read_mask(sample: Sample) -> Mask:
    path = sample.mask_path
    assert path is not None  # `SegmentationSet.read_mask` has seen to it
    if path.stem.endswith("_labelTrainIds"):
        return read_mask(path, CITYSCAPES)
    ids = read_numbers(path)
    if ids.max() >= NUM_CITYSCAPES_IDS:
        raise InputError(
            f"{path}: holds {ids.max()}, expected ids 0 to {NUM_CITYSCAPES_IDS - 1} in a labelIds "
            "mask: get gtFine_trainvaltest.zip again"
        )
    return to_train_ids(ids)
