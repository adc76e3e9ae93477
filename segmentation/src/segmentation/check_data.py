"""Name every fault of a data set: python -m segmentation.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.inputs import CommandParser, ExitCode, InputError

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
    options = _parse(arguments)
    try:
        num_faults = sum(check_root(options.data, root) for root in options.roots)
    except KeyboardInterrupt:
        print("check_data: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return ExitCode.NOTHING_DONE if num_faults else ExitCode.DONE


def check_root(data: str, root: Path) -> int:
    """Read a data set whole; print every fault, then what each class has.

    Args:
        data: one of `ROOTS`.
        root: where it lies.

    Returns:
        How many faults there were.
    """
    from vision_shared.tables import print_tables

    num_faults = 0
    tables = []
    for split in SPLITS[data]:
        try:
            part = _load(data, root, split)
        except (InputError, OSError) as error:
            print(error, flush=True)
            num_faults += 1
            continue
        faults, table = _check_set(f"{data} {split}", part)
        num_faults += faults
        tables.append(table)
    print_tables(tables)
    print(f"{root}: {num_faults or 'no'} fault{'s' if num_faults != 1 else ''}")
    return num_faults


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="check_data", description="Read a whole data set and name every fault, one a line."
    )
    parser.add_argument("data", choices=ROOTS, metavar="DATA", help=", ".join(ROOTS))
    parser.add_argument(
        "roots", nargs="*", type=Path, metavar="ROOT", help="where it lies (else below data/)"
    )
    options = parser.parse_args(arguments)
    options.roots = options.roots or [ROOTS[options.data]]
    return options


def _load(data: str, root: Path, split: str) -> SegmentationSet:
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
    return voc_set(root, split)


def _check_set(name: str, part: SegmentationSet) -> tuple[int, Table]:
    """Read every sample; print its faults. Returns their number and the pixels of each class."""
    import numpy as np

    from vision_shared.progress import frame_progress

    num_faults = 0
    pixels = np.zeros(256, np.int64)
    pictures = np.zeros(256, np.int64)  # in which a class is seen
    with frame_progress(name, len(part)) as advance:
        for index in range(len(part)):
            faults, counts = _check_sample(part, index)
            for fault in faults:
                print(fault, flush=True)
            num_faults += len(faults)
            pixels += counts
            pictures += counts > 0
            advance()
    return num_faults, _summary(f"{name}: {len(part)} pictures", part, pixels, pictures)


def _check_sample(part: SegmentationSet, index: int) -> tuple[list[str], np.ndarray]:
    """Everything wrong with a sample, and its mask's pixels of each number (256,)."""
    import numpy as np

    from segmentation.data.sets import check_pair

    sample = part.samples[index]
    faults = []
    image = mask = None
    try:
        image = part.read_image(index)
    except (InputError, OSError) as error:
        faults.append(str(error))
    if sample.mask_path is None:
        return faults, np.zeros(256, np.int64)
    try:
        mask = part.read_mask(index)
        if image is not None:
            check_pair(sample, image, mask)
    except (InputError, OSError) as error:
        faults.append(str(error))
    pixels = np.bincount(mask.ravel(), minlength=256) if mask is not None else np.zeros(256)
    return faults, pixels.astype(np.int64)


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
