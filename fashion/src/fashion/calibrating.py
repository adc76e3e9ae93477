"""A detector's scores made probabilities, on images that did not train."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fashion.data.framing import letterbox, whole
from fashion.data.garments import Garments, rows_of_images
from fashion.data.samples import to_tensor
from fashion.evaluation.boxes import right_boxes
from fashion.models import ClothesDetector, Detection, one_per_garment

MAX_IMAGES = 256
"""That are looked at, spread over all."""

BATCH_SIZE = 32

OVERLAPS = (0.7, 0.6, 0.8, 0.5, 0.9, 0.4)
"""That boxes of one garment may be told by; the first of the best is taken."""

REPORTED = 0.5
"""Probability from which on boxes count when they are compared."""


class _Seen(NamedTuple):
    """An image: what the detector said, which boxes are right, and how many should be."""

    found: Detection
    is_right: Tensor
    number: int


@torch.no_grad()
def calibrate_detector(detector: ClothesDetector, garments: Garments) -> None:
    """Fit what scores are worth, and from which overlap on two boxes are of one garment.

    The overlap is the one with the best F1 of what is reported: a box of each of two types for one
    garment is a false alarm, and a garment over another one is none.

    Args:
        detector: detector in evaluation.
        garments: garments that did not train; images with a garment whose box is not known are left
            out.
    """
    seen = list(_seen(detector, garments))
    if not sum(len(each.found.scores) for each in seen):
        return
    scores = torch.cat([each.found.scores for each in seen])
    types = torch.cat([each.found.types for each in seen])
    detector.calibration.fit(scores, types, torch.cat([each.is_right for each in seen]))
    best = max(OVERLAPS, key=lambda overlap: _f1(detector, seen, overlap))
    detector.calibration.same_garment.fill_(best)


def _seen(detector: ClothesDetector, garments: Garments) -> Iterator[_Seen]:
    pictures = [rows for rows in rows_of_images(garments) if _is_known(garments, rows)]
    places = np.linspace(0, len(pictures) - 1, min(len(pictures), MAX_IMAGES))
    chosen = [pictures[place] for place in places.round().astype(int)]
    device = detector.calibration.slopes.device
    for start in range(0, len(chosen), BATCH_SIZE):
        rows = chosen[start : start + BATCH_SIZE]
        shown = [_sample(garments, some, detector.size) for some in rows]
        found = detector.uncalibrated([sample.to(device) for sample, _ in shown])
        for each, (_, truth), some in zip(found, shown, rows, strict=True):
            types = torch.from_numpy(garments.columns.types[some]).long()
            is_right = right_boxes(*each, truth.to(device), types.to(device))
            yield _Seen(each, is_right, len(some))


def _sample(garments: Garments, rows: np.ndarray, size: int) -> tuple[Tensor, Tensor]:
    """Return an image as the detector sees it, and its boxes (M, 4) in pixels of that."""
    image = garments.read(int(rows[0])).image
    sample, frame = letterbox(image, whole(image), (size, size))
    boxes = [frame.box_to_sample(garments.columns.boxes[row]) * size for row in rows]
    return to_tensor(sample), torch.from_numpy(np.stack(boxes))


def _is_known(garments: Garments, rows: np.ndarray) -> bool:
    columns = garments.columns
    return bool(np.isfinite(columns.boxes[rows]).all() and (columns.types[rows] >= 0).all())


def _f1(detector: ClothesDetector, seen: list[_Seen], overlap: float) -> float:
    hits = said = wanted = 0
    for found, is_right, number in seen:
        scores = detector.calibration(found.scores, found.types)
        kept = one_per_garment(found.boxes, scores, overlap)
        kept = kept[scores[kept] >= REPORTED]
        hits, said, wanted = hits + int(is_right[kept].sum()), said + len(kept), wanted + number
    return 2 * hits / max(said + wanted, 1)
