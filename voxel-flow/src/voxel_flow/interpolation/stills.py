"""Single images in, as if they were a video; numbered images and animations out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from PIL import Image

from vision_shared.images import read_image
from vision_shared.inputs import InputError, new_file, new_folder
from vision_shared.video.colour import from_image
from vision_shared.video.extras import Extras
from vision_shared.video.reader import TimedFrame

FASTEST_GIF = 50  # frames per second; players slow down what is faster


class ImageSequence:
    """Images of one size, read one by one as the frames of a video with a given rate.

    The first is read on opening. It offers what `vision_shared.video.reader.VideoReader` does.

    Args:
        paths: in order; see `vision_shared.images.read_image` for what can be read.
        rate: images per second.
        for_video: give frames the pixel format that every player shows, ``yuv420p``; else they are
            RGB as read.

    Raises:
        InputError: fewer than two images, or the first cannot be read.
    """

    def __init__(self, paths: Sequence[Path], rate: Fraction, *, for_video: bool = False) -> None:
        if len(paths) < 2:
            raise InputError(f"{paths[0]}: expected two images or more, got one")
        self.path, self._paths = paths[0], paths
        self.rate, self.tick = rate, 1 / rate
        self.num_frames, self.duration = len(paths), len(paths) / rate
        self.aspect: Fraction | None = None
        self.audio: list[AudioStream] = []
        self.extras = Extras()
        self.origin = Fraction(0)
        self.damage: str | None = None
        self.notices: list[str] = []
        first = read_image(paths[0])
        self._size = first.shape
        self._format = "yuv420p" if for_video else None
        self.first = self._frame(first)

    def frames(self, on_audio: Callable[[av.Packet], None] | None = None) -> Iterator[TimedFrame]:
        """Yield the images in order; ``on_audio`` is never called.

        Raises:
            InputError: one that cannot be read, or of another size than the first.
        """
        del on_audio
        for index, path in enumerate(self._paths):
            image = read_image(path)
            if image.shape != self._size:
                (height, width), (h, w) = self._size[:2], image.shape[:2]
                raise InputError(
                    f"{path}: is {w}x{h}, but {self.path} is {width}x{height}; "
                    "images of a sequence have one size"
                )
            yield TimedFrame(self._frame(image), index / self.rate)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def _frame(self, image: np.ndarray) -> av.VideoFrame:
        if self._format is None:
            return av.VideoFrame.from_ndarray(image, "rgb24")
        return from_image(image, self._format)


def write_images(folder: Path, pictures: Iterable[np.ndarray], *, overwrite: bool = False) -> None:
    """Write ``00001.png`` and so on into a new folder, whole or not at all.

    Raises:
        InputError: as `vision_shared.inputs.new_folder`.
    """
    with new_folder(folder, overwrite=overwrite) as temporary:
        for number, picture in enumerate(pictures, 1):
            Image.fromarray(picture).save(temporary / f"{number:05d}.png")


def write_animation(
    path: Path, pictures: Iterable[np.ndarray], rate: Fraction, *, overwrite: bool = False
) -> None:
    """Write a GIF or WebP that plays for ever, whole or not at all; all pictures are held.

    Formats count whole 1/100 (GIF) or 1/1000 seconds: durations alternate so that none adds up.

    Args:
        path: ends in ``.gif`` or ``.webp``. WebP is written at quality 90.
        pictures: (H, W, 3) uint8 RGB, of one size.
        rate: pictures per second.
        overwrite: replace a file of that name.

    Raises:
        InputError: the file exists, or the rate is beyond what the format can say.
    """
    check_animation_rate(path, rate)
    unit = 10 if path.suffix.lower() == ".gif" else 1  # milliseconds
    with new_file(path, overwrite=overwrite) as temporary:
        images = [Image.fromarray(picture) for picture in pictures]
        ends = [round(k * 1000 / rate / unit) * unit for k in range(len(images) + 1)]
        durations = [end - start for start, end in pairwise(ends)]
        images[0].save(
            temporary,
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            quality=90,
        )


def check_animation_rate(path: Path, rate: Fraction) -> None:
    """Raise `InputError` for a rate at which players do not play the format of ``path``."""
    if path.suffix.lower() == ".gif" and rate > FASTEST_GIF:
        raise InputError(
            f"{path}: a GIF plays {FASTEST_GIF} frames/s at most, got {float(rate):g}; use .webp "
            "or a lower --fps"
        )
