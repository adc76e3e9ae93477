"""Labels of -1, 0 and 1, two bits each: those of 289,222 images and 1000 attributes in 72 MB."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Rows = NDArray[np.integer] | NDArray[np.bool_] | slice | int


@dataclass(frozen=True)
class Labels:
    """A matrix of labels, packed.

    Attributes:
        positive: (N, ceil(A / 8)), a bit for each label that is 1.
        known: likewise for each that is not 0; (0, 0) if all are known.
        number: A.
    """

    positive: Bits
    known: Bits
    number: int

    @classmethod
    def of(cls, values: NDArray[np.integer]) -> "Labels":
        """Pack values (N, A)."""
        writer = LabelsWriter(*values.shape)
        writer.positive = np.packbits(values > 0, axis=1)
        writer.known = np.packbits(values != 0, axis=1)
        return writer.done()

    @classmethod
    def unknown(cls, num_rows: int, number: int = 0) -> "Labels":
        """Return labels of which none is known."""
        return LabelsWriter(num_rows, number).done()

    def __len__(self) -> int:
        return len(self.positive)

    def __getitem__(self, rows: Rows) -> NDArray[np.int8]:
        """Labels int8 (..., A) of some rows."""
        values = self._unpack(self.positive[rows]) * np.int8(2) - np.int8(1)
        return values * self._unpack(self.known[rows]) if self.known.size else values

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Labels":
        """Return the labels of some rows, in their order."""
        known = self.known[rows] if self.known.size else self.known
        return Labels(self.positive[rows], known, self.number)

    def columns(self, columns: Sequence[int]) -> "Labels":
        """The labels of some columns, in their order."""
        return Labels.of(self[:][:, list(columns)])

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many labels are 1, and how many are -1, by the column (A,)."""
        positive = np.zeros(self.number, np.int64)
        known = np.full(self.number, 0 if self.known.size else len(self), np.int64)
        for start in range(0, len(self), 4096):  # a part at a time: unpacked they are 8 times it
            rows = slice(start, start + 4096)
            positive += self._unpack(self.positive[rows]).sum(0, np.int64)
            if self.known.size:
                known += self._unpack(self.known[rows]).sum(0, np.int64)
        return positive, known - positive

    def _unpack(self, bits: Bits) -> NDArray[np.int8]:
        return np.unpackbits(bits, axis=-1, count=self.number).view(np.int8)


class LabelsWriter:
    """Packs labels row by row; rows that are not set are unknown."""

    def __init__(self, num_rows: int, number: int) -> None:
        self.number = number
        self.positive = np.zeros((num_rows, -(-number // 8)), np.uint8)
        self.known = np.zeros_like(self.positive)

    def set(self, row: int, labels: NDArray[np.integer]) -> None:
        """Set a row to labels (A,) of 1, -1 and 0 (unknown)."""
        self.positive[row] = np.packbits(labels > 0)
        self.known[row] = np.packbits(labels != 0)

    def done(self) -> Labels:
        """Return the labels; where all are known, that costs no memory."""
        every = np.packbits(np.ones(self.number, bool))
        known = np.zeros((0, 0), np.uint8) if (self.known == every).all() else self.known
        return Labels(self.positive, known, self.number)
