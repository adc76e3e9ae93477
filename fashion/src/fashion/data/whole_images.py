"""Whole images with all of their garments, as a detector is trained on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fashion.data.collage import CELLS, MAX_IMAGES, Collage, Shown, choose_number
from fashion.data.datamodule import FashionData
from fashion.data.garments import Garments, rows_of_images
from fashion.data.samples import to_tensor
from fashion.data.taxonomy import UNKNOWN
from vision_shared.images import read_image
from vision_shared.inputs import InputError
from vision_shared.loaders import training_loader


class WholeImages(Dataset[dict[str, Any]]):
    """Samples of whole images with all of their garments, by the pairs of a sampler.

    A sample is the ``image`` (3, H, W), RGB in [0, 1], ``boxes`` (M, 4), x1 y1 x2 y2 as fractions
    of the sample, and ``types`` (M,); M is the most that there can be, NaN and -1 stand for none.

    Args:
        garments: garments of the images; those without a known box are left out.
        collage: collage that makes samples of them.
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
        rows = [rows[known[rows]] for rows in rows_of_images(garments)]
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
        others = rng.integers(len(self), size=min(number**2, MAX_IMAGES) - 1)
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
        data: data whose training images they are of; with its augmentation.
        trainer: trainer of the training.
        size: height and width.
        batch_size: batch size in each process.
    """

    def __init__(self, data: FashionData, trainer: pl.Trainer, size: int, batch_size: int) -> None:
        samples = WholeImages(
            data.training_garments(), Collage(size, data.jitter, data.degrade), data.backgrounds()
        )
        steps = int(trainer.num_training_batches)
        self.loader: Any = training_loader(
            data.readable(samples, is_training=True),
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
