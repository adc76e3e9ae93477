"""Datamodules: synthetic people, DeepFashion's benchmarks, DeepFashion2, a folder of photos."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fashion.data.augment import Augmentation
from fashion.data.folder import TABLE
from fashion.data.garments import Garments, Split, Vocabulary
from fashion.data.people.garments import PEOPLE_ATTRIBUTES, PEOPLE_TYPES
from fashion.data.people.recipe import Recipe
from fashion.data.registry import BENCHMARKS, load_garments
from fashion.data.retrieval_splits import (
    num_training_items,
    renumbered,
    with_attributes,
    with_roles,
    with_shared_gallery,
    with_validation,
)
from fashion.data.samples import REGION_MODES, EvaluationSamples, RegionMode, TrainingSamples
from fashion.data.taxonomy import ATTRIBUTE_TYPES, CATEGORIES, SPLITS, TYPES, UNKNOWN
from vision_shared.datamodule import TaskData, checked_size
from vision_shared.images import READABLE
from vision_shared.inputs import InputError
from vision_shared.rendering import render_people


class FashionData(TaskData):
    """Loaders of garments; what batches hold stands in `fashion.data.samples`.

    Splits are train, val and test. Where a data set has items, those of val and test are not in
    train, and queries and galleries are told by ``role``: of In-shop and DeepFashion2, whose
    training has no val, every twentieth item is held out for it.

    Args:
        benchmark: one of `fashion.data.benchmarks.BENCHMARKS`.
        folder: folder of this data set.
        attributes: names of those to learn, in this order; `None` is all.
        region: region that samples show: ``whole`` images, or the ``box`` of the garment.
        context: factor that enlarges boxes around their centres.
        size: height and width of samples.
        scale: smallest and largest random factor of the region in training.
        shift: its largest random move in training, as a part of its size.
        jitter: largest relative change of brightness and contrast in training, in [0, 1).
        num_train: images that train, spread over all; `None` is all.
        images_per_item: K: training batches hold K images each of batch_size / K items; `None`
            for plain batches.
        backgrounds: folder of images without a garment, which a detector learns from, too.
        degrade: share of training samples that look as another camera's (`fashion.data.degrade`).
        tested: split that a test is of; ``val`` where settings are chosen.
        kind: the type of the only garments there are, ``upper``, ``lower`` or ``full``; `None` for
            all.
        common: the arguments of `vision_shared.datamodule.TaskData`.

    Raises:
        InputError: an unknown name, a size, or a batch that does not divide by K.
    """

    def __init__(
        self,
        *,
        benchmark: str,
        folder: str,
        attributes: Sequence[str] | None,
        region: RegionMode,
        context: float,
        size: Sequence[int],
        scale: Sequence[float],
        shift: float,
        jitter: float,
        num_train: int | None,
        images_per_item: int | None,
        backgrounds: str | None = None,
        degrade: float = 0.0,
        tested: Split = "test",
        kind: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        check_choice("data.benchmark", benchmark, BENCHMARKS)
        check_choice("data.region", region, REGION_MODES)
        self.check_identity_batches("data.images_per_item", images_per_item)
        self.benchmark = benchmark
        self.folder = Path(folder)
        self.chosen = None if attributes is None else tuple(attributes)
        self.region: RegionMode = region
        self.context = context
        self.size = checked_size("data.size", size)
        self.scale = (scale[0], scale[1])
        self.shift = shift
        self.jitter = jitter
        self.num_train = num_train
        self.images_per_item = images_per_item
        self.degrade = degrade
        check_choice("data.tested", tested, SPLITS)
        self.tested: Split = tested
        if kind is not None:
            check_choice("data.kind", kind, TYPES)
        self.kind = kind
        self.background_folder = None if backgrounds is None else Path(backgrounds)

    @property
    def facts(self) -> dict[str, Any]:
        """What the network has to know of the data, in plain values.

        ``categories`` and ``attributes``: names; ``attribute_types``: the number of each
        attribute's type, empty where there are none; ``type_names``: of these.
        """
        words = self.vocabulary()
        return {
            "categories": list(words.categories),
            "attributes": list(words.attributes),
            "attribute_types": list(words.attribute_types),
            "type_names": list(words.type_names),
        }

    def vocabulary(self) -> Vocabulary:
        """The names of categories and attributes; reads the data set.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a list or a choice that cannot be used.
        """
        return self.garments.vocabulary

    @cached_property
    def garments(self) -> Garments:
        """All garments, items that train numbered from 0; raises as `vocabulary`."""
        read = load_garments(self.benchmark, self.folder, self.cache)
        if self.kind is not None:
            read = read.take(read.columns.types == TYPES.index(self.kind))
        garments = with_roles(renumbered(with_validation(read)))
        if self.chosen is None:
            return garments
        for name in self.chosen:
            known = garments.vocabulary.attributes
            check_choice("data.attributes", name, known)
        return with_attributes(garments, self.chosen)

    def of_split(self, split: Split) -> Garments:
        """Return the garments of a split; Consumer-to-shop's ``test`` has the gallery of ``val``.

        Raises:
            InputError: there are none.
        """
        if split == "test" and self.benchmark == "consumer2shop":
            return self.garments.take(with_shared_gallery(self.garments))
        garments = self.garments.of_split(split)
        if split == "test" and self.benchmark == "folder" and not len(garments):
            return self.of_split("val")
        if not len(garments):
            raise InputError(f"{self.garments.listed_in}: no image of the split {split} in it")
        return garments

    def setup(self, stage: str) -> None:
        """Read what is known of the garments, and the first images.

        Raises:
            FileNotFoundError: the data is not there; says where to get it.
            InputError: a list, an image or a choice that cannot be used.
        """
        if stage == "fit":
            self.train_set = self.training_samples()
        if stage in ("fit", "validate"):
            self.val_set = self.evaluation_samples(self.of_split("val"))
        if stage == "fit":  # what is missing is said before a training
            self.check(self.of_split("test"))
        if stage == "test":
            self.test_set = self.evaluation_samples(self.of_split(self.tested))

    def training_garments(self) -> Garments:
        """Return the garments that train: ``num_train`` of them, whatever the seed, or all."""
        garments = self.of_split("train")
        if self.num_train is None:
            return garments
        if not 1 <= self.num_train <= len(garments):
            raise InputError(
                f"expected data.num_train of 1 to {len(garments)}, got {self.num_train}"
            )
        rows = np.random.default_rng(0).permutation(len(garments))[: self.num_train]
        return garments.take(np.sort(rows))

    def backgrounds(self) -> list[Path]:
        """Images without a garment, for a detector."""
        if self.background_folder is None:
            return []
        if not self.background_folder.is_dir():
            raise FileNotFoundError(f"{self.background_folder}: no such folder of backgrounds")
        return [
            path
            for path in sorted(self.background_folder.iterdir())
            if path.suffix.lower() in READABLE
        ]

    def check(self, garments: Garments) -> None:
        """See that every image is there, unless faults are skipped; raises as `Garments.check`."""
        if not self.skips_faults:
            garments.check()

    def training_samples(self) -> TrainingSamples:
        """Return augmented samples; raise `InputError` without labels, or for less than a batch."""
        garments = self.training_garments()
        self.check(garments)
        if not garments.is_labelled():
            raise InputError(
                f"{self.folder}: no item, category, attribute, landmark or box of an image to "
                f"train on is known: put the images of each item in a folder, or add {TABLE}"
            )
        if len(garments) < self.batch_size and self.epoch_size is None:
            raise InputError(
                f"{self.folder}: {len(garments)} images to train on, below "
                f"data.batch_size={self.batch_size}: lower it, or set data.epoch_size"
            )
        augmentation = Augmentation(
            size=self.size,
            scale=self.scale,
            shift=self.shift,
            jitter=self.jitter,
            degrade=self.degrade,
        )
        return TrainingSamples(garments, self.region, self.context, augmentation)

    def evaluation_samples(self, garments: Garments) -> EvaluationSamples:
        """Samples of some garments, of any split, without augmentation."""
        self.check(garments)
        return EvaluationSamples(garments, self.region, self.context, self.size)

    def attribute_counts(self) -> tuple[Tensor, Tensor]:
        """(A,), (A,): how many images that train have each attribute, and have it not."""
        positive, negative = self.training_garments().labels.counts()
        return torch.from_numpy(positive), torch.from_numpy(negative)

    def positive_rates(self) -> Tensor:
        """(A,) in [0, 1]: how frequent each attribute is in training, NaN where never known."""
        positive, negative = self.attribute_counts()
        return positive / (positive + negative)

    def category_types(self) -> list[int]:
        """Return the type that each category mostly is of in training, UNKNOWN where not known."""
        columns = self.training_garments().columns
        known = (columns.categories >= 0) & (columns.types >= 0)
        counts = np.zeros((len(self.vocabulary().categories), len(TYPES)), np.int64)
        np.add.at(counts, (columns.categories[known], columns.types[known]), 1)
        types = np.where(counts.any(1), counts.argmax(1), UNKNOWN)
        return types.tolist()

    @property
    def num_items(self) -> int:
        """How many items train; theirs are the numbers below it."""
        return num_training_items(self.garments)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches, of K images an item where ``images_per_item`` asks for it."""
        if self.images_per_item is None:
            return super().train_dataloader()
        items = self.train_set.garments.columns.items
        return self.identity_loader(items, self.images_per_item, self.folder)

    @property
    def cache(self) -> Path:
        """Where what is known of the garments is kept packed."""
        return self.root / "fashion" / "cache"


