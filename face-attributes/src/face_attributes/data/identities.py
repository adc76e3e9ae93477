"""Who is in the images: numbers to classify, images to validate on."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.faces import NOBODY, Faces

HOLD_OUT_FROM = 3
"""Pictures of a person at least, for one to be held out."""


def renumber(faces: Faces) -> Faces:
    """Number the people without gaps: those who train from 0, then the others.

    So a number below `num_training_identities` is a class of a network that was trained on them.
    """
    known = faces.identities != NOBODY
    first_part = np.full(faces.identities.max(initial=0) + 1, np.iinfo(np.int8).max, np.int8)
    np.minimum.at(first_part, faces.identities[known], faces.parts[known])
    people = np.flatnonzero(first_part < np.iinfo(np.int8).max)
    order = people[np.argsort(first_part[people], kind="stable")]
    numbers = np.full(len(first_part), NOBODY, np.int32)
    numbers[order] = np.arange(len(order))
    identities = np.where(known, numbers[faces.identities], NOBODY).astype(np.int32)
    return replace(faces, identities=identities)


def num_training_identities(faces: Faces) -> int:
    """How many people are in the training images of a whole data set."""
    identities = faces.identities[faces.parts == 0]
    return len(np.unique(identities[identities != NOBODY]))


def held_out(identities: NDArray[np.integer]) -> NDArray[np.bool_]:
    """One image of everybody, the last, to validate the classification of training people.

    People with fewer than `HOLD_OUT_FROM` images keep them all.
    """
    people, last, counts = np.unique(identities[::-1], return_index=True, return_counts=True)
    rows = len(identities) - 1 - last
    chosen = np.zeros(len(identities), bool)
    chosen[rows[(counts >= HOLD_OUT_FROM) & (people != NOBODY)]] = True
    return chosen
