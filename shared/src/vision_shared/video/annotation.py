"""Videos that a task draws from the frames of a video."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from vision_shared.progress import show_progress
from vision_shared.video.animation import open_video
from vision_shared.video.colour import from_rgb, to_rgb
from vision_shared.video.reader import TimedFrame
from vision_shared.video.writer import VideoWriter

Picture = NDArray[np.uint8]
Draw = Callable[[Picture, Fraction], Mapping[str, Picture]]
"""Takes a frame (H, W, 3) RGB and its time in seconds; returns images of its size, by name."""


class Annotated(NamedTuple):
    """What became of a video.

    Attributes:
        count: its frames.
        damage: one line about what of it could not be decoded, or None.
        notices: lines about what of it the first target could not keep, and what was done to it.
    """

    count: int
    damage: str | None
    notices: list[str]


def annotate_video(
    source: Path, targets: Mapping[str, Path], draw: Draw, *, overwrite: bool
) -> Annotated:
    """Write videos drawn from a video, streamed: memory does not grow with its length.

    Frames are drawn on as a player shows them, turned by the display matrix as those of telephones
    are. The first target keeps the audio, and what else the source has.

    Args:
        source: the video.
        targets: the videos to write, by the names that ``draw`` gives its images.
        draw: sees each frame once, in order.
        overwrite: whether to replace files of those names.

    Raises:
        InputError: the video cannot be read, or an output may not be written.
    """
    count = 0
    with ExitStack() as stack:
        reader = stack.enter_context(open_video(source))
        advance = stack.enter_context(show_progress(source.name, reader.num_frames, "frames"))
        writers = {
            name: stack.enter_context(
                VideoWriter(
                    path,
                    reader,
                    rate=reader.rate,
                    tick=reader.tick,
                    keeps_audio=number == 0,
                    keeps_extras=number == 0,
                    is_exact=False,  # what is drawn has 8 bits, and is there to be looked at
                    overwrite=overwrite,
                )
            )
            for number, (name, path) in enumerate(targets.items())
        }
        first = next(iter(writers.values()))
        for frame, time in reader.frames(first.write_packet):
            drawn = draw(upright(frame), time)
            for name, writer in writers.items():
                picture = np.ascontiguousarray(np.rot90(drawn[name], -_quarters(frame)))
                writer.write(TimedFrame(from_rgb(picture, frame), time))
            count += 1
            advance()
    return Annotated(count, reader.damage, [*reader.notices, *first.notices])


def upright(frame: av.VideoFrame) -> Picture:
    """Return a frame as a player shows it, (H, W, 3) RGB: telephones note how they were held."""
    return np.ascontiguousarray(np.rot90(to_rgb(frame), _quarters(frame)))


def _quarters(frame: av.VideoFrame) -> int:
    """How often a player turns a frame by 90 degrees counterclockwise."""
    return round(frame.rotation / 90)
