"""PASCAL VOC 2012 (Everingham et al., IJCV 2015), alone or with SBD (Hariharan et al., ICCV 2011).

VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg
VOCdevkit/VOC2012/SegmentationClass/2007_000032.png             palette; 255: borders, difficult
VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval,test}.txt
benchmark_RELEASE/dataset/{train,val}.txt, cls/2008_000002.mat  SBD: masks of VOC's photographs
VOCdevkit/VOC2012/SegmentationClassAug/2007_000032.png          or both sets' masks in one folder

``train_aug`` is the list of 10,582 images that methods since 2015 train on: SBD's train and val
lists and VOC's train list, less VOC's val list. Where both have a mask, VOC's own is read: SBD's
was traced by other people and has no ignored borders.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segmentation.data.labels import VOC, ClassList
from segmentation.data.masks import Mask, read_mask
from segmentation.data.required_files import check_split, need, need_list
from segmentation.data.sbd import convert_masks
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.faults import Report, stop

SPLITS = ("train", "val", "trainval", "test", "train_aug")

VOC_PAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
SBD_PAGE = "http://home.bharathh.info/pubs/codes/SBD/download.html"


def voc_set(
    root: Path,
    split: str,
    *,
    classes: ClassList = VOC,
    sbd: Path | None = None,
    cache: Path | None = None,
    report: Report = stop,
) -> SegmentationSet:
    """A part of VOC 2012, or of another data set in VOC's layout.

    Args:
        root: folder that holds VOCdevkit/VOC2012, or is the folder VOC2012 itself.
        split: one of `SPLITS`; samples of ``test`` have a mask where the data set has (VOC's has
            none).
        classes: classes of the masks.
        sbd: SBD's folder ``dataset``, for ``train_aug``; else looked for below ``root``.
        cache: cache for SBD's masks as PNG files; None is a folder beside them.
        report: function that takes the fault of a mask of SBD, which is left out.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        InputError: another split, a list that cannot be used, or as ``report`` does.
    """
    check_split(split, SPLITS, "VOC")
    folder = voc_folder(root)
    if split == "train_aug":
        sbd = sbd or root / "benchmark_RELEASE" / "dataset"
        samples = _augmented(folder, sbd, cache or sbd / "cls_png", report)
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


def _augmented(folder: Path, sbd: Path, cache: Path, report: Report) -> list[Sample]:
    held_out = set(_official_list(folder, "val"))
    own = _official_list(folder, "train")
    seen = held_out | set(own)
    both = folder / "SegmentationClassAug"
    if both.is_dir():
        masks = {path.stem: path for path in sorted(both.glob("*.png")) if path.stem not in seen}
    else:
        masks = _sbd_masks(sbd, both, seen, cache, report)
    kept = [name for name in own if name not in held_out]
    images = folder / "JPEGImages"
    added = [Sample(name, images / f"{name}.jpg", mask) for name, mask in masks.items()]
    return [*_samples(folder, kept, folder / "SegmentationClass"), *added]


def _sbd_masks(
    sbd: Path, both: Path, seen: set[str], cache: Path, report: Report
) -> dict[str, Path]:
    remedy = (
        f"get SBD's benchmark.tgz at {SBD_PAGE} and unpack it, so that {sbd / 'cls'} exists, "
        f"or put the masks of both sets as PNG files into {both}"
    )
    lists = [sbd / f"{part}.txt" for part in ("train", "val")]
    listed = [name for path in lists for name in need_list(path, remedy)]
    names = [name for name in dict.fromkeys(listed) if name not in seen]
    return convert_masks(need(sbd / "cls", remedy), names, cache, report)


def _samples(folder: Path, names: Sequence[str], masks: Path | None) -> list[Sample]:
    images = folder / "JPEGImages"
    return [
        Sample(name, images / f"{name}.jpg", None if masks is None else masks / f"{name}.png")
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
    return read_mask(path, classes)
