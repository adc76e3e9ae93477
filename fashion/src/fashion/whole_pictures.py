"""Whole pictures: batches of them that teach the detector, and a test of all networks on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.ops import box_iou

from fashion.data.collage import CELLS, MOST_PICTURES, Collage, Shown, choose_number
from fashion.data.datamodule import FashionData
from fashion.data.framing import whole
from fashion.data.garments import Garments, rows_of_pictures
from fashion.data.samples import NUMBERS, to_tensor
from fashion.data.taxonomy import TYPES, UNKNOWN
from fashion.evaluation.boxes import WHOLE_IMAGE, BoxResults, BoxScores
from fashion.evaluation.results import RetrievalResults
from fashion.recogniser import Boxes, GarmentRecogniser
from vision_shared.images import read_image
from vision_shared.inputs import InputError
from vision_shared.loaders import training_loader

AT_ONCE = 64
"""Garments that the network looks at together."""


class WholePictures(Dataset[dict[str, Any]]):
    """Samples of whole pictures with all of their garments, by the pairs of a sampler.

    A sample is the ``image`` (3, H, W), RGB in [0, 1], ``boxes`` (M, 4), x1 y1 x2 y2 as fractions
    of the sample, and ``types`` (M,); M is the most that there can be, NaN and -1 stand for none.

    Args:
        garments: of the pictures; those without a known box are left out.
        collage: makes samples of them.
        backgrounds: images without a garment, numbered after those of the garments.

    Raises:
        InputError: no box is known.
    """

    def __init__(
        self, garments: Garments, collage: Collage, backgrounds: Sequence[Path] = ()
    ) -> None:
        self.garments = garments
        self.backgrounds = tuple(backgrounds)
        self.collage = collage
        known = np.isfinite(garments.columns.boxes).all(1) & (garments.columns.types >= 0)
        rows = [rows[known[rows]] for rows in rows_of_pictures(garments)]
        self.pictures = [some for some in rows if len(some)]
        if not self.pictures:
            raise InputError(
                f"{garments.listed_in}: no box of a garment is known, and a detector learns from "
                "them: add module.detector=null"
            )
        self.most = max(map(len, self.pictures)) * max(CELLS) ** 2

    def __len__(self) -> int:
        return len(self.pictures) + len(self.backgrounds)

    def __getitem__(self, index: tuple[int, int]) -> dict[str, Any]:
        first, seed = index
        rng = np.random.default_rng(seed)
        number = choose_number(rng)
        others = rng.integers(len(self), size=min(number**2, MOST_PICTURES) - 1)
        pictures = [self._shown(place) for place in [first, *others.tolist()]]
        image, boxes, types = self.collage(pictures, number, int(rng.integers(2**31)))
        padded = np.full((self.most, 4), np.nan, np.float32)
        padded[: len(boxes)] = boxes
        kinds = np.full(self.most, UNKNOWN, np.int64)
        kinds[: len(types)] = types
        return {
            "image": to_tensor(image),
            "boxes": torch.from_numpy(padded),
            "types": torch.from_numpy(kinds),
        }

    def _shown(self, place: int) -> Shown:
        if place >= len(self.pictures):
            image = read_image(self.backgrounds[place - len(self.pictures)])
            return Shown(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
        rows = self.pictures[place]
        columns = self.garments.columns
        image = self.garments.read(int(rows[0])).image
        return Shown(image, columns.boxes[rows], columns.types[rows])


class DetectorBatches:
    """Batches for a detector, one a step, in an order that a resumed run repeats.

    Args:
        data: whose training pictures they are of; with its augmentation.
        trainer: of the training.
        size: height and width.
        batch_size: in each process.
    """

    def __init__(self, data: FashionData, trainer: pl.Trainer, size: int, batch_size: int) -> None:
        samples = WholePictures(
            data.training_garments(), Collage(size, data.jitter, data.degrade), data.backgrounds()
        )
        steps = int(trainer.num_training_batches)
        self.loader: Any = training_loader(
            samples,
            trainer,
            batch_size=batch_size,
            epoch_size=steps * batch_size * trainer.world_size,
            num_workers=data.num_workers,
            seed=data.seed,
        )
        self._batches: Iterator[dict[str, Tensor]] = iter(())

    def begin_epoch(self, epoch: int, step: int = 0) -> None:
        """Begin the order of an epoch, at a step of it where a run is resumed in its midst."""
        self.loader.sampler.set_epoch(epoch)
        self.loader.load_state_dict({"epoch": epoch, "batches": step})
        self._batches = iter(self.loader)

    def next(self) -> dict[str, Tensor]:
        """Return the batch of the next step."""
        return next(self._batches)


class FoundGarments(NamedTuple):
    """What a test on whole pictures gave.

    Attributes:
        boxes: by system: ours, and the box of the whole image.
        reported: ours, one box a garment.
        retrieval: of garments cut out by the boxes that were found.
    """

    boxes: dict[str, BoxScores]
    reported: BoxScores
    retrieval: RetrievalResults


def look_at_pictures(
    recogniser: GarmentRecogniser, garments: Garments, name: str
) -> FoundGarments | None:
    """Find the garments of pictures, and embed each by the box that was found for it.

    That is the box of the highest score, or where an image has several garments the one that
    overlaps the garment most; the whole picture where nothing was found.

    Args:
        recogniser: with a detector.
        garments: whose pictures are looked at.
        name: of the system.

    Returns:
        None where no box is known.
    """
    boxes = {name: BoxResults(len(TYPES)), WHOLE_IMAGE: BoxResults(len(TYPES))}
    reported = BoxResults(len(TYPES))
    embedder = _Embedder(recogniser, garments)
    for rows in rows_of_pictures(garments):
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
        if len(self._rows) == AT_ONCE:
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
