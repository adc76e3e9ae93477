"""PASCAL VOC 2012 (Everingham et al., IJCV 2015), alone or with SBD (Hariharan et al., ICCV 2011).

VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg
VOCdevkit/VOC2012/SegmentationClass/2007_000032.png             palette; 255: borders, difficult
VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval,test}.txt
benchmark_RELEASE/dataset/{train,val}.txt, cls/2008_000002.mat  SBD: masks of VOC's photographs
VOCdevkit/VOC2012/SegmentationClassAug/2007_000032.png          or both sets' masks in one folder

``train_aug`` is the list of 10,582 pictures that methods since 2015 train on: SBD's train and val
lists and VOC's train list, less VOC's val list. Where both have a mask, VOC's own is read: SBD's
was traced by other people and has no ignored borders.
"""

import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from segmentation.data.labels import VOC, ClassList
from segmentation.data.masks import Mask, check_numbers, read_mask
from segmentation.data.official import check_split, need, need_list
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.inputs import InputError, check_input

SPLITS = ("train", "val", "trainval", "test", "train_aug")

VOC_PAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
DAMAGED = (MatReadError, OSError, TypeError, ValueError, IndexError, OverflowError, zlib.error)
"""What scipy raises for MATLAB files, depending on which of their bytes are wrong."""

SBD_PAGE = "http://home.bharathh.info/pubs/codes/SBD/download.html"


def voc_set(
    root: Path, split: str, *, classes: ClassList = VOC, sbd: Path | None = None
) -> SegmentationSet:
    """A part of VOC 2012, or of another data set in VOC's layout.

    Args:
        root: holds VOCdevkit/VOC2012, or is the folder VOC2012 itself.
        split: one of `SPLITS`; samples of ``test`` have a mask where the data set has (VOC's has
            none).
        classes: of the masks.
        sbd: SBD's folder ``dataset``, for ``train_aug``; else looked for below ``root``.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        InputError: another split, or a list that cannot be used.
    """
    check_split(split, SPLITS, "VOC")
    folder = voc_folder(root)
    if split == "train_aug":
        samples = _augmented(folder, sbd or root / "benchmark_RELEASE" / "dataset")
    else:
        names = _official_list(folder, split)
        masks = folder / "SegmentationClass"
        kept_back = split == "test" and not (masks / f"{names[0]}.png").exists()
        samples = _samples(folder, names, None if kept_back else need(masks, _voc_remedy(folder)))
    return SegmentationSet(classes, samples, partial(_read_mask, classes=classes))


def voc_folder(root: Path) -> Path:
    """The folder VOC2012 below ``root``, or ``root`` where that is it.

    Raises:
        FileNotFoundError: neither; says where to get it.
    """
    if (root / "JPEGImages").is_dir():
        return root
    folder = root / "VOCdevkit" / "VOC2012"
    need(folder / "JPEGImages", _voc_remedy(folder))
    return folder


def read_sbd_mask(path: Path, classes: ClassList = VOC) -> Mask:
    """Read a mask of SBD, ``GTcls.Segmentation`` in a .mat file; it ignores no pixel.

    Raises:
        InputError: not there, empty, damaged, without that variable, or with a number that is no
            class.
    """
    check_input(path, "MATLAB file")
    try:
        content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
        mask = np.asarray(content["GTcls"].Segmentation)
    except (KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: without GTcls.Segmentation, expected a mask of SBD's folder cls (inst holds "
            "others)"
        ) from error
    except DAMAGED as error:
        raise InputError(f"{path}: a damaged MATLAB file ({error}): get SBD again") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise InputError(f"{path}: expected a uint8 mask (H, W), got {mask.dtype} {mask.shape}")
    check_numbers(path, mask, classes)
    return mask


def _augmented(folder: Path, sbd: Path) -> list[Sample]:
    held_out = set(_official_list(folder, "val"))
    own = _official_list(folder, "train")
    both = folder / "SegmentationClassAug"
    if both.is_dir():
        added = sorted(path.stem for path in both.glob("*.png"))
        masks, suffix = both, ".png"
    else:
        remedy = (
            f"get SBD's benchmark.tgz at {SBD_PAGE} and unpack it, so that {sbd / 'cls'} exists, "
            f"or put the masks of both sets as PNG files into {both}"
        )
        lists = [sbd / f"{part}.txt" for part in ("train", "val")]
        added = [name for path in lists for name in need_list(path, remedy)]
        masks, suffix = need(sbd / "cls", remedy), ".mat"
    seen = held_out | set(own)
    extra = [name for name in dict.fromkeys(added) if name not in seen]
    kept = [name for name in own if name not in held_out]
    traced = _samples(folder, kept, folder / "SegmentationClass")
    return [*traced, *_samples(folder, extra, masks, suffix)]


def _samples(
    folder: Path, names: Sequence[str], masks: Path | None, suffix: str = ".png"
) -> list[Sample]:
    images = folder / "JPEGImages"
    return [
        Sample(name, images / f"{name}.jpg", None if masks is None else masks / f"{name}{suffix}")
        for name in names
    ]


def _official_list(folder: Path, split: str) -> list[str]:
    path = folder / "ImageSets" / "Segmentation" / f"{split}.txt"
    return need_list(path, _voc_remedy(folder, "test" if split == "test" else "trainval"))


def _voc_remedy(folder: Path, part: str = "trainval") -> str:
    archive = {"trainval": "VOCtrainval_11-May-2012.tar", "test": "VOC2012test.tar"}[part]
    return (
        f"get {archive} at {VOC_PAGE} and unpack it, so that {folder / 'JPEGImages'} and "
        f"{folder / 'ImageSets' / 'Segmentation'} exist"
    )


def _read_mask(sample: Sample, classes: ClassList) -> Mask:
    path = sample.mask_path
    assert path is not None  # `SegmentationSet.read_mask` has seen to it
    return read_sbd_mask(path, classes) if path.suffix == ".mat" else read_mask(path, classes)
