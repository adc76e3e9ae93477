"""Datamodules: rendered people, PASCAL VOC, COCO, Cityscapes, or a folder of the user's own."""

import logging
from pathlib import Path
from typing import Any

from pytorch_lightning.trainer.states import TrainerFn

from segmentation.data.augment import Augmentation
from segmentation.data.cityscapes import cityscapes_set
from segmentation.data.coco import coco_set
from segmentation.data.collage import Collage
from segmentation.data.folder import open_folder
from segmentation.data.human_parsing import Classes as ParsingClasses
from segmentation.data.human_parsing import classes_of, human_parsing_set
from segmentation.data.labels import CITYSCAPES, VOC
from segmentation.data.people import PEOPLE_CLASSES, Classes, Recipe, people_set
from segmentation.data.photographs import Photograph, read_photographs
from segmentation.data.segmentation_data import (
    SegmentationData,
    Split,
)
from segmentation.data.sets import SegmentationSet
from segmentation.data.voc import voc_set
from synthetic_people.backgrounds import Backgrounds
from vision_shared.inputs import InputError
from vision_shared.rendering import render_people

log = logging.getLogger(__name__)

PHOTOGRAPH_SIDE = 256
"""Pixels to the longer side of photographs in a test, about those of the images of people."""


class PeopleData(SegmentationData):
    """Rendered 3-D people (`segmentation.data.people`).

    They are rendered once, into `folder`. Which there are does not depend on the run's seed.

    Args:
        classes: `parts` of people, or `person`, all parts as one class.
        sets: folder of rendered samples, from which `folder` is written.
        size, num_train, num_val, num_test, portraits, without_people, photographs: size, number of
            train, number of val, number of test, portraits, without people and photographs as of
            `segmentation.data.people.Recipe`.
        collages: share of training images whose people stand elsewhere, as of
            `segmentation.data.collage.Collage`.
        focus, cameras: focus and cameras as of `segmentation.data.augment.Augmentation`.
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
        """Return the augmentation of training."""
        return Augmentation(
            crop_size=self.crop_size,
            scale=self.scale,
            jitter=self.jitter,
            focus=self.focus,
            cameras=self.cameras,
        )

    def collage(self, pictures: SegmentationSet) -> Collage | None:
        """Return the composer of training samples, or None where none is asked for."""
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
        """Return the rendered images of a split."""
        return people_set(self.folder, split, self.kind)


class VocData(SegmentationData):
    """PASCAL VOC 2012; tests on its 1,449 validation images, as the truth of test is kept back.

    Args:
        train: training split of `segmentation.data.voc`; `train_aug` is the usual list of
            10,582 images with the masks of SBD.
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
        """Return the images of a split; the official ``val`` is tested, too."""
        return voc_set(
            self.folder,
            self.train if split == "train" else "val",
            sbd=self.sbd,
            cache=self.root / "segmentation" / "cache",
        )


class CocoData(SegmentationData):
    """COCO 2017 with the classes of VOC, to train on before VOC; tests on its validation split.

    Args:
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(VOC, **common)

    def pictures(self, split: Split) -> SegmentationSet:
        """Return the images of a split; the official ``val`` is tested, too."""
        return coco_set(self.folder, "train" if split == "train" else "val")


class CityscapesData(SegmentationData):
    """Cityscapes, fine; tests on its 500 validation images, as the truth of test is kept back.

    Args:
        common: the arguments of `SegmentationData` but `classes`.
    """

    def __init__(self, **common: Any) -> None:
        super().__init__(CITYSCAPES, **common)

    def pictures(self, split: Split) -> SegmentationSet:
        """Return the images of a split; the official ``val`` is tested, too."""
        return cityscapes_set(self.folder, "train" if split == "train" else "val")


class HumanParsingData(SegmentationData):
    """A human parsing set (`segmentation.data.human_parsing`); tests on its validation split.

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
        """Return the images of a split; the official ``val`` is tested, too."""
        part = "train" if split == "train" else "val"
        return human_parsing_set(self.source, self.folder, part, self.kind)


class FolderData(SegmentationData):
    """A folder of the user's own (`segmentation.data.folder`); tests on its validation split.

    Args:
        folder: folder that holds images, masks and a class file.
        common: the arguments of `SegmentationData` but `classes`.

    Raises:
        FileNotFoundError: one of them is not there.
        InputError: the class file cannot be used.
    """

    def __init__(self, *, folder: str, **common: Any) -> None:
        self.source = open_folder(Path(folder))
        super().__init__(self.source.classes, folder=folder, **common)

    def setup(self, stage: str) -> None:
        """Read the images; warn of what the folder leaves unsaid."""
        super().setup(stage)
        if stage == "fit" and self.source.note:
            log.warning(self.source.note)

    def pictures(self, split: Split) -> SegmentationSet:
        """Return the images of a split; the validation split is tested, too."""
        return self.source.split("train" if split == "train" else "val")
