"""Animated images (GIF, WebP, APNG, AVIF), read as videos are."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray
from PIL import Image

from vision_shared.images import DAMAGED, READABLE, one_line, open_image
from vision_shared.inputs import VIDEO_SUFFIXES, InputError, check_input
from vision_shared.video.colour import from_image, is_alpha
from vision_shared.video.extras import Extras
from vision_shared.video.reader import TimedFrame, VideoReader

_ANIMATED = frozenset({"AVIF", "GIF", "PNG", "WEBP"})  # not MPO: those are views of one scene
_SHORTEST = 20  # milliseconds; players show what is to be shorter, as 0 is, for 100
_USUAL = 100


FormatOf = Callable[[bool], str]
"""Takes whether there is transparency; returns the name of a pixel format."""


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name, or an image that moves."""
    suffix = path.suffix.lower()
    return suffix in VIDEO_SUFFIXES or (suffix in READABLE and is_animation(path))


def is_image(path: Path) -> bool:
    """Whether a file is an image that does not move, by its name, or by its content without one."""
    suffix = path.suffix.lower()
    if suffix in READABLE:
        return not is_animation(path)
    return suffix not in VIDEO_SUFFIXES and path.is_file() and _num_frames(path) == 1


def is_animation(path: Path) -> bool:
    """Whether a file is an image of several frames; false where it cannot be read."""
    return _num_frames(path) > 1


def _num_frames(path: Path) -> int:
    """Count the frames of an image; 0 where it is none that can be read."""
    try:
        with open_image(path) as image:
            return _count_frames(image) if image.format in _ANIMATED else 1
    except (*DAMAGED, Image.DecompressionBombError):
        return 0


def _count_frames(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except DAMAGED:
        return 2  # damaged beyond the first, as whoever reads them finds


def open_video(
    path: Path, format_of: FormatOf | None = lambda has_alpha: "yuv420p"
) -> "VideoReader | AnimationReader":
    """Open a video, or an animated image.

    Args:
        path: the file.
        format_of: chooses the pixel format of an animated image's frames: see `AnimationReader`.

    Raises:
        InputError: as `VideoReader`.
    """
    check_input(path, "video")
    return AnimationReader(path, format_of) if is_animation(path) else VideoReader(path)


def lost_transparency(path: Path, has_alpha: bool, pixel_format: str | None) -> list[str]:
    """Return a line for the user, if images have transparency that their frames' format lacks."""
    if not has_alpha or pixel_format is None or is_alpha(av.VideoFormat(pixel_format)):
        return []
    return [f"{path}: what is transparent becomes black; .mov and .mkv can be transparent"]


class AnimationReader:
    """An animated image, one frame at a time; it offers what `VideoReader` does.

    Frames keep the durations that the file states, as browsers read them: one below 20 ms is taken
    for 100 ms.

    Args:
        path: the file.
        format_of: chooses the frames' pixel format, given whether one is transparent anywhere;
            None is ``rgb24``, or ``rgba`` where one is.

    Raises:
        InputError: it cannot be read, or not to its end.
    """

    def __init__(self, path: Path, format_of: FormatOf | None = None) -> None:
        self.path = path
        self.aspect: Fraction | None = None
        self.audio: list[AudioStream] = []
        self.extras = Extras()
        self.origin = Fraction(0)
        self.damage: str | None = None
        self._has_alpha = False
        self._times = [Fraction(0)]
        for image in self._images():
            self._has_alpha |= _is_transparent(image)
            duration = int(image.info.get("duration") or 0)
            shown = duration if duration >= _SHORTEST else _USUAL
            self._times.append(self._times[-1] + Fraction(shown, 1000))
        self._pixel_format = None if format_of is None else format_of(self._has_alpha)
        self.notices = lost_transparency(path, self._has_alpha, self._pixel_format)
        self.num_frames, self.duration = len(self._times) - 1, self._times[-1]
        steps = [round(1000 * (b - a)) for a, b in zip(self._times, self._times[1:], strict=False)]
        self.tick = Fraction(gcd(*steps), 1000)
        self.rate = Fraction(1000, sorted(steps)[len(steps) // 2])
        self.first = self._frame(next(self._images()))

    def frames(self, on_packet: Callable[[av.Packet], None] | None = None) -> Iterator[TimedFrame]:
        """Yield the frames in order; ``on_packet`` is never called."""
        del on_packet
        for time, image in zip(self._times, self._images(), strict=False):
            yield TimedFrame(self._frame(image), time)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _images(self) -> Iterator[Image.Image]:
        try:
            with open_image(self.path) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    image.load()
                    yield image
        except InputError:
            raise
        except (*DAMAGED, Image.DecompressionBombError) as error:
            raise InputError(f"{self.path}: a damaged animation ({one_line(error)})") from error

    def _frame(self, image: Image.Image) -> av.VideoFrame:
        levels = np.array(image.convert("RGBA" if self._has_alpha else "RGB"))
        if self._pixel_format is None:
            return av.VideoFrame.from_ndarray(levels, "rgba" if self._has_alpha else "rgb24")
        return from_image(levels, self._pixel_format)


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    alpha: NDArray[np.uint8] = np.asarray(image.convert("RGBA"))[..., 3]
    return bool((alpha < 255).any())
