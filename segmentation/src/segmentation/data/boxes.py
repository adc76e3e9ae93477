"""Masks estimated from boxes, for training where no one has drawn masks.

Dai, He, Sun, "BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic
Segmentation", ICCV 2015: each box has a few candidate masks; the one that fills the box best and
agrees best with what the network sees at present is trained on, and chosen again later. Their
candidates are proposals of MCG; ours are GrabCut (Rother et al., SIGGRAPH 2004) begun from the box,
GrabCut begun from the network's probabilities, and the network's own mask.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.labels import IGNORE
from segmentation.data.masks import Mask

Image = NDArray[np.uint8]
Inside = NDArray[np.bool_]

MIN_PIXELS = 16
"""Of a component: smaller ones have no box."""

_ITERATIONS = 3  # of GrabCut
_LIKELY = 0.5  # probability from which on a pixel begins as the object's


class ClassBox(NamedTuple):
    """A box around an object: rows ``top`` to ``bottom`` - 1, columns ``left`` to ``right`` - 1."""

    label: int
    top: int
    left: int
    bottom: int
    right: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Slices of rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def area(self) -> int:
        """Pixels that the box covers."""
        return (self.bottom - self.top) * (self.right - self.left)


def boxes_of(mask: Mask) -> list[ClassBox]:
    """Return a box for each connected component of each class but 0, the largest first."""
    boxes = []
    for label in np.unique(mask):
        if label in (0, IGNORE):
            continue
        count, _, stats, _ = cv2.connectedComponentsWithStats((mask == label).astype(np.uint8))
        for left, top, width, height, pixels in stats[1:count]:
            if pixels >= MIN_PIXELS:
                boxes.append(ClassBox(int(label), top, left, top + height, left + width))
    return sorted(boxes, key=lambda box: -box.area)


def mask_of_boxes(
    image: Image, boxes: list[ClassBox], probabilities: NDArray[np.float32] | None = None
) -> Mask:
    """Return a mask (H, W) for an image (H, W, 3) that has these boxes; smaller ones are in front.

    Args:
        image: RGB uint8.
        boxes: boxes from `boxes_of`, or of an annotator.
        probabilities: (L, H, W), what a network says at present; None before there is one.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    for box in sorted(boxes, key=lambda box: -box.area):
        likely = None if probabilities is None else probabilities[box.label]
        inside = choose(candidates(image, box, likely), box, likely)
        mask[inside] = box.label
    return mask


def candidates(
    image: Image, box: ClassBox, likely: NDArray[np.float32] | None = None
) -> list[Inside]:
    """Return masks (H, W) of the object in a box; none reaches out of it, and none is empty."""
    start = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    start[box.place] = cv2.GC_PR_FGD
    whole = start == cv2.GC_PR_FGD
    made = [_grab_cut(image, start)]
    if likely is not None:
        seen = whole & (likely > _LIKELY)
        start = np.where(whole & ~seen, np.uint8(cv2.GC_PR_BGD), start)
        made += [seen, _grab_cut(image, start)]
    return [inside for inside in made if inside.any()] or [whole]


def choose(masks: list[Inside], box: ClassBox, likely: NDArray[np.float32] | None) -> Inside:
    """Return the mask whose extent and, if known, whose pixels fit best."""

    def fit(inside: Inside) -> float:
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        extent = (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0]) / box.area
        if likely is None:
            return extent
        part, seen = inside[box.place], likely[box.place]
        return extent + float(np.minimum(part, seen).sum() / np.maximum(part, seen).sum())

    return max(masks, key=fit)


def _grab_cut(image: Image, start: NDArray[np.uint8]) -> Inside:
    labels = start.copy()
    foreground = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if foreground.all() or foreground.sum() < MIN_PIXELS:  # it models both sides by colours
        return foreground
    background, inside = np.zeros((1, 65)), np.zeros((1, 65))  # its models of colours
    cv2.setRNGSeed(0)
    pixels, by_mask = np.ascontiguousarray(image), cv2.GC_INIT_WITH_MASK
    cv2.grabCut(pixels, labels, (0, 0, 0, 0), background, inside, _ITERATIONS, by_mask)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
