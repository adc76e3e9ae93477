"""Datamodules: rendered people, PASCAL VOC, COCO, Cityscapes, or a folder of the user's own."""

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.trainer.states import TrainerFn
from torch.utils.data import DataLoader

from segmentation.data.augment import Augmentation
from segmentation.data.cityscapes import cityscapes_set
from segmentation.data.coco import coco_set
from segmentation.data.collage import Collage
from segmentation.data.folder import open_folder
from segmentation.data.human_parsing import Classes as ParsingClasses
from segmentation.data.human_parsing import classes_of, human_parsing_set
from segmentation.data.labels import CITYSCAPES, VOC, ClassList
from segmentation.data.people import PEOPLE_CLASSES, Classes, Recipe, people_set
from segmentation.data.photographs import Photograph, read_photographs
from segmentation.data.samples import (
    EvaluationSamples,
    TrainingSamples,
    picture_size,
    same_size_batches,
)
from segmentation.data.sets import SegmentationSet
from segmentation.data.voc import voc_set
from synthetic_people.backgrounds import Backgrounds
from vision_shared.datamodule import TaskData
from vision_shared.faults import name_some
from vision_shared.inputs import InputError
from vision_shared.loaders import evaluation_loader
from vision_shared.rendering import render_people

log = logging.getLogger(__name__)

Split = Literal["train", "val", "test"]

PHOTOGRAPH_SIDE = 256
"""Pixels to the longer side of photographs in a test, about those of the images of people."""


class SegmentationData(TaskData, ABC):
    """Loaders of pictures with masks.

    A batch holds `image` (B, 3, H, W), float32 RGB in [0, 1], `mask` (B, H, W), int64 with 255
    ignored, `name` (B strings) and `index` (B,). Training crops squares; evaluation takes whole
    pictures, and all pictures of a batch have one size.

    Args:
        classes: of the masks.
        folder: of this data set.
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
        """The pictures of a part.

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
            warn_of_absent_classes("train", self.train_set.pictures)
            warn_of_absent_classes("val", self.val_set.pictures)
            self.checked("test")  # what is missing is said before a training
        if stage == "test":
            self.test_set = EvaluationSamples(self.checked("test"))

    def training_samples(self) -> TrainingSamples:
        augmentation = self.augmentation()
        pictures = self.checked("train")
        if len(pictures) < self.batch_size and self.epoch_size is None:
            raise InputError(
                f"{self.folder}: {len(pictures)} pictures to train on, below "
                f"data.batch_size={self.batch_size}: lower it, or set data.epoch_size"
            )
        check_crop(pictures, self.crop_size, self.scale[1])
        return TrainingSamples(pictures, augmentation, self.collage(pictures))

    def augmentation(self) -> Augmentation:
        """Return what makes training samples of pictures."""
        return Augmentation(crop_size=self.crop_size, scale=self.scale, jitter=self.jitter)

    def collage(self, pictures: SegmentationSet) -> Collage | None:
        """Return what mixes training pictures, if anything does."""
        return None

    def checked(self, split: Split) -> SegmentationSet:
        pictures = self.pictures(split)
        pictures.check()
        return pictures

    def loader(self, samples: EvaluationSamples) -> DataLoader[Any]:
        batches: list[list[int]] | int = 1
        if self.eval_batch_size > 1:
            sizes = (picture_size(sample.image_path) for sample in samples.pictures.samples)
            batches = same_size_batches(sizes, self.eval_batch_size)
        return evaluation_loader(samples, batches, num_workers=self.num_workers)


class PeopleData(SegmentationData):
    """Rendered 3-D people (`segmentation.data.people`).

    They are rendered once, into `folder`. Which there are does not depend on the run's seed.

    Args:
        classes: `parts` of people, or `person`, all parts as one class.
        sets: folder of rendered samples, from which `folder` is written.
        size, num_train, num_val, num_test, portraits, without_people, photographs: as of
            `segmentation.data.people.Recipe`.
        collages: share of training images whose people stand elsewhere, as of
            `segmentation.data.collage.Collage`.
        focus, cameras: as of `segmentation.data.augment.Augmentation`.
        test_photographs: whether a test looks for people in real photographs, too.
        common: the arguments of `SegmentationData` but `classes`.

    Raises:
        InputError: a recipe that cannot be, or unknown classes.
    """

    def __init__(
        self,
        *,
        classes: Classes,
        sets: str,
        size: int,
        num_train: int,
        num_val: int,
        num_test: int,
        portraits: float,
        without_people: float,
        photographs: str | None,
        collages: float,
        focus: float,
        cameras: bool,
        test_photographs: bool,
        **common: Any,
    ) -> None:
        if classes not in PEOPLE_CLASSES:
            names = ", ".join(PEOPLE_CLASSES)
            raise InputError(f"expected data.classes among {names}, got {classes!r}")
        super().__init__(PEOPLE_CLASSES[classes], **common)
        self.kind: Classes = classes
        self.sets = Path(sets)
        self.recipe = Recipe(
            size,
            num_train,
            num_val,
            num_test,
            portraits=portraits,
            without_people=without_people,
            photographs=photographs,
        )
        self.collages = collages
        self.focus = focus
        self.cameras = cameras
        self.test_photographs = test_photographs

    def augmentation(self) -> Augmentation:
        return Augmentation(
            crop_size=self.crop_size,
            scale=self.scale,
            jitter=self.jitter,
            focus=self.focus,
            cameras=self.cameras,
        )

    def collage(self, pictures: SegmentationSet) -> Collage | None:
        if not self.collages:
            return None
        return Collage(pictures, Backgrounds(self.recipe.photographs, "train"), self.collages)

    def prepare_data(self) -> None:
        """Render the people if the folder does not hold them."""
        render_people(self.folder, self.recipe, self.sets)

    def photographs(self) -> list[Photograph]:
        """Return those for development that are at hand: a run's settings may follow from it."""
        if not self.test_photographs:
            return []
        return read_photographs("development", long_side=PHOTOGRAPH_SIDE)

    def pictures(self, split: Split) -> SegmentationSet:
        return people_set(self.folder, split, self.kind)


