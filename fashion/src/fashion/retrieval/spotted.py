"""A garment that was found in a video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashion.garment import Picture


@dataclass(frozen=True)
class Spotted:
    """A garment of a video.

    Attributes:
        facts: plain values: ``number``, ``first`` and ``last`` seconds, ``sightings``,
            ``best_time``, its description at that time, and its ``hits``.
        thumbnail: thumbnail of its best sighting.
        hits: small images of the garments that it is like.
    """

    facts: dict[str, Any]
    thumbnail: Picture
    hits: list[Path]
