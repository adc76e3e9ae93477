"""What the datamodules of all data sets do: parts, regions, samples and loaders."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_attributes.boxes import face_boxes
from face_attributes.data.augment import Augmentation
from face_attributes.data.beside import BesideFaces
from face_attributes.data.canvas_samples import CanvasSamples
from face_attributes.data.canvases import Composer
from face_attributes.data.celeba import read_boxes
from face_attributes.data.faces import NOBODY, Faces, Part
from face_attributes.data.found import Find, found_boxes
from face_attributes.data.framed import FramedFaces, typical_framing
from face_attributes.data.identities import held_out, num_training_identities, renumber
from face_attributes.data.layers import Layers, face_square
from face_attributes.data.pictures import read_picture
from face_attributes.data.samples import (
    BackgroundSamples,
    EvaluationSamples,
    Regions,
    TrainingSamples,
    background_paths,
)
from synthetic_people.backgrounds import Backgrounds
from vision_shared.datamodule import TaskData, checked_size
from vision_shared.inputs import InputError

Size = tuple[int, int]

FOUND = ("heads", "faces")
"""Regions that networks find: LNet_o's, and those where LNet_s then finds a face."""

CANVASES = "canvases"
"""The region of samples that are composed of faces and photographs, to train a finder."""

NUM_CANVASES = 1024
"""Composed samples in an epoch of training, unless ``epoch_size`` says otherwise."""

NUM_FIXED = 400
"""Composed samples of validation, and of test."""


def boxes_of_landmarks(faces: Faces) -> NDArray[np.float32]:
    """Return boxes (N, 4) of faces as a finder by tags has them, cheek to cheek, from landmarks.

    Raises:
        InputError: a face without landmarks.
    """
    missing = ~np.isfinite(faces.landmarks).all((1, 2))
    if missing.any():
        name = faces.name(int(missing.argmax()))
        raise InputError(f"{faces.listed_in}: no landmarks of {name}, which data.region names")
    squares = np.stack([face_square(points) for points in faces.landmarks])
    return face_boxes(torch.from_numpy(squares)).numpy()


