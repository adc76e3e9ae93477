"""Holding a burst still: every frame moved onto one of them, and cut to what all of them show."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Image = np.ndarray  # uint8 RGB, (H, W, 3)
Transform = NDArray[np.float64]  # (2, 3): a pixel's position in one frame -> in another

SMALLEST_SHARE = 0.7
"""Of a side that has to be left; a camera that pans further is meant to."""

_CORNERS = {"maxCorners": 400, "qualityLevel": 0.01, "minDistance": 8}
_FEWEST = 12  # corners that have to be found again
_STEP = 0.01


def stabilise(images: Sequence[Image], reference: int) -> list[Image] | None:
    """Move frames so that what stands still does so in the images, too.

    Args:
        images: (H, W, 3) RGB, of one size, in order.
        reference: index of the frame that stays.

    Returns:
        The frames, cut to one rectangle of the shape of the images that all of them cover; or None
        where too little is common, or what stands still cannot be found.
    """
    to_reference = _transforms(images, reference)
    if to_reference is None:
        return None
    height, width = images[0].shape[:2]
    covered = np.full((height, width), 255, np.uint8)
    moved = []
    for image, transform in zip(images, to_reference, strict=True):
        moved.append(cv2.warpAffine(image, transform, (width, height), flags=cv2.INTER_CUBIC))
        inside = cv2.warpAffine(np.full_like(covered, 255), transform, (width, height))
        covered = np.minimum(covered, inside)
    rectangle = _largest_rectangle(covered == 255)
    return None if rectangle is None else [image[rectangle] for image in moved]


def _transforms(images: Sequence[Image], reference: int) -> list[Transform] | None:
    """Return what moves each frame onto the reference; None where a step is not to be found."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    steps = []
    for one, other in pairwise(grey):
        step = _step(one, other)
        if step is None:
            return None
        steps.append(step)
    chain = [np.eye(3)]  # from the first frame to each
    for step in steps:
        chain.append(step @ chain[-1])
    return [(chain[reference] @ np.linalg.inv(onto))[:2] for onto in chain]


def _step(one: Image, other: Image) -> Transform | None:
    """Return the turn, scale and shift (3, 3) of what most of the corners do."""
    corners = cv2.goodFeaturesToTrack(one, **_CORNERS)
    if corners is None or len(corners) < _FEWEST:
        return None
    found, status, _ = cv2.calcOpticalFlowPyrLK(one, other, corners, None)  # type: ignore
    kept = status[:, 0] == 1
    if kept.sum() < _FEWEST:
        return None
    cv2.setRNGSeed(0)
    transform, _ = cv2.estimateAffinePartial2D(corners[kept], found[kept], ransacReprojThreshold=1)
    return None if transform is None else np.vstack([transform, [0, 0, 1]])


def _largest_rectangle(covered: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the largest rectangle of the image's shape, around the middle of what is covered."""
    height, width = covered.shape
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if not len(rows):
        return None
    middle_y, middle_x = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    for share in np.arange(1, SMALLEST_SHARE, -_STEP):
        h, w = int(height * share), int(width * share)
        top = int(np.clip(middle_y - h / 2, 0, height - h))
        left = int(np.clip(middle_x - w / 2, 0, width - w))
        rectangle = slice(top, top + h), slice(left, left + w)
        if covered[rectangle].all():
            return rectangle
    return None
