"""Name every fault of a data set: python -m segmentation.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.check_data import Report, check_data, check_each
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    import numpy as np

    from segmentation.data.sets import SegmentationSet
    from vision_shared.tables import Table

ROOTS = {
    "voc": Path("data/voc"),
    "sbd": Path("data/voc"),
    "coco": Path("data/coco"),
    "cityscapes": Path("data/cityscapes"),
    "scenes": Path("data/segmentation/scenes"),
    "folder": Path("data/segmentation/folder"),
}
"""The data sets and where they lie unless it is said: where `conf/data` looks for them."""

SPLITS = {
    "voc": ("train", "val"),
    "sbd": ("train_aug", "val"),
    "coco": ("train", "val"),
    "cityscapes": ("train", "val", "test"),
    "scenes": ("train", "val", "test"),
    "folder": ("train", "val"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    return check_data(ROOTS, check_splits, arguments)


def check_splits(data: str, root: Path, report: Report) -> list[Table]:
    """Read every split of a data set whole, report every fault, return what each class has.

    Args:
        data: one of `ROOTS`.
        root: where it lies.
        report: takes a fault.
    """
    tables = []
    for split in SPLITS[data]:
        try:
            part = _load(data, root, split, report)
        except (InputError, OSError) as error:
            report(str(error))
        else:
            tables.append(_check_set(f"{data} {split}", part, report))
    return tables


CACHE = Path("data/segmentation/cache")
"""Where `conf/data` keeps it."""


def _load(data: str, root: Path, split: str, report: Report) -> SegmentationSet:
    if data == "coco":
        from segmentation.data.coco import coco_set

        return coco_set(root, split)
    if data == "cityscapes":
        from segmentation.data.cityscapes import cityscapes_set

        return cityscapes_set(root, split)
    if data == "folder":
        from segmentation.data.folder import folder_set

        return folder_set(root, split)
    from segmentation.data.voc import voc_set

    if data == "scenes":
        from segmentation.data.scenes import SCENE_CLASSES

        return voc_set(root, split, classes=SCENE_CLASSES)
    return voc_set(root, split, cache=CACHE, report=report)


def _check_set(name: str, part: SegmentationSet, report: Report) -> Table:
    """Report the faults of every sample; return the pixels of each class."""
    import numpy as np

    from segmentation.data.sets import check_pair

    pixels = np.zeros(256, np.int64)
    pictures = np.zeros(256, np.int64)  # in which a class is seen

    def check_sample(index: int) -> None:
        sample, image = part.samples[index], None
        try:
            image = part.read_image(index)
        except (InputError, OSError) as error:
            report(str(error))  # and the mask may have a fault of its own
        if sample.mask_path is None:
            return
        mask = part.read_mask(index)
        counts = np.bincount(mask.ravel(), minlength=256)
        pixels[:] += counts
        pictures[:] += counts > 0
        if image is not None:
            check_pair(sample, image, mask)

    check_each(name, len(part), check_sample, report)
    return _summary(f"{name}: {len(part)} pictures", part, pixels, pictures)


def _summary(title: str, part: SegmentationSet, pixels: np.ndarray, pictures: np.ndarray) -> Table:
    from segmentation.data.labels import IGNORE
    from vision_shared.tables import Table

    total = max(int(pixels.sum()), 1)
    names = {**dict(enumerate(part.classes.names)), IGNORE: "ignored"}
    rows = [
        [
            str(number),
            name,
            f"{pixels[number]}",
            f"{pixels[number] / total:.2%}",
            f"{pictures[number]}",
        ]
        for number, name in names.items()
    ]
    return Table(title, ["number", "class", "pixels", "of all", "pictures"], rows)


if __name__ == "__main__":
    sys.exit(main())
