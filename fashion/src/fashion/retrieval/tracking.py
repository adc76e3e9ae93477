"""Following garments through a video: the same place or nearly, and the same looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fashion.garment import Box, Garment, Picture
from fashion.retrieval.thumbnails import crop_box

MIN_LIKENESS = 0.75
"""Cosine, with the mean looks of a track, below which a garment is another one wherever it is: of
the default network's pairs on rendered street images, 98 % of one garment a little moved are
above it, and 5 % of two garments of a type."""

MIN_AFFINITY = 0.45
"""Mean of place and cosine below which a garment begins a track of its own."""

PATIENCE = 2.0
"""Seconds without a sighting after which a track has ended; as long may it be hidden."""

MEMORY = 0.5
"""Share of the speed that a new sighting leaves of the old one."""


@dataclass
class Track:
    """A garment over time.

    Attributes:
        number: number of the track in its video, from 1.
        first: when it is first seen, seconds.
        last: when it is last seen.
        sightings: number of sightings.
        box: last box, pixels.
        speed: (4,), of the box's sides, pixels a second; 0 until it has been seen twice.
        total: (D,), the sum of its embeddings.
        best: its sighting of the highest score.
        best_time: best time, seconds.
        thumbnail: thumbnail of that, small.
        categories: number of sightings of each category.
    """

    number: int
    first: float
    last: float
    box: Box
    total: NDArray[np.float64]
    best: Garment
    best_time: float
    thumbnail: Picture
    sightings: int = 1
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    categories: Counter[str] = field(default_factory=Counter)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(D,), its mean looks, of length 1."""
        return (self.total / np.linalg.norm(self.total)).astype(np.float32)

    @property
    def category(self) -> str:
        """What it was taken for most often."""
        return self.categories.most_common(1)[0][0]

    def expected(self, time: float) -> Box:
        """Return where it should be, if it has gone on as before."""
        moved = np.array(self.box) + self.speed * (time - self.last)
        left, top, right, bottom = moved.tolist()
        return (left, top, max(right, left + 1), max(bottom, top + 1))

    def affinity(self, time: float, garment: Garment) -> float:
        """Return how likely a garment is this one, in [-1, 1]; -1 if it cannot be.

        It is the mean of the cosine and of the overlap with where the track should be: of boxes
        that are the larger, the longer it has not been seen.
        """
        likeness = float(self.embedding @ garment.embedding)
        if self.best.type != garment.type or likeness < MIN_LIKENESS:
            return -1.0
        factor = 1 + (time - self.last) / PATIENCE
        place = overlap(*(_enlarged(box, factor) for box in (self.expected(time), garment.box)))
        return (likeness + place) / 2

    def add(self, time: float, garment: Garment, image: Picture) -> None:
        """Add a sighting."""
        if time > self.last:
            speed = (np.array(garment.box) - np.array(self.box)) / (time - self.last)
            kept = MEMORY if self.sightings > 1 else 0.0
            self.speed = kept * self.speed + (1 - kept) * speed
        self.last, self.box = time, garment.box
        self.total += garment.embedding
        self.sightings += 1
        self.categories[garment.category] += 1
        if garment.score > self.best.score:
            self.best, self.best_time = garment, time
            self.thumbnail = crop_box(image, garment.box)


class Tracker:
    """Gathers the garments of frames, in order of time, into tracks."""

    def __init__(self) -> None:
        self._running: list[Track] = []
        self._number = 0

    def see(self, time: float, garments: Sequence[Garment], image: Picture) -> list[Track]:
        """Add a frame's garments; return the tracks that have ended before it."""
        ended = [track for track in self._running if time - track.last > PATIENCE]
        self._running = [track for track in self._running if time - track.last <= PATIENCE]
        for track, garment in self._match(time, garments):
            if track is None:
                self._running.append(self._begin(time, garment, image))
            else:
                track.add(time, garment, image)
        return ended

    def finish(self) -> list[Track]:
        """Return the tracks that are still running: the video has ended."""
        ended, self._running = self._running, []
        return ended

    def _match(
        self, time: float, garments: Sequence[Garment]
    ) -> list[tuple[Track | None, Garment]]:
        """Pair garments with tracks so that all affinities together are most; None begins one.

        The best pair first would give a garment away that only another track can have.
        """
        affinities = np.array(
            [[track.affinity(time, garment) for garment in garments] for track in self._running]
        ).reshape(len(self._running), len(garments))
        gains = np.maximum(affinities - MIN_AFFINITY, 0)
        of_garment = {
            int(g): self._running[t]
            for t, g in zip(*linear_sum_assignment(gains, maximize=True), strict=True)
            if affinities[t, g] >= MIN_AFFINITY
        }
        return [(of_garment.get(g), garment) for g, garment in enumerate(garments)]

    def _begin(self, time: float, garment: Garment, image: Picture) -> Track:
        self._number += 1
        total = garment.embedding.astype(np.float64)
        thumbnail = crop_box(image, garment.box)
        track = Track(self._number, time, time, garment.box, total, garment, time, thumbnail)
        track.categories[garment.category] += 1
        return track


def _enlarged(box: Box, factor: float) -> Box:
    """Return a box that is so many times as wide and high, around the same centre."""
    (left, top, right, bottom), grown = box, (factor - 1) / 2
    width, height = (right - left) * grown, (bottom - top) * grown
    return (left - width, top - height, right + width, bottom + height)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)
