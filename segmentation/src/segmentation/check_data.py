"""Name every fault of a data set: python -m segmentation.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.data.registry import DATA_SETS
from vision_shared.check_data import check_data, check_each
from vision_shared.commands import run_command
from vision_shared.faults import Report
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    import numpy as np

    from segmentation.data.sets import SegmentationSet
    from vision_shared.tables import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    roots = {name: data_set.root for name, data_set in DATA_SETS.items()}
    return check_data(roots, check_splits, arguments)


def check_splits(data: str, root: Path, report: Report) -> list[Table]:
    """Read every split of a data set whole, report every fault, return what each class has.

    Args:
        data: one of `DATA_SETS`.
        root: folder of the data set.
        report: function that takes a fault.
    """
    tables = []
    for split in DATA_SETS[data].splits:
        try:
            part = DATA_SETS[data].load(root, split, report)
        except (InputError, OSError) as error:
            if isinstance(error, FileNotFoundError) and split in DATA_SETS[data].optional:
                print(f"{root}: has no {split}, which is no fault")
            else:
                report(str(error))
        else:
            tables.append(_check_set(f"{data} {split}", root, part, report))
    if data == "folder" and tables:
        _check_folder(root, report)
    return tables


def _check_folder(root: Path, report: Report) -> None:
    """Report files that no split reads; say how masks are read, where it is not as usual."""
    from segmentation.data.folder import open_folder

    folder = open_folder(root)
    for fault in folder.unused():
        report(fault)
    if folder.note:
        print(folder.note)


def _check_set(name: str, root: Path, part: SegmentationSet, report: Report) -> Table:
    """Report the faults of every sample, and absent classes; return the pixels of each class."""
    import numpy as np

    from segmentation.data.sets import check_pair

    num_unread = len(part)
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
        nonlocal num_unread
        mask = part.read_mask(index)
        num_unread -= 1
        counts = np.bincount(mask.ravel(), minlength=256)
        pixels[:] += counts
        pictures[:] += counts > 0
        if image is not None:
            check_pair(sample, image, mask)

    check_each(name, len(part), check_sample, report)
    absent = [
        repr(class_name)
        for number, class_name in enumerate(part.classes.names)
        if not pixels[number]
    ]
    if absent and not num_unread:  # an unreadable mask may have what the others lack
        report(f"{root}: no pixel of {', '.join(absent)} in the masks of {name}")
    return _summary(f"{name}: {len(part)} images", part, pixels, pictures)


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
    return Table(title, ["number", "class", "pixels", "of all", "images"], rows)


if __name__ == "__main__":
    run_command(main)
