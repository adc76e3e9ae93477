"""Samples of composed images: no two of a training are alike.

Each holds `image` float32 RGB (3, S, S) in [0, 1]; `face`, 1 or 0, and `attributes` int8 (A,), 1 or
-1, the tags of the whole image; and `squares` float32 (3, 3), centre x, y and side of its faces in
pixels, NaN where there are fewer, for objectives that are shown boxes.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from face_attributes.data.canvases import CROWD, Canvas, Composer
from face_attributes.data.samples import to_tensor


class CanvasSamples(Dataset[dict[str, Any]]):
    """Canvases, every second one with a face: for training by the (index, seed) pairs of a sampler,
    for validation and test by indices, the same each time.

    Args:
        make: function that returns the composer; people are cut out when the first sample is asked
            for.
        number: number of samples in an epoch.
    """

    def __init__(self, make: Callable[[], Composer], number: int) -> None:
        self._make = make
        self.number = number

    @cached_property
    def composer(self) -> Composer:
        """The composer of the images; made when it is first needed."""
        return self._make()

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int | tuple[int, int]) -> dict[str, Any]:
        number, *seed = [index] if isinstance(index, int) else index
        rng = np.random.default_rng(seed or [1, number])
        return make_sample(self.composer(rng, has_face=number % 2 == 0), number)


def make_sample(canvas: Canvas, index: int) -> dict[str, Any]:
    """Return a sample of a canvas: image (3, S, S), squares (N, 3), attributes (A,)."""
    squares = np.full((len(CROWD), 3), np.nan, np.float32)
    squares[: len(canvas.squares)] = canvas.squares
    return {
        "image": to_tensor(canvas.image),
        "face": np.float32(len(canvas.squares) > 0),
        "attributes": torch.from_numpy(np.where(canvas.attributes, 1, -1).astype(np.int8)),
        "squares": torch.from_numpy(squares),
        "index": index,
    }
