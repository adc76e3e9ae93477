"""The part of a datamodule that all data sets of segmentation have in common."""

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import DataLoader

from segmentation.data.augment import Augmentation
from segmentation.data.collage import Collage
from segmentation.data.labels import ClassList
from segmentation.data.photographs import Photograph
from segmentation.data.samples import (
    EvaluationSamples,
    TrainingSamples,
    picture_size,
    same_size_batches,
)
from segmentation.data.sets import SegmentationSet
from vision_shared.datamodule import TaskData
from vision_shared.faults import name_some
from vision_shared.inputs import InputError
from vision_shared.loaders import evaluation_loader

log = logging.getLogger(__name__)


Split = Literal["train", "val", "test"]


class SegmentationData(TaskData, ABC):
    """Loaders of images with masks.

    A batch holds `image` (B, 3, H, W), float32 RGB in [0, 1], `mask` (B, H, W), int64 with 255
    ignored, `name` (B strings) and `index` (B,). Training crops squares; evaluation takes whole
    images, and all images of a batch have one size.

    Args:
        classes: classes of the masks.
        folder: folder of this data set.
        crop_size: side of the training squares, in pixels.
        scale: smallest and largest random factor before the crop.
        jitter: largest relative change of brightness, contrast and saturation, in [0, 1].
        common: the arguments of `vision_shared.datamodule.TaskData`.
    """

    def __init__(
        self,
        classes: ClassList,
        *,
        folder: str,
        crop_size: int,
        scale: tuple[float, float],
        jitter: float,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.classes = classes
        self.folder = Path(folder)
        self.crop_size = crop_size
        self.scale = scale
        self.jitter = jitter

    @property
    def facts(self) -> dict[str, Any]:
        """What the network has to know of the data, in plain values."""
        palette = [list(colour) for colour in self.classes.palette]
        return {"classes": {"names": list(self.classes.names), "palette": palette}}

    @abstractmethod
    def pictures(self, split: Split) -> SegmentationSet:
        """The images of a part.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a list or a choice that cannot be used.
        """

    def photographs(self) -> list[Photograph]:
        """Return real photographs to look for people in after a test, where classes are theirs."""
        return []

    def setup(self, stage: str) -> None:
        """List the files and read the first ones; those of the test, too, before a training.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a file is missing, the first one cannot be used, or the crop is too large.
        """
        if stage == "fit":
            self.train_set = self.training_samples()
        if stage in ("fit", "validate"):
            self.val_set = EvaluationSamples(self.checked("val"))
        if stage == "fit":
            if not self.skips_faults:  # it reads masks
                warn_of_absent_classes("train", self.train_set.pictures)
                warn_of_absent_classes("val", self.val_set.pictures)
            self.checked("test")  # what is missing is said before a training
        if stage == "test":
            self.test_set = EvaluationSamples(self.checked("test"))

    def training_samples(self) -> TrainingSamples:
        """Return augmented samples of the training split; `InputError` for fewer than a batch."""
        augmentation = self.augmentation()
        pictures = self.checked("train")
        if len(pictures) < self.batch_size and self.epoch_size is None:
            raise InputError(
                f"{self.folder}: {len(pictures)} images to train on, below "
                f"data.batch_size={self.batch_size}: lower it, or set data.epoch_size"
            )
        if not self.skips_faults:
            check_crop(pictures, self.crop_size, self.scale[1])
        return TrainingSamples(pictures, augmentation, self.collage(pictures))

    def augmentation(self) -> Augmentation:
        """Return what makes training samples of images."""
        return Augmentation(crop_size=self.crop_size, scale=self.scale, jitter=self.jitter)

    def collage(self, pictures: SegmentationSet) -> Collage | None:
        """Return what mixes training images, if anything does."""
        return None

    def checked(self, split: Split) -> SegmentationSet:
        """Return a split of which each file is there; `InputError` otherwise, unless skipped."""
        pictures = self.pictures(split)
        if not self.skips_faults:
            pictures.check()
        return pictures

    def loader(self, samples: EvaluationSamples) -> DataLoader[Any]:
        """Return batches of images of one size, in order."""
        batches: list[list[int]] | int = 1
        if self.eval_batch_size > 1:
            sizes = (self.size_of(sample.image_path) for sample in samples.pictures.samples)
            batches = same_size_batches(sizes, self.eval_batch_size)
        return evaluation_loader(self.readable(samples), batches, num_workers=self.num_workers)

    def size_of(self, path: Path) -> tuple[int, int]:
        """Return an image's width and height; zeros for one that is skipped when it is read."""
        try:
            return picture_size(path)
        except (InputError, OSError):
            if not self.skips_faults:
                raise
            return 0, 0


def warn_of_absent_classes(split: str, pictures: SegmentationSet) -> None:
    """Warn of classes that no mask of a split shows: they cannot be learned, or not be judged."""
    absent, number = pictures.absent_classes()
    if absent:
        names = name_some([repr(name) for name in absent])
        log.warning("%s: no pixel of %s in the %d masks that were read", split, names, number)


def check_crop(pictures: SegmentationSet, crop_size: int, largest_scale: float) -> None:
    """Raise `InputError` if every image is below the crop along both sides at the largest scale.

    Others are padded.
    """
    sizes = (picture_size(sample.image_path) for sample in pictures.samples)
    if any(max(size) * largest_scale >= crop_size for size in sizes):
        return
    path = pictures.samples[0].image_path
    width, height = picture_size(path)
    raise InputError(
        f"{path}: {width}x{height} pixels, and like every other training image below "
        f"data.crop_size={crop_size} even when scaled by {largest_scale:g}: lower data.crop_size"
    )
