"""The garments of a video, when they are seen, and what an index has that is like them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from fashion.garment import Recogniser
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.page import timeline_page
from fashion.retrieval.spotted import Spotted
from fashion.retrieval.tracking import Track, Tracker
from fashion.retrieval.writing import describe
from vision_shared.inputs import new_file
from vision_shared.progress import show_progress
from vision_shared.video.animation import AnimationReader, open_video
from vision_shared.video.annotation import upright
from vision_shared.video.reader import VideoReader

MIN_SIGHTINGS = 2
"""A garment that is seen in fewer frames is taken for a mistake of the detector."""


class Spotter:
    """Finds garments in videos and looks them up.

    Args:
        index: index that is searched.
        recogniser: the network that made it.
        top: number of similar garments that each gets.
        per_second: frames looked at in a second of video.
    """

    def __init__(
        self, index: GarmentIndex, recogniser: Recogniser, top: int, per_second: float
    ) -> None:
        self._index, self._recogniser = index, recogniser
        self._top, self._per_second = top, per_second

    def spot(self, reader: VideoReader | AnimationReader) -> Iterator[tuple[float, list[Spotted]]]:
        """Yield each frame's time, and the garments that have ended; the last time twice.

        Memory grows with the number of garments, if they are kept, not with the frames.
        """
        tracker, time, next_look = Tracker(), Fraction(0), Fraction(0)
        for frame, time in reader.frames():
            ended: list[Track] = []
            if time >= next_look:
                image = upright(frame)
                ended = tracker.see(float(time), self._recogniser(image), image)
                next_look = time + 1 / Fraction(self._per_second)
            yield float(time), self._spotted(ended)
        yield float(time), self._spotted(tracker.finish())

    def _spotted(self, tracks: list[Track]) -> list[Spotted]:
        return [self._look_up(t) for t in tracks if t.sightings >= MIN_SIGHTINGS]

    def _look_up(self, track: Track) -> Spotted:
        hits = self._index.nearest(track.embedding[None], self._top)[0]
        facts = {
            "number": track.number,
            "first": round(track.first, 3),
            "last": round(track.last, 3),
            "sightings": track.sightings,
            "best_time": round(track.best_time, 3),
            **describe(track.best),
            "category": track.category,
            "hits": self._index.describe(hits),
        }
        return Spotted(facts, track.thumbnail, self._index.thumbnails(hits))


def spot_video(
    video: Path, spotter: Spotter, name: Path, *, overwrite: bool
) -> tuple[dict[str, Any], str | None]:
    """Write a video's NAME_timeline.json and NAME_spots.html, or neither.

    Args:
        video: the file.
        spotter: looks at it.
        name: name of both, without what each one's own name ends in.
        overwrite: whether to replace files of those names.

    Returns:
        What the timeline holds, and one line about what of the video could not be decoded, or None.

    Raises:
        InputError: the video cannot be read, or an output may not be written.
    """
    spotted: list[Spotted] = []
    with ExitStack() as stack:
        lines, page = (
            stack.enter_context(new_file(name.with_name(f"{name.name}{end}"), overwrite=overwrite))
            for end in ("_timeline.json", "_spots.html")
        )
        reader = stack.enter_context(open_video(video))
        advance = stack.enter_context(show_progress(video.name, reader.num_frames, "frames"))
        seconds = 0.0
        for time, ended in spotter.spot(reader):
            seconds = time
            spotted += ended
            advance()
        spotted.sort(key=lambda garment: garment.facts["number"])
        timeline = {
            "video": str(video),
            "seconds": round(seconds, 3),
            "damage": reader.damage,
            "garments": [garment.facts for garment in spotted],
        }
        lines.write_text(json.dumps(timeline, indent=2) + "\n")
        page.write_text(timeline_page(timeline, spotted, name.parent), encoding="utf-8")
    return timeline, reader.damage
