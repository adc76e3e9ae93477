"""What the paper compares with, rebuilt: HOG on regions around landmarks, and a shipped detector.

FaceTracer (Kumar, Belhumeur, Nayar 2008) describes regions of an aligned face and classifies each
attribute with a support vector machine. Detector: the cascade of local binary patterns that
scikit-image ships, trained on photographs of faces (OpenCV's lbpcascade_frontalface).
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade, hog
from torch import Tensor

from face_attributes.boxes import box_iou
from face_attributes.data.faces import Faces
from face_attributes.data.framing import box_of_landmarks, cut_out

SIDE = 32
"""Pixels to a side of each region that HOG describes."""

REGIONS = ((0.5, 0.5, 1.0), (0.5, 0.3, 0.6), (0.5, 0.52, 0.5), (0.5, 0.67, 0.4), (0.5, 0.8, 0.5))
"""Centre and side as parts of the head's box: all of it, hair, eyes, nose, mouth and chin."""


def landmark_features(faces: Faces) -> Tensor:
    """HOG and mean colours of regions that the true landmarks place, (N, D)."""
    boxes = np.stack([box_of_landmarks(points) for points in faces.landmarks])
    return box_features(faces, boxes)


def box_features(faces: Faces, boxes: NDArray[np.floating]) -> Tensor:
    """HOG and mean colours of regions of the heads in boxes (N, 4), (N, D)."""
    rows = [describe(faces.read_image(i), boxes[i]) for i in range(len(faces))]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def describe(image: NDArray[np.uint8], box: NDArray[np.floating]) -> NDArray[np.floating]:
    """The features (D,) of a head in an image (H, W, 3)."""
    left, top, right, bottom = box.tolist()
    width, height = right - left, bottom - top
    parts = []
    for x, y, side in REGIONS:
        centre, half = (left + x * width, top + y * height), side * max(width, height) / 2
        region = np.array([centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half])
        sample, _ = cut_out(image, region, (SIDE, SIDE))
        grey = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
        parts.append(hog(grey, 9, (8, 8), (2, 2), feature_vector=True))
        parts.append(cv2.resize(sample, (4, 4), interpolation=cv2.INTER_AREA).ravel() / 255)
    return np.concatenate(parts)


def detect(faces: Faces) -> tuple[NDArray[np.float32], float, float]:
    """Look for each image's face with the shipped detector.

    Returns:
        (N, 4) boxes, the whole image where nothing is detected; the share of images where
        something is; and the share of boxes with an IoU of at least 0.5 with the truth.
    """
    detector: Any = Cascade(lbp_frontal_face_cascade_filename())
    boxes, number = [], 0
    for index in range(len(faces)):
        image = faces.read_image(index)
        height, width = image.shape[:2]
        found = detector.detect_multi_scale(
            cv2.resize(image, (2 * width, 2 * height)),  # its windows have 24 pixels at least
            scale_factor=1.2,
            step_ratio=1,
            min_size=(48, 48),
            max_size=(2 * width, 2 * height),
        )
        number += bool(found)
        boxes.append(largest(found) if found else [0, 0, width, height])
    array = np.array(boxes, np.float32)
    iou = box_iou(torch.from_numpy(array), torch.from_numpy(faces.boxes)).diagonal()
    return array, number / len(faces), float((iou >= 0.5).double().mean())


def largest(found: Sequence[dict[str, int]]) -> list[float]:
    """The largest detection in the image's own pixels, which are half as many."""
    best = max(found, key=lambda each: each["width"] * each["height"])
    left, top = best["c"], best["r"]
    return [x / 2 for x in (left, top, left + best["width"], top + best["height"])]