class VocData(SegmentationData):
    """PASCAL VOC 2012; tests on its 1,449 validation pictures, as the truth of test is kept back.

    Args:
        train: what trains, a part of `segmentation.data.voc`; `train_aug` is the usual list of
            10,582 pictures with the masks of SBD.
        sbd: SBD's folder `dataset`; `None` looks below `folder`.
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, *, train: str, sbd: str | None, **common: Any) -> None:
        super().__init__(VOC, **common)
        self.train = train
        self.sbd = None if sbd is None else Path(sbd)

    def prepare_data(self) -> None:
        """Convert SBD's masks to train on, in the one process of a machine that prepares data."""
        fits = self.trainer is None or self.trainer.state.fn == TrainerFn.FITTING
        if fits and self.train == "train_aug":
            self.pictures("train")

    def pictures(self, split: Split) -> SegmentationSet:
        return voc_set(
            self.folder,
            self.train if split == "train" else "val",
            sbd=self.sbd,
            cache=self.root / "segmentation" / "cache",
        )


class CocoData(SegmentationData):
    """COCO 2017 with the classes of VOC, to train on before VOC; tests on its validation part.

    Args:
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(VOC, **common)

    def pictures(self, split: Split) -> SegmentationSet:
        return coco_set(self.folder, "train" if split == "train" else "val")


class CityscapesData(SegmentationData):
    """Cityscapes, fine; tests on its 500 validation pictures, as the truth of test is kept back.

    Args:
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(CITYSCAPES, **common)

    def pictures(self, split: Split) -> SegmentationSet:
        return cityscapes_set(self.folder, "train" if split == "train" else "val")


class HumanParsingData(SegmentationData):
    """A human parsing set (`segmentation.data.human_parsing`); tests on its validation part.

    Args:
        name: `person_part`, `lip`, `atr` or `cihp`.
        classes: `own`, `parts` (those of `PeopleData`) or `person`.
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, *, name: str, classes: ParsingClasses, **common: Any) -> None:
        super().__init__(classes_of(name, classes), **common)
        self.source = name
        self.kind: ParsingClasses = classes

    def pictures(self, split: Split) -> SegmentationSet:
        part = "train" if split == "train" else "val"
        return human_parsing_set(self.source, self.folder, part, self.kind)


class FolderData(SegmentationData):
    """A folder of the user's own (`segmentation.data.folder`); tests on its validation part.

    Args:
        folder: holds images, masks and a class file.
        common: the arguments of `SegmentationData` but `classes`.

    Raises:
        FileNotFoundError: one of them is not there.
        InputError: the class file cannot be used.
    """

    def __init__(self, *, folder: str, **common: Any) -> None:
        self.source = open_folder(Path(folder))
        super().__init__(self.source.classes, folder=folder, **common)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and self.source.note:
            log.warning(self.source.note)

    def pictures(self, split: Split) -> SegmentationSet:
        return self.source.split("train" if split == "train" else "val")


def warn_of_absent_classes(split: str, pictures: SegmentationSet) -> None:
    """Warn of classes that no mask of a split shows: they cannot be learned, or not be judged."""
    absent, number = pictures.absent_classes()
    if absent:
        names = name_some([repr(name) for name in absent])
        log.warning("%s: no pixel of %s in the %d masks that were read", split, names, number)


def check_crop(pictures: SegmentationSet, crop_size: int, largest_scale: float) -> None:
    """Raise `InputError` if every picture is below the crop along both sides at the largest scale.

    Others are padded.
    """
    sizes = (picture_size(sample.image_path) for sample in pictures.samples)
    if any(max(size) * largest_scale >= crop_size for size in sizes):
        return
    path = pictures.samples[0].image_path
    width, height = picture_size(path)
    raise InputError(
        f"{path}: {width}x{height} pixels, and like every other training picture below "
        f"data.crop_size={crop_size} even when scaled by {largest_scale:g}: lower data.crop_size"
    )
