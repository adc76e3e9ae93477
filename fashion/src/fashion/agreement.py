"""One answer about a garment: its type has the category and the landmarks that are told."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fashion.data.taxonomy import ABSENT, SLOTS, SLOTS_OF_TYPE, UNKNOWN


def of_type(logits: Tensor, category_types: Sequence[int], kind: int) -> Tensor:
    """Return logits of categories, -inf where one is known to be of another type.

    Args:
        logits: (C,).
        category_types: C types, or UNKNOWN; empty where nothing is known.
        kind: kind of the garment, or UNKNOWN.

    Returns:
        (C,); as they were where no category would be left.
    """
    types = torch.tensor(list(category_types) or [UNKNOWN] * len(logits), device=logits.device)
    is_other = (types != kind) & (types != UNKNOWN)
    if kind == UNKNOWN or bool(is_other.all()):
        return logits
    return logits.masked_fill(is_other, -torch.inf)


def states_of_type(states: NDArray[np.integer], kind: int) -> NDArray[np.int64]:
    """Return states (8,) of landmarks, ABSENT of those that garments of the type lack."""
    has = np.ones(len(SLOTS), bool) if kind == UNKNOWN else np.isin(range(8), SLOTS_OF_TYPE[kind])
    return np.where(has, states, ABSENT).astype(np.int64)
