"""The data sets by their names: where they lie, their splits, and how these are read."""

# Commands read the names before their arguments: what is heavy is imported where it is needed.
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segmentation.data.sets import SegmentationSet
    from vision_shared.faults import Report


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        root: folder unless another one is named; the ``folder`` of its config.
        splits: splits that `vision_shared.check_data` reads.
        load: function that reads the list of a split below a root, and reports the faults of what
            it converts.
        optional: splits that may be missing.
        config: name of its file in ``conf/data``, where that is another.
        has_server: whether a server takes the results of its test.
    """

    root: Path
    splits: tuple[str, ...]
    load: Callable[[Path, str, Report], SegmentationSet]
    optional: tuple[str, ...] = ()
    config: str | None = None
    has_server: bool = False


def _voc(root: Path, split: str, report: Report) -> SegmentationSet:
    from segmentation.data.voc import voc_set

    return voc_set(root, split, cache=CACHE, report=report)


def _coco(root: Path, split: str, _: Report) -> SegmentationSet:
    from segmentation.data.coco import coco_set

    return coco_set(root, split)


def _cityscapes(root: Path, split: str, _: Report) -> SegmentationSet:
    from segmentation.data.cityscapes import cityscapes_set

    return cityscapes_set(root, split)


def _people(root: Path, split: str, _: Report) -> SegmentationSet:
    from segmentation.data.people import people_set

    return people_set(root, split)


def _human_parsing(name: str, root: Path, split: str, _: Report) -> SegmentationSet:
    from segmentation.data.human_parsing import human_parsing_set

    return human_parsing_set(name, root, split)


def _folder(root: Path, split: str, _: Report) -> SegmentationSet:
    from segmentation.data.folder import folder_set

    return folder_set(root, split)


CACHE = Path("data/segmentation/cache")
"""Where `conf/data` keeps it."""

ALL = ("train", "val", "test")

DATA_SETS = {
    "voc": DataSet(Path("data/voc"), ALL[:2], _voc, has_server=True),
    "sbd": DataSet(Path("data/voc"), ("train_aug", "val"), _voc, config="voc"),
    "coco": DataSet(Path("data/coco"), ALL[:2], _coco),
    "cityscapes": DataSet(
        Path("data/cityscapes"), ALL, _cityscapes, optional=("test",), has_server=True
    ),
    "people": DataSet(Path("data/segmentation/people"), ALL, _people),
    **{
        name: DataSet(Path("data") / name, ALL[:2], partial(_human_parsing, name))
        for name in ("person_part", "lip", "atr", "cihp")
    },
    "folder": DataSet(Path("data/segmentation/folder"), ALL[:2], _folder),
}
