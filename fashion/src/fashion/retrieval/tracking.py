"""Following garments through a video: the same place or nearly, and the same looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fashion.garment import Box, Garment, Picture
from fashion.retrieval.thumbnails import cut_out

LEAST_LIKENESS = 0.75
"""Cosine, with the mean looks of a track, below which a garment is another one wherever it is: of
the default network's pairs on rendered street pictures, 98 % of one garment a little moved are
above it, and 5 % of two garments of a type."""

LEAST_AFFINITY = 0.45
"""Mean of IoU and cosine below which a garment begins a track of its own."""

PATIENCE = 1.5
"""Seconds without a sighting after which a track has ended."""


@dataclass
class Track:
    """A garment over time.

    Attributes:
        number: of the track in its video, from 1.
        first: when it is first seen, seconds.
        last: when it is last seen.
        sightings: how often.
        box: where it was last, pixels.
        total: (D,), the sum of its embeddings.
        best: its sighting of the highest score.
        best_time: of that, seconds.
        thumbnail: of that, small.
        categories: how often it was taken for each.
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
    categories: Counter[str] = field(default_factory=Counter)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(D,), its mean looks, of length 1."""
        return (self.total / np.linalg.norm(self.total)).astype(np.float32)

    @property
    def category(self) -> str:
        """What it was taken for most often."""
        return self.categories.most_common(1)[0][0]

    def add(self, time: float, garment: Garment, image: Picture) -> None:
        """Add a sighting."""
        self.last, self.box = time, garment.box
        self.total += garment.embedding
        self.sightings += 1
        self.categories[garment.category] += 1
        if garment.score > self.best.score:
            self.best, self.best_time = garment, time
            self.thumbnail = cut_out(image, garment.box)


class Tracker:
    """Gathers the garments of frames, in order of time, into tracks."""

    def __init__(self) -> None:
        self._running: list[Track] = []
        self._number = 0

    def see(self, time: float, garments: Sequence[Garment], image: Picture) -> list[Track]:
        """Add a frame's garments; return the tracks that have ended before it."""
        ended = [track for track in self._running if time - track.last > PATIENCE]
        self._running = [track for track in self._running if time - track.last <= PATIENCE]
        for track, garment in self._match(garments):
            if track is None:
                self._running.append(self._begin(time, garment, image))
            else:
                track.add(time, garment, image)
        return ended

    def finish(self) -> list[Track]:
        """Return the tracks that are still running: the video has ended."""
        ended, self._running = self._running, []
        return ended

    def _match(self, garments: Sequence[Garment]) -> list[tuple[Track | None, Garment]]:
        """Pair each garment with a track, the surest pairs first; None begins one."""
        pairs = []
        for t, track in enumerate(self._running):
            for g, garment in enumerate(garments):
                likeness = float(track.embedding @ garment.embedding)
                affinity = (likeness + overlap(track.box, garment.box)) / 2
                is_same_type = track.best.type == garment.type
                if is_same_type and likeness >= LEAST_LIKENESS and affinity >= LEAST_AFFINITY:
                    pairs.append((affinity, t, g))
        of_garment: dict[int, int] = {}
        for _, t, g in sorted(pairs, reverse=True):
            if g not in of_garment and t not in of_garment.values():
                of_garment[g] = t
        running = list(self._running)
        return [
            (running[of_garment[g]] if g in of_garment else None, garment)
            for g, garment in enumerate(garments)
        ]

    def _begin(self, time: float, garment: Garment, image: Picture) -> Track:
        self._number += 1
        total = garment.embedding.astype(np.float64)
        thumbnail = cut_out(image, garment.box)
        track = Track(self._number, time, time, garment.box, total, garment, time, thumbnail)
        track.categories[garment.category] += 1
        return track


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)
