"""Garments of synthetic people of which few are labelled: what is learnt where labels are dear."""

from dataclasses import replace
from typing import Any

import numpy as np

from fashion.data.datamodule import PeopleData
from fashion.data.garments import Garments
from fashion.data.labels import Labels
from fashion.data.taxonomy import UNKNOWN


class FewLabels(PeopleData):
    """Trains on all garments, and tells the category and the attributes of some of them.

    Items, boxes and landmarks are known of all; which ones are labelled follows from no seed.

    Args:
        num_labelled: images whose labels are told, spread over all.
        common: the arguments of `PeopleData`.
    """

    def __init__(self, *, num_labelled: int, **common: Any) -> None:
        super().__init__(**common)
        self.num_labelled = num_labelled

    def training_garments(self) -> Garments:
        garments = super().training_garments()
        is_told = np.random.default_rng(0).permutation(len(garments)) < self.num_labelled
        labels = np.where(is_told[:, None], garments.labels[:], np.int8(0))
        categories = np.where(is_told, garments.columns.categories, np.int16(UNKNOWN))
        return replace(garments.changed(categories=categories), labels=Labels.of(labels))
