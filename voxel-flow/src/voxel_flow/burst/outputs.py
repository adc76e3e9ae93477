"""What becomes of a burst: the best shot, a loop and a contact sheet."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Self

import av
import numpy as np
from av.audio.stream import AudioStream

from vision_shared.face_scores import FaceScorer
from vision_shared.images import write_image
from vision_shared.inputs import new_file
from vision_shared.video.colour import from_image
from vision_shared.video.extras import Extras
from vision_shared.video.reader import TimedFrame
from vision_shared.video.writer import VideoWriter
from voxel_flow.burst.loop import choose_loop, play
from voxel_flow.burst.reading import Burst, read_frame
from voxel_flow.burst.scores import best_of, score_frames
from voxel_flow.burst.sheet import draw_sheet
from voxel_flow.burst.stabilise import stabilise
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.interpolation.stills import write_animation

Image = np.ndarray  # uint8 RGB, (H, W, 3)


class Targets(NamedTuple):
    """The files that a burst becomes."""

    best: Path
    loop: Path
    sheet: Path

    @classmethod
    def of(cls, name: Path, best_suffix: str, loop_suffix: str) -> Self:
        """Return the files of a burst that is called ``name``."""
        ends = (f"_best{best_suffix}", f"_loop{loop_suffix}", "_sheet.png")
        return cls(*(name.with_name(name.name + end) for end in ends))


def write_burst(
    burst: Burst,
    targets: Targets,
    interpolator: FrameInterpolator,
    face_scorer: FaceScorer | None,
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Write all of a burst; return plain values about it, of which frames count from 1.

    Raises:
        InputError: a file exists and may not be replaced.
    """
    scores = score_frames(burst.images, face_scorer)
    best = best_of(scores)
    held = stabilise(burst.images, best)
    images = burst.images if held is None else held
    loop = choose_loop(images, burst.rate)
    rate = burst.rate * loop.times
    _write_best(targets.best, burst, best, overwrite=overwrite)
    frames = play(loop, images, burst.rate, interpolator)
    if targets.loop.suffix == ".mp4":
        _write_video(targets.loop, frames, images[0], rate, overwrite=overwrite)
    else:
        write_animation(targets.loop, frames, rate, overwrite=overwrite)
    write_image(targets.sheet, draw_sheet(burst.images, scores, best), overwrite=overwrite)
    return {
        "outputs": [str(path) for path in targets],
        "frames": len(burst.images),
        "left_out_frames": burst.num_left_out,
        "best": best + 1,
        "scores": [score.as_json() for score in scores],
        "is_stabilised": held is not None,
        "loop": [index + 1 for index in loop.order],
        "loop_frames": loop.num_frames,
        "loop_rate": str(rate),
        "closing": loop.closing,
        "goes_back": loop.goes_back,
    }


def _write_best(target: Path, burst: Burst, best: int, *, overwrite: bool) -> None:
    if len(burst.paths) == 1:
        image = read_frame(burst.paths[0], burst.first + best)
        write_image(target, image, overwrite=overwrite)
        return
    with new_file(target, overwrite=overwrite) as temporary:
        shutil.copyfile(burst.paths[burst.first + best], temporary)


@dataclass
class _Made:
    """Frames that come of no file, as a source of a `VideoWriter`."""

    first: av.VideoFrame
    aspect: Fraction | None = None
    audio: list[AudioStream] = field(default_factory=list)
    extras: Extras = field(default_factory=Extras)
    origin: Fraction = Fraction(0)


def _write_video(
    target: Path,
    frames: Iterable[tuple[Image, Fraction]],
    like: Image,
    rate: Fraction,
    *,
    overwrite: bool,
) -> None:
    source = _Made(_to_frame(like))
    with VideoWriter(target, source, rate=rate, tick=1 / rate, overwrite=overwrite) as writer:
        for image, time in frames:
            writer.write(TimedFrame(_to_frame(image), time))


def _to_frame(image: Image) -> av.VideoFrame:
    """Return an image as most players show it: with even sides."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    return from_image(np.ascontiguousarray(image[:height, :width]), "yuv420p")
