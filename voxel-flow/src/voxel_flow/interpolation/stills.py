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
from vision_shared.video.animation import FormatOf, lost_transparency
from vision_shared.video.colour import from_image
from vision_shared.video.extras import Extras
from vision_shared.video.reader import TimedFrame

FASTEST_GIF = 50  # frames per second; players slow down what is faster


class ImageSequence:
    """Images of one size, read one by one as the frames of a video with a given rate.

    The first is read on opening. It offers what `vision_shared.video.reader.VideoReader` does.

    Args:
        paths: paths in order; see `vision_shared.images.read_image` for what can be read.
        rate: images per second.
        format_of: chooses the frames' pixel format, given whether the first image is transparent;
            None is RGB as read, or RGBA.

    Raises:
        InputError: fewer than two images, or the first cannot be read.
    """

    def __init__(
        self, paths: Sequence[Path], rate: Fraction, format_of: FormatOf | None = None
    ) -> None:
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
        first = read_image(paths[0], keeps_alpha=True)
        self._size, self._has_alpha = first.shape[:2], first.shape[2] == 4
        self._format = None if format_of is None else format_of(self._has_alpha)
        self.notices = lost_transparency(paths[0], self._has_alpha, self._format)
        self.first = self._frame(first)

    def frames(self, on_audio: Callable[[av.Packet], None] | None = None) -> Iterator[TimedFrame]:
        """Yield the images in order; ``on_audio`` is never called.

        Raises:
            InputError: one that cannot be read, or of another size than the first.
        """
        del on_audio
        for index, path in enumerate(self._paths):
            image = read_image(path, keeps_alpha=self._has_alpha)
            if image.shape[:2] != self._size:
                (height, width), (h, w) = self._size, image.shape[:2]
                raise InputError(
                    f"{path}: is {w}x{h}, but {self.path} is {width}x{height}; "
                    "images of a sequence have one size"
                )
            yield TimedFrame(self._frame(image), index / self.rate)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def _frame(self, image: np.ndarray) -> av.VideoFrame:
        if self._has_alpha and image.shape[2] == 3:
            image = np.dstack([image, np.full_like(image[..., :1], 255)])
        if self._format is None:
            return av.VideoFrame.from_ndarray(image, "rgba" if self._has_alpha else "rgb24")
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
    path: Path,
    pictures: Iterable[tuple[np.ndarray, Fraction]],
    rate: Fraction,
    *,
    overwrite: bool = False,
) -> None:
    """Write a GIF or WebP that plays for ever, whole or not at all; all images are held.

    Formats count whole 1/100 (GIF) or 1/1000 seconds: durations are rounded so that none adds up.

    Args:
        path: path that ends in ``.gif`` or ``.webp``. WebP is written at quality 90.
        pictures: (H, W, 3) uint8 RGB, or (H, W, 4) with alpha, of one size; and their seconds.
        rate: images per second, for how long the last one is shown.
        overwrite: whether to replace a file of that name.

    Raises:
        InputError: the file exists, or the rate is beyond what the format can say.
    """
    check_animation_rate(path, rate)
    unit = 10 if path.suffix.lower() == ".gif" else 1  # milliseconds
    with new_file(path, overwrite=overwrite) as temporary:
        images, times = [], list[Fraction]()
        for picture, time in pictures:
            images.append(Image.fromarray(picture))
            times.append(time)
        times.append(times[-1] + 1 / rate)
        ends = [round((time - times[0]) * 1000 / unit) * unit for time in times]
        images[0].save(
            temporary,
            save_all=True,
            append_images=images[1:],
            duration=[end - start for start, end in pairwise(ends)],
            loop=0,
            quality=90,
            disposal=2 if images[0].mode == "RGBA" else 0,  # else what was stays below holes
        )


def check_animation_rate(path: Path, rate: Fraction) -> None:
    """Raise `InputError` for a rate at which players do not play the format of ``path``."""
    if path.suffix.lower() == ".gif" and rate > FASTEST_GIF:
        raise InputError(
            f"{path}: a GIF plays {FASTEST_GIF} frames/s at most, got {float(rate):g}; use .webp "
            "or a lower --fps"
        )
