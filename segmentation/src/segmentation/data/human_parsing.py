"""Human parsing sets in their official layouts: Pascal-Person-Part, LIP, ATR and CIHP.

pascal_person_part/pascal_person_part_gt/2008_000003.png                 Pascal-Person-Part
pascal_person_part/pascal_person_part_trainval_list/{train,val}.txt      "IMAGE MASK" a line
VOCdevkit/VOC2010/JPEGImages/2008_000003.jpg
TrainVal_images/{train,val}_images/77_471474.jpg, {train,val}_id.txt     LIP
TrainVal_parsing_annotations/{train,val}_segmentations/77_471474.png
humanparsing/JPEGImages/2500_1.jpg, SegmentationClassAug/2500_1.png      ATR
instance-level_human_parsing/{Training,Validation}/Images/0000006.jpg    CIHP
instance-level_human_parsing/{Training,Validation}/Category_ids/0000006.png, {train,val}_id.txt

Chen et al., CVPR 2014; Gong et al., CVPR 2017 (LIP); Liang et al., ICCV 2015 (ATR); Gong et al.,
ECCV 2018 (CIHP). Their own classes, the parts of `segmentation.data.people`, or people as one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from segmentation.data.labels import IGNORE, ClassList, with_voc_colours
from segmentation.data.masks import Mask, read_mask
from segmentation.data.people import PEOPLE_CLASSES
from segmentation.data.required_files import check_split, need, need_list
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.inputs import InputError

Classes = Literal["own", "parts", "person"]

SPLITS = ("train", "val")
ATR_VAL = 25
"""ATR is released without lists: of its images in order, every so many validate."""

IGNORED = "ignored"
TO_PARTS = {
    "belt": "lower",
    "coat": "upper",
    "glove": IGNORED,  # neither skin nor a part that renders have
    "jumpsuits": "dress",
    "pants": "lower",
    "scarf": "upper",
    "skirt": "dress",
    "socks": IGNORED,
    "sunglasses": "glasses",
    "torso-skin": "skin",
    "upper-clothes": "upper",
    **{f"{side}-{limb}": "skin" for side in ("left", "right") for limb in ("arm", "leg")},
    **{f"{side}-shoe": "shoes" for side in ("left", "right")},
}
"""Names of these sets to those of our parts; others are the same."""

_LIMBS = ("left-arm", "right-arm", "left-leg", "right-leg", "left-shoe", "right-shoe")
LIP = with_voc_colours(
    (
        *("background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat"),
        *("socks", "pants", "jumpsuits", "scarf", "skirt", "face", *_LIMBS),
    )
)
CIHP = with_voc_colours(tuple({"jumpsuits": "torso-skin"}.get(n, n) for n in LIP.names))
ATR = with_voc_colours(
    (
        *("background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress"),
        *("belt", "left-shoe", "right-shoe", "face", "left-leg", "right-leg", "left-arm"),
        *("right-arm", "bag", "scarf"),
    )
)
PERSON_PART = with_voc_colours(
    ("background", "head", "torso", "upper-arms", "lower-arms", "upper-legs", "lower-legs")
)


@dataclass(frozen=True)
class ParsingSet:
    """A human parsing set.

    Attributes:
        classes: classes of its masks.
        page: address of its page.
        samples: function that lists a split below a root; takes a remedy for what is missing.
    """

    classes: ClassList
    page: str
    samples: Callable[[Path, str, str], list[Sample]]


def human_parsing_set(
    name: str, root: Path, split: str, classes: Classes = "own"
) -> SegmentationSet:
    """A split of a human parsing set.

    Args:
        name: a key of `SETS`.
        root: folder that holds what the official archives unpack to.
        split: one of `SPLITS`; the truth of their tests is kept back.
        classes: ``own``, ``parts`` or ``person``.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        InputError: another split, a list that cannot be used, or ``parts`` of a set whose classes
            are parts of the body, not clothes.
    """
    check_split(split, SPLITS, name)
    source = SETS[name]
    chosen = classes_of(name, classes)
    remedy = f"get {name} at {source.page} and unpack it in {root}"
    numbers = None if classes == "own" else class_numbers(source.classes, chosen)
    read = partial(_read_mask, classes=source.classes, numbers=numbers)
    return SegmentationSet(chosen, source.samples(root, split, remedy), read)


def classes_of(name: str, classes: Classes) -> ClassList:
    """Return the classes that masks of a set are read with; raises as `human_parsing_set`."""
    if classes not in ("own", *PEOPLE_CLASSES):
        choices = ", ".join(("own", *PEOPLE_CLASSES))
        raise InputError(f"expected data.classes among {choices}, got {classes!r}")
    if classes == "parts" and name == "person_part":
        raise InputError("person_part has parts of the body, not clothes: data.classes=own, person")
    return SETS[name].classes if classes == "own" else PEOPLE_CLASSES[classes]


def class_numbers(source: ClassList, chosen: ClassList) -> Mask:
    """Return the number of each of 256 values of a mask among the chosen classes, or 255."""
    numbers = np.full(256, IGNORE, np.uint8)
    for value, name in enumerate(source.names):
        part = TO_PARTS.get(name, name)
        if "person" in chosen.names:
            numbers[value] = value > 0
        elif part != IGNORED:
            numbers[value] = chosen.names.index(part)
    return numbers


def _read_mask(sample: Sample, classes: ClassList, numbers: Mask | None) -> Mask:
    assert sample.mask_path is not None
    mask = read_mask(sample.mask_path, classes)
    return mask if numbers is None else numbers[mask]


def _person_part(root: Path, split: str, remedy: str) -> list[Sample]:
    folder = root / "pascal_person_part"
    masks = need(folder / "pascal_person_part_gt", remedy)
    images = root / "VOCdevkit" / "VOC2010" / "JPEGImages"
    need(images, f"get VOC 2010 at http://host.robots.ox.ac.uk/pascal/VOC/voc2010 too: {remedy}")
    lines = need_list(folder / "pascal_person_part_trainval_list" / f"{split}.txt", remedy)
    return _listed(images, masks, [Path(line.split()[0]).stem for line in lines])


def _lip(root: Path, split: str, remedy: str) -> list[Sample]:
    images = _unpacked(root / "TrainVal_images", f"{split}_images", remedy)
    masks = _unpacked(root / "TrainVal_parsing_annotations", f"{split}_segmentations", remedy)
    return _listed(images, masks, need_list(images.parent / f"{split}_id.txt", remedy))


def _atr(root: Path, split: str, remedy: str) -> list[Sample]:
    images = need(root / "humanparsing" / "JPEGImages", remedy)
    masks = need(root / "humanparsing" / "SegmentationClassAug", remedy)
    names = sorted(path.stem for path in images.glob("*.jpg"))
    chosen = [n for i, n in enumerate(names) if (i % ATR_VAL == 0) == (split == "val")]
    return _listed(images, masks, chosen)


def _cihp(root: Path, split: str, remedy: str) -> list[Sample]:
    part = {"train": "Training", "val": "Validation"}[split]
    folder = _unpacked(root / "instance-level_human_parsing", part, remedy)
    images, masks = (need(folder / name, remedy) for name in ("Images", "Category_ids"))
    return _listed(images, masks, need_list(folder / f"{split}_id.txt", remedy))


def _unpacked(archive: Path, inside: str, remedy: str) -> Path:
    """Return a folder of an archive, which may have been unpacked into one of its own name."""
    twice = archive / archive.name / inside
    return twice if twice.is_dir() else need(archive / inside, remedy)


def _listed(images: Path, masks: Path, names: Sequence[str]) -> list[Sample]:
    return [Sample(name, images / f"{name}.jpg", masks / f"{name}.png") for name in names]


_PAGE = "http://sysu-hcp.net/lip"

SETS: Mapping[str, ParsingSet] = {
    "person_part": ParsingSet(
        PERSON_PART, "http://liangchiehchen.com/projects/DeepLab.html", _person_part
    ),
    "lip": ParsingSet(LIP, _PAGE, _lip),
    "atr": ParsingSet(ATR, "https://github.com/lemondan/HumanParsing-Dataset", _atr),
    "cihp": ParsingSet(CIHP, _PAGE, _cihp),
}