class FaceData(TaskData, ABC):
    """Loaders of faces with attributes.

    What batches hold stands in `face_attributes.data.samples`. With ``images_per_identity`` K,
    training batches hold K images each of batch_size / K people, and validation those images
    of the training people that are held out of it; without, the part ``val``.

    Args:
        folder: folder of this data set.
        attributes: names of those to learn, in this order; `None` is all.
        region: region that samples show: ``whole`` images; the ``box`` of a face, from its
            landmarks where it has none; that which its ``landmarks`` place as a finder by tags
            does; ``heads`` or ``faces`` that networks find, see `show_found`; ``canvases``,
            composed of faces of one size and photographs without; or the path of a file of boxes as
            list_bbox_celeba.txt, of all images.
        context: factor that enlarges boxes around their centres.
        size: height and width of training samples.
        eval_size: size of the samples of validation and test; `None` is ``size``.
        scale: smallest and largest random factor of training; below 1 shows more than the region.
        jitter: largest relative change of brightness and contrast in training, in [0, 1).
        num_train: images that train, spread over all; `None` is all.
        images_per_identity: K; `None` for plain batches, drawn from all images.
        backgrounds: folder of images without faces; `None` where there is none, see
            `background_samples`.
        groups: attributes by which a test divides recall and false alarms, where they are learned.
        common: the arguments of `vision_shared.datamodule.TaskData`.

    Raises:
        InputError: sizes, or a batch that does not divide by K.
    """

    def __init__(
        self,
        *,
        folder: str,
        attributes: Sequence[str] | None,
        region: str,
        context: float,
        size: Size,
        eval_size: Size | None,
        scale: tuple[float, float],
        jitter: float,
        num_train: int | None,
        images_per_identity: int | None,
        backgrounds: str | None,
        groups: Sequence[str] = (),
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.folder = Path(folder)
        self.chosen = None if attributes is None else tuple(attributes)
        self.region = region
        self.context = context
        self.size = checked_size("data.size", size)
        self.eval_size = checked_size("data.eval_size", eval_size or size)
        self.scale = scale
        self.jitter = jitter
        self.num_train = num_train
        self.images_per_identity = images_per_identity
        self.check_identity_batches("data.images_per_identity", images_per_identity)
        self.backgrounds = None if backgrounds is None else Path(backgrounds)
        self.groups = tuple(groups)

    @property
    def facts(self) -> dict[str, Any]:
        """What the network has to know of the data, in plain values.

        ``attributes``: their names; with ``images_per_identity`` also ``num_identities``, the
        people that train.
        """
        facts: dict[str, Any] = {"attributes": list(self.chosen or self.known_attributes())}
        if self.images_per_identity is not None:
            facts["num_identities"] = self.count_identities()
        return facts

    @abstractmethod
    def known_attributes(self) -> Sequence[str]:
        """The names of all attributes, known before the data set is read."""

    @abstractmethod
    def read_faces(self) -> Faces:
        """Read all faces of the data set.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a list or a choice that cannot be used.
        """

    def count_identities(self) -> int:
        """How many people train."""
        return num_training_identities(self.all_faces)

    @cached_property
    def all_faces(self) -> Faces:
        """All faces with the chosen attributes; those who train are numbered from 0."""
        faces = renumber(self.read_faces())
        for group in set(self.groups) - set(faces.attributes):
            known = ", ".join(faces.attributes)
            raise InputError(f"data.groups: expected attributes among {known}, got {group}")
        return faces.with_attributes(self.chosen or self.known_attributes())

    def faces(self, part: Part) -> Faces:
        """The faces of a part; raises InputError where it has none."""
        faces = self.all_faces.part(part)
        if not len(faces):
            raise InputError(f"{self.all_faces.listed_in}: lists no image of the split {part}")
        return faces

    def setup(self, stage: str) -> None:
        """Read what is known of the faces, and the first images.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a list, an image or a choice that cannot be used.
        """
        if self.region == CANVASES:
            self._set_up_canvases(stage)
            return
        if stage == "fit":
            self.train_set = self.training_samples()
        if stage in ("fit", "validate"):
            self.val_set = self.evaluation_samples(self.validation_faces())
        if stage == "fit":  # what is missing is said before a training
            self.check(self.faces("test"))
        if stage == "test":
            self.test_set = self.evaluation_samples(self.faces("test"))

    def _set_up_canvases(self, stage: str) -> None:
        if stage == "fit":
            number = self.epoch_size or NUM_CANVASES
            self.train_set = CanvasSamples(partial(self.composer, "train"), number)
            self.check(self.faces("test"))
        if stage in ("fit", "validate"):
            self.val_set = CanvasSamples(partial(self.composer, "val"), NUM_FIXED)
        if stage == "test":
            self.test_set = CanvasSamples(partial(self.composer, "test"), NUM_FIXED)

    def composer(self, part: Part) -> Composer:
        """Return what composes images of a part's people and its photographs without any."""
        if self.size[0] != self.size[1]:
            raise InputError(f"expected data.size=[N, N] of canvases, got {list(self.size)}")
        layers = self.layers(part)
        if not layers.faces:
            raise InputError(
                f"{self.folder}: no face of the split {part} is clear and large enough"
            )
        return Composer(layers, self.photographs(part), self.size[0])

    def layers(self, part: Part) -> Layers:
        """Return the people of a part, to be pasted: whole images in the data set's own framing."""
        faces = self.faces(part)
        return Layers(FramedFaces(faces, typical_framing(self.faces("val"))), [], [])

    def photographs(self, part: Part) -> list[NDArray[np.uint8]]:
        """Return photographs without anyone, (H, W, 3): the folder's, or synthetic_people's."""
        if self.backgrounds is not None:
            return [read_picture(path) for path in background_paths(self.backgrounds, part)]
        backgrounds = Backgrounds(split=part)
        return [backgrounds.whole(index) for index in range(len(backgrounds))]

    def training_faces(self) -> Faces:
        """Those that train: without the held out ones where people are to be told apart."""
        faces = self.faces("train")
        if self.images_per_identity is not None:
            faces = faces.take(~held_out(faces.identities) & (faces.identities != NOBODY))
            if not len(faces):
                raise InputError(
                    f"{self.folder}: no person of a training image is known, whom "
                    "data.images_per_identity needs: add the list of identities, or choose "
                    "module=anet or module=lnet, which learn attributes alone"
                )
        if self.num_train is not None:
            if not 1 <= self.num_train <= len(faces):
                raise InputError(
                    f"expected data.num_train of 1 to {len(faces)}, got {self.num_train}"
                )
            rows = np.random.default_rng(0).permutation(len(faces))[: self.num_train]
            faces = faces.take(np.sort(rows))
        return faces

    def validation_faces(self) -> Faces:
        """Those that choose the best checkpoint."""
        if self.images_per_identity is None:
            return self.faces("val")
        faces = self.faces("train")
        return faces.take(held_out(faces.identities))

    def check(self, faces: Faces) -> None:
        """See that every image is there, unless faults are skipped; raises as `Faces.check`."""
        if not self.skips_faults:
            faces.check()

    def training_samples(self) -> TrainingSamples:
        """Return the augmented samples of the training split; `InputError` without any label."""
        faces = self.training_faces()
        if self.images_per_identity is None and not faces.labels.any():
            raise InputError(f"{faces.listed_in}: no attribute of an image to train on is known")
        self.check(faces)
        if len(faces) < self.batch_size and self.epoch_size is None:
            raise InputError(
                f"{self.folder}: {len(faces)} images to train on, below "
                f"data.batch_size={self.batch_size}: lower it, or set data.epoch_size"
            )
        augmentation = Augmentation(size=self.size, scale=self.scale, jitter=self.jitter)
        return TrainingSamples(faces, self.regions(faces), augmentation)

    def evaluation_samples(self, faces: Faces) -> EvaluationSamples:
        """Samples of some faces, of any part, without augmentation."""
        self.check(faces)
        return EvaluationSamples(faces, self.regions(faces), self.eval_size)

    def show_found(self, find: Find, finder: str) -> None:
        """Let all samples show what networks find, where ``region`` says so: `found_boxes`."""
        for samples in (getattr(self, name, None) for name in ("train_set", "val_set", "test_set")):
            if samples is not None and self.region in FOUND:
                boxes, path = found_boxes(samples.faces, find, finder, self.cache / "found")
                samples.regions = Regions("box", self.context, boxes, path)

    def whole_samples(self, part: Part, size: Size) -> EvaluationSamples:
        """Whole images of a part, whatever ``region`` says."""
        return EvaluationSamples(self.faces(part), Regions("whole"), size)

    def background_samples(
        self, part: Part, size: Size | None = None
    ) -> BackgroundSamples | BesideFaces:
        """Background images: a first half for ``train`` and ``val``, the other for ``test``.

        Where no folder of them is named, what lies beside the faces of the part stands in for them.

        Args:
            part: part which of them.
            size: size of the samples; None is that of validation and test.

        Raises:
            FileNotFoundError: their folder is not there.
            InputError: the folder holds fewer than two images; or none is named, and no image has
                room beside its face.
        """
        if self.backgrounds is None:
            beside = BesideFaces(self.faces(part), size or self.eval_size)
            if not len(beside):
                raise InputError(
                    "images without faces are needed: name their folder, data.backgrounds=DIR"
                )
            return beside
        return BackgroundSamples(background_paths(self.backgrounds, part), size or self.eval_size)

    def positive_rates(self) -> Tensor:
        """(A,) in [0, 1]: how frequent each attribute is in validation, NaN where never known."""
        labels = torch.from_numpy(self.validation_faces().labels)
        return (labels > 0).sum(0) / (labels != 0).sum(0)

    def typical_boxes(self, number: int, size: Size) -> Tensor:
        """(N, 4), the known boxes of first faces, in pixels of whole images of a size."""
        samples = self.whole_samples("val", size)
        boxes = torch.stack([samples[i]["box"] for i in range(min(number, len(samples)))])
        return boxes[boxes.isfinite().all(1)]

    def regions(self, faces: Faces) -> Regions:
        """Return the regions that samples show of some faces."""
        if self.region == "whole":
            return Regions("whole")
        if self.region == "box":
            return Regions("box", self.context)
        if self.region in FOUND:
            return Regions("found", self.context)
        if self.region == "landmarks":
            return Regions("box", self.context, boxes_of_landmarks(faces))
        path = Path(self.region)
        return Regions("box", self.context, read_boxes(path, faces.names), path)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training batches, of whole identities where ``images_per_identity`` is set."""
        if self.images_per_identity is None:
            return super().train_dataloader()
        identities = self.train_set.faces.identities
        return self.identity_loader(identities, self.images_per_identity, self.folder)

    @property
    def cache(self) -> Path:
        """Where what is known of the faces is kept packed."""
        return self.root / "face-attributes" / "cache"