class PeopleData(FashionData):
    """Garments of synthetic people (`fashion.data.people.recipe`), rendered once into ``folder``.

    Which there are does not depend on the run's seed. All that four benchmarks know of an image is
    joined, and the other garments that it shows are rows of their own, without an item. In
    retrieval, images with a ``series`` are In-shop's, the others Consumer-to-shop's.

    Args:
        render: the arguments of `fashion.data.people.recipe.Recipe`.
        common: the arguments of `FashionData`; without ``benchmark`` and ``backgrounds``.
    """

    def __init__(self, *, render: Mapping[str, Any], **common: Any) -> None:
        backgrounds = str(Path(common["folder"]) / "backgrounds")
        super().__init__(benchmark="people", backgrounds=backgrounds, **common)
        self.recipe = Recipe(**render)

    def prepare_data(self) -> None:
        """Render the people if the folder does not hold them."""
        render_people(self.folder, self.recipe, self.root / "people")

    def vocabulary(self) -> Vocabulary:
        """The names of categories and attributes, known before anything is rendered."""
        for name in self.chosen or ():
            check_choice("data.attributes", name, PEOPLE_ATTRIBUTES)
        chosen = self.chosen or PEOPLE_ATTRIBUTES
        types = tuple(PEOPLE_TYPES[PEOPLE_ATTRIBUTES.index(name)] for name in chosen)
        return Vocabulary(CATEGORIES, chosen, types, ATTRIBUTE_TYPES)


def check_choice(key: str, choice: str, choices: Sequence[str]) -> None:
    """Raise `InputError` for a value of a config's key that is none of its choices."""
    if choice not in choices:
        raise InputError(f"expected {key} to be one of {', '.join(choices)}, got {choice!r}")
