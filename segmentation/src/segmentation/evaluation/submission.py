"""Results in the form that the test servers of VOC and Cityscapes take.

results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png   VOC: palette, classes 0 to 20
berlin_000000_000019.png                                      Cityscapes: grey, ids 0 to 33
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation.data.cityscapes import to_ids
from segmentation.data.labels import CITYSCAPES, VOC, ClassList
from segmentation.data.masks import Mask, write_mask
from vision_shared.inputs import new_folder

COMPETITIONS = ("comp5", "comp6")
"""Of VOC: trained on VOC 2012 alone, or on anything (with SBD or COCO, say)."""


def write_voc_submission(
    folder: Path,
    results: Iterable[tuple[str, Mask]],
    *,
    competition: str = "comp6",
    split: str = "test",
) -> Path:
    """Write results for VOC's server, all of them or none; to send: a .tar.gz of ``results``.

    Args:
        folder: folder of ``results``; made where it is missing.
        results: names of images and their classes, uint8 (H, W) of the image's own
            size.
        competition: one of `COMPETITIONS`.
        split: list of the images, ``test`` or ``val``.

    Returns:
        The folder with the images.

    Raises:
        ValueError: another competition, a mask that is none, a number that is no class, or no
            result.
        InputError: there are results already.
    """
    if competition not in COMPETITIONS:
        raise ValueError(f"expected a competition {COMPETITIONS}, got {competition!r}")
    place = folder / "results" / "VOC2012" / "Segmentation" / f"{competition}_{split}_cls"
    with new_folder(place) as temporary:
        for name, mask in _checked(results, VOC):
            write_mask(temporary / f"{name}.png", mask, VOC)
    return place


def write_cityscapes_submission(folder: Path, results: Iterable[tuple[str, Mask]]) -> Path:
    """Write results for Cityscapes's server, all of them or none; to send: a .zip of the folder.

    Args:
        folder: folder of the images.
        results: names as CITY_SEQUENCE_FRAME and their train ids, uint8 (1024, 2048);
            ids are written in their place.

    Returns:
        ``folder``.

    Raises:
        ValueError: a mask that is none, a number that is no train id, or no result.
        InputError: there are results already.
    """
    with new_folder(folder) as temporary:
        for name, mask in _checked(results, CITYSCAPES):
            Image.fromarray(to_ids(mask)).save(temporary / f"{name}.png")
    return folder


def _checked(results: Iterable[tuple[str, Mask]], classes: ClassList) -> Iterator[tuple[str, Mask]]:
    count = 0
    for name, mask in results:
        if mask.ndim != 2 or mask.dtype != np.uint8:
            raise ValueError(f"{name}: expected uint8 (H, W), got {mask.dtype} {mask.shape}")
        if mask.max() >= len(classes):
            raise ValueError(f"{name}: expected 0 to {len(classes) - 1}, got {mask.max()}")
        count += 1
        yield name, mask
    if not count:
        raise ValueError("expected results, got none")
