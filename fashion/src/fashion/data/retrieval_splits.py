"""Who is looked for and among what: items to train on, queries and galleries to evaluate with."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fashion.data.garments import Garments
from fashion.data.taxonomy import CONSUMER, GALLERY, QUERY, SPLITS, UNKNOWN

TRAIN, VAL = SPLITS.index("train"), SPLITS.index("val")
HELD_OUT = 20
"""Every so many-th item of training validates, where a data set has no such split."""


def with_validation(garments: Garments) -> Garments:
    """Hold out whole items of training where a data set has no split ``val``."""
    columns = garments.columns
    trains = (columns.splits == TRAIN) & (columns.items != UNKNOWN)
    if (columns.splits == VAL).any() or not trains.any():
        return garments
    items = np.unique(columns.items[trains])
    if len(items) == 1:  # none would be left to train
        return garments
    chosen = items[np.random.default_rng(0).permutation(len(items)) % HELD_OUT == 0]
    splits = columns.splits.copy()
    splits[trains & np.isin(columns.items, chosen)] = VAL
    return garments.changed(splits=splits)


def renumbered(garments: Garments) -> Garments:
    """Number the items without gaps: those that train from 0, then the others."""
    columns = garments.columns
    known = columns.items != UNKNOWN
    items, numbers = np.unique(columns.items[known], return_inverse=True)
    first = np.full(len(items), len(SPLITS), np.int8)
    np.minimum.at(first, numbers, columns.splits[known])
    place = np.empty(len(items), np.int32)
    place[np.argsort(first, kind="stable")] = np.arange(len(items))
    out = columns.items.copy()
    out[known] = place[numbers]
    return garments.changed(items=out)


def with_roles(garments: Garments) -> Garments:
    """Give images of known items a role in validation and test where the data set gives none.

    Consumers' images are queries and shops' the gallery. Of an item without consumers the first
    image is the query. A query that no image of a gallery answers loses its role.
    """
    columns = garments.columns
    roles = columns.roles.copy()
    for split in range(len(SPLITS)):
        is_open = (columns.splits == split) & (roles == UNKNOWN) & (columns.items != UNKNOWN)
        if split != TRAIN:
            rows = np.flatnonzero(is_open)
            roles[rows] = _roles(columns.items[rows], columns.domains[rows])
    answered = np.isin(columns.items, columns.items[roles == GALLERY])
    roles[(roles == QUERY) & ~answered] = UNKNOWN
    return garments.changed(roles=roles)


def with_shared_gallery(garments: Garments) -> NDArray[np.bool_]:
    """Rows of the test of Consumer-to-shop: its gallery is that of ``val`` and ``test``."""
    columns = garments.columns
    return (columns.splits == SPLITS.index("test")) | (columns.roles == GALLERY)


def num_training_items(garments: Garments) -> int:
    """Return the number of items that train."""
    items = garments.columns.items[garments.columns.splits == TRAIN]
    return len(np.unique(items[items != UNKNOWN]))


def with_attributes(garments: Garments, names: tuple[str, ...]) -> Garments:
    """The garments with these attributes, in this order; raises ValueError for an unknown one."""
    words = garments.vocabulary
    columns = [words.attributes.index(name) for name in names]
    types = tuple(words.attribute_types[column] for column in columns if words.attribute_types)
    vocabulary = replace(words, attributes=names, attribute_types=types)
    return replace(garments, labels=garments.labels.columns(columns), vocabulary=vocabulary)


def _roles(items: NDArray[np.integer], domains: NDArray[np.integer]) -> NDArray[np.int8]:
    has_consumer = np.isin(items, items[domains == CONSUMER])
    is_first = np.zeros(len(items), bool)
    is_first[np.unique(items, return_index=True)[1]] = True
    is_query = np.where(has_consumer, domains == CONSUMER, is_first)
    return np.where(is_query, QUERY, GALLERY).astype(np.int8)
