"""Detector and retrieval measured together: whole images in, boxes and embeddings out."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from fashion.data.framing import whole
from fashion.data.garments import Garments, rows_of_images
from fashion.data.samples import NUMBERS
from fashion.data.taxonomy import TYPES, UNKNOWN
from fashion.evaluation.boxes import WHOLE_IMAGE, BoxResults, BoxScores
from fashion.evaluation.results import RetrievalResults
from fashion.recogniser import Boxes, GarmentRecogniser

BATCH_SIZE = 64
"""Garments that are embedded in one call of the network."""


class FoundGarments(NamedTuple):
    """What a test on whole images gave.

    Attributes:
        boxes: boxes by system: ours, and the box of the whole image.
        reported: ours, one box a garment.
        retrieval: rankings of garments cut out by the boxes that were found.
    """

    boxes: dict[str, BoxScores]
    reported: BoxScores
    retrieval: RetrievalResults


def measure_whole_images(
    recogniser: GarmentRecogniser, garments: Garments, name: str
) -> FoundGarments | None:
    """Find the garments of images, and embed each by the box that was found for it.

    That is the box of the highest score, or where an image has several garments the one that
    overlaps the garment most; the whole image where nothing was found.

    Args:
        recogniser: recogniser with a detector.
        garments: garments whose images are looked at.
        name: name of the system.

    Returns:
        None where no box is known.
    """
    boxes = {name: BoxResults(len(TYPES)), WHOLE_IMAGE: BoxResults(len(TYPES))}
    reported = BoxResults(len(TYPES))
    embedder = _Embedder(recogniser, garments)
    for rows in rows_of_images(garments):
        image = garments.read(int(rows[0])).image
        everything = torch.from_numpy(whole(image))
        found = recogniser.find(image)
        columns = garments.columns.take(rows)
        truth, types = torch.from_numpy(columns.boxes), torch.from_numpy(columns.types).long()
        known = truth.isfinite().all(1) & (types >= 0)
        if known.any():
            boxes[name].update(*found, truth[known], types[known])
            reported.update(*recogniser.one_each(found), truth[known], types[known])
            control = Boxes(everything[None], torch.ones(1), torch.tensor([UNKNOWN]))
            boxes[WHOLE_IMAGE].update(*control, truth[known], types[known])
        for row, box in zip(rows, truth, strict=True):
            embedder.add(int(row), image, _box_for(found, box, len(rows), everything))
    embedder.flush()
    if not boxes[name].update_called:
        return None
    scores = {n: b.compute() for n, b in boxes.items()}
    return FoundGarments(scores, reported.compute(), embedder.results)


def _box_for(found: Boxes, truth: Tensor, number: int, everything: Tensor) -> np.ndarray:
    if not len(found.boxes):
        return everything.numpy()
    is_certain = number == 1 or not truth.isfinite().all()
    best = 0 if is_certain else int(box_iou(found.boxes, truth[None])[:, 0].argmax())
    return found.boxes[best].numpy()


class _Embedder:
    """Gathers garments until there are enough for a batch."""

    def __init__(self, recogniser: GarmentRecogniser, garments: Garments) -> None:
        self.results = RetrievalResults()
        self._recogniser, self._garments = recogniser, garments
        self._rows: list[int] = []
        self._samples: list[Tensor] = []

    def add(self, row: int, image: np.ndarray, box: np.ndarray) -> None:
        if not self._recogniser.embeds:
            return
        self._rows.append(row)
        self._samples.append(self._recogniser.frame(image, box)[0])
        if len(self._rows) == BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        answer: Any = self._recogniser.answer(self._samples)
        columns = self._garments.columns.take(np.array(self._rows))
        facts = {
            key: torch.from_numpy(getattr(columns, name)).long() for key, name in NUMBERS.items()
        }
        self.results.update(answer.embedding.cpu(), facts)
        self._rows, self._samples = [], []
