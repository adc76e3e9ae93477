"""COCO's objects (Lin et al., ECCV 2014) as masks of VOC's classes, for training before VOC.

train2017/000000000009.jpg
annotations/instances_{train,val}2017.json

A pixel that objects of two classes claim, or that lies in a crowd alone, is ignored: what it shows
is not known. The other 60 categories are background. Training leaves out images that show hardly
anything of VOC's classes, after torchvision's reference training (which counts crowds, too).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.data.labels import COCO_TO_VOC, IGNORE, VOC
from segmentation.data.masks import Mask
from segmentation.data.required_files import check_split, need
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.inputs import InputError

SPLITS = ("train", "val")

PAGE = "https://cocodataset.org/#download"

MIN_PIXELS = 1000
"""Of VOC's classes, crowds not counted, that an image has to show more than to train."""


@dataclass(frozen=True)
class ObjectMask:
    """One annotation.

    Attributes:
        number: number of the class in VOC.
        crowd: whether it outlines a group.
        area: area in pixels.
        outline: polygons (x0, y0, x1, y1, ...) in pixels, where (0, 0) is the corner of the first
            pixel; or how many pixels lie outside, inside, outside, ..., column by column.
    """

    number: int
    crowd: bool
    area: float
    outline: list[np.ndarray] | np.ndarray


@dataclass
class Annotations:
    """What is known of an image."""

    height: int
    width: int
    regions: list[ObjectMask] = field(default_factory=list)

    @property
    def num_pixels(self) -> float:
        """Pixels of all objects that are no crowd."""
        return sum(region.area for region in self.regions if not region.crowd)


@dataclass(frozen=True)
class CocoMasks:
    """Draws the masks of samples from the annotations, by the samples' names."""

    annotations: dict[str, Annotations]

    def __call__(self, sample: Sample) -> Mask:
        """Return the mask of a sample; raise `InputError` for annotations that cannot be drawn."""
        try:
            return draw(self.annotations[sample.name])
        except ValueError as error:
            raise InputError(
                f"{sample.mask_path}: damaged outline of an object in image {sample.name} "
                f"({error}): get annotations_trainval2017.zip again"
            ) from error


def coco_set(root: Path, split: str) -> SegmentationSet:
    """A part of COCO 2017 with the classes of VOC; reads the annotations, which takes a while.

    Args:
        root: folder that holds train2017, val2017 and annotations.
        split: one of `SPLITS`.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        InputError: another split, or annotations that cannot be used.
    """
    check_split(split, SPLITS, "COCO")
    remedy = (
        f"get {split}2017.zip and annotations_trainval2017.zip at {PAGE} and unpack both in {root}"
    )
    images = need(root / f"{split}2017", remedy)
    path = need(root / "annotations" / f"instances_{split}2017.json", remedy)
    annotations = read_annotations(path)
    if split == "train":
        annotations = {
            name: known for name, known in annotations.items() if known.num_pixels > MIN_PIXELS
        }
    samples = [Sample(name, images / f"{name}.jpg", path) for name in annotations]
    return SegmentationSet(VOC, samples, CocoMasks(annotations))


def read_annotations(path: Path) -> dict[str, Annotations]:
    """Read COCO's instances of VOC's classes, by the names of the images, sorted.

    Raises:
        InputError: no JSON, or not COCO's instances.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged JSON ({error}): get the file again") from error
    try:
        known = {category["id"] for category in content["categories"]}
        if not COCO_TO_VOC.keys() <= known:
            raise InputError(f"{path}: {len(known)} categories that are not COCO's 80 of instances")
        return _by_name(content["images"], content["annotations"])
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected COCO's instances, found no {error}: is it another of its files?"
        ) from error


def draw(known: Annotations) -> Mask:
    """The mask of an image, uint8 (H, W): classes of VOC, with `IGNORE` where it is not clear."""
    shape = known.height, known.width
    crowd = np.zeros(shape, bool)
    covered: dict[int, NDArray[np.bool_]] = {}  # by the objects of each class
    for region in known.regions:
        inside = region_pixels(region.outline, *shape)
        if region.crowd:
            crowd |= inside
        else:
            covered[region.number] = covered.get(region.number, False) | inside
    mask, num_claims = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for number, inside in covered.items():
        mask[inside] = number
        num_claims[inside] += 1
    mask[(num_claims > 1) | (crowd & (num_claims == 0))] = IGNORE
    return mask


def region_pixels(
    outline: Sequence[np.ndarray] | np.ndarray, height: int, width: int
) -> NDArray[np.bool_]:
    """The pixels of a region, (H, W), from the outline of an `ObjectMask`.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(outline, np.ndarray):
        if not outline:
            raise ValueError("no polygon")
        return np.any([polygon_pixels(points, height, width) for points in outline], axis=0)
    if outline.dtype.kind != "i":
        raise ValueError("run lengths that are no list of numbers")
    if outline.sum() != height * width:
        raise ValueError(f"run lengths of {outline.sum()} pixels in {width}x{height}")
    flat = np.repeat(np.arange(len(outline)) % 2 == 1, outline)
    return flat.reshape(width, height).T


def polygon_pixels(points: np.ndarray, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels (H, W) whose centre lies in a polygon (x0, y0, x1, y1, ...), by the even-odd rule.

    Each edge flips what lies right of it in the rows that it crosses. COCO's own reader draws on a
    grid five times as fine; the two differ in pixels that an edge runs through.
    """
    if len(points) < 6 or len(points) % 2:
        raise ValueError(f"a polygon of {len(points)} numbers, not of three points or more")
    x0, y0 = points[::2], points[1::2]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    centres = np.arange(height) + 0.5
    row, edge = np.nonzero((y0 <= centres[:, None]) != (y1 <= centres[:, None]))
    along = (centres[row] - y0[edge]) / (y1 - y0)[edge]
    x = x0[edge] + along * (x1 - x0)[edge]
    column = np.ceil(x - 0.5).clip(0, width).astype(int)  # of the first centre right of the edge
    flips = np.zeros((height, width + 1), bool)
    np.logical_xor.at(flips, (row, column), True)
    return np.logical_xor.accumulate(flips, axis=1)[:, :width]


def _by_name(images: list[dict], annotations: list[dict]) -> dict[str, Annotations]:
    by_id = {image["id"]: Annotations(image["height"], image["width"]) for image in images}
    for entry in annotations:
        if entry["category_id"] in COCO_TO_VOC:
            by_id[entry["image_id"]].regions.append(_region(entry))
    names = {Path(image["file_name"]).stem: image["id"] for image in images}
    return {name: by_id[names[name]] for name in sorted(names)}


def _region(entry: dict[str, Any]) -> ObjectMask:
    code = entry["segmentation"]  # becomes arrays, which take a fraction of the memory
    polygons = isinstance(code, list)
    outline = [np.array(points, float) for points in code] if polygons else np.array(code["counts"])
    number = COCO_TO_VOC[entry["category_id"]]
    return ObjectMask(number, bool(entry["iscrowd"]), entry["area"], outline)
