"""The video stream of a file that is written: its encoder, pixel format, colour and shape."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.codec.codec import PixFmtLoss, UnknownCodecError, find_best_pix_fmt_of_list
from av.container import OutputContainer
from av.sidedata.sidedata import SideData
from av.video.stream import VideoStream

from vision_shared.inputs import InputError
from vision_shared.video.colour import (
    UNSPECIFIED,
    depth,
    has_alpha,
    is_alpha,
    to_format,
    without_alpha,
)
from vision_shared.video.hdr import hdr_options
from vision_shared.video.rates import LARGEST
from vision_shared.video.reader import TimedFrame

DEFAULT_CODEC = "libx264"
_WITH_ALPHA = {".mov": "prores_ks", ".mkv": "ffv1"}  # MP4 has none that players know
# Visually lossless; any other encoder runs at its own defaults
_OPTIONS = {name: {"crf": "16"} for name in ("libx264", "libx264rgb", "libx265")}
_LOSSES = (
    PixFmtLoss.DEPTH
    | PixFmtLoss.COLORSPACE
    | PixFmtLoss.ALPHA
    | PixFmtLoss.RESOLUTION
    | PixFmtLoss.CHROMA
)


def default_codec(path: Path, *, has_alpha: bool) -> str:
    """Return the encoder of a file: H.264, or one that keeps transparency where there is some."""
    return _WITH_ALPHA.get(path.suffix.lower(), DEFAULT_CODEC) if has_alpha else DEFAULT_CODEC


def format_of_images(codec: str, *, has_alpha: bool) -> str:
    """Return the pixel format in which an encoder is to get images: what most players show."""
    offered = {pixel_format.name for pixel_format in find_encoder(codec).video_formats or ()}
    formats = ("yuva420p", "yuva444p10le") if has_alpha else ()
    return next((name for name in formats if name in offered), "yuv420p")


def find_encoder(name: str) -> av.Codec:
    """Return the video encoder of that name.

    Raises:
        InputError: there is none.
    """
    try:
        encoder = av.Codec(name, "w")
    except UnknownCodecError as error:
        raise InputError(f"no encoder is called {name!r}; try libx264 or ffv1") from error
    if encoder.type != "video":
        raise InputError(f"{name} encodes {encoder.type}, expected a video encoder")
    return encoder


@contextmanager
def one_line_errors(path: Path, codec: str) -> Iterator[None]:
    """Turn what FFmpeg raises in the block into an `InputError` that names the file.

    Args:
        path: path of the file that is written.
        codec: the encoder's name.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: cannot be written with {codec} ({error.strerror})") from error


class PictureSource(Protocol):
    """What an encoder is told about where its frames come from.

    Attributes:
        first: the first frame; all are alike.
        aspect: width of a pixel by its height, where it is known.
    """

    first: av.VideoFrame
    aspect: Fraction | None


class VideoEncoder:
    """A video stream of a container, and what encodes frames for it.

    Frames reach the encoder in the source's pixel format, untouched. An encoder that lacks the
    format gets the nearest one that loses nothing, and 4:4:4 where it does not take an odd size at
    the source's chroma sampling. Colour tags, aspect ratio and display matrix (rotation) are the
    source's.

    Args:
        container: container opened for writing; nothing may have been written to it.
        path: the file, for messages; its suffix is the container's.
        source: video that the frames, or their originals, come from.
        rate: nominal frames per second.
        tick: seconds; frame times are rounded to multiples of it.
        codec: an encoder's name; None is `default_codec`.
        is_exact: the images have to be kept without loss of depth or colour; else the nearest
            format that the encoder takes does.

    Attributes:
        stream: the container's stream.
        lost: properties of the source's images that it cannot keep, a few words each.

    Raises:
        InputError: there is no such encoder, the container does not take it, or it cannot hold the
            images without loss that ``is_exact`` asks for; while encoding, it fails.
    """

    def __init__(
        self,
        container: OutputContainer,
        path: Path,
        source: PictureSource,
        *,
        rate: Fraction,
        tick: Fraction,
        codec: str | None,
        is_exact: bool = True,
    ) -> None:
        self._path, self._source, self._rate, self._tick = path, source, rate, tick
        self._is_exact = is_exact
        self._codec = codec or default_codec(path, has_alpha=has_alpha(source.first))
        self.lost: list[str] = []
        with one_line_errors(self._path, self._codec):
            self.stream = self._add_stream(container, find_encoder(self._codec))

    def encode(self, timed: TimedFrame) -> list[av.Packet]:
        """Encode a frame; its time has to be later than that of the frame before."""
        frame = to_format(timed.frame, self.stream.codec_context.pix_fmt or "")
        frame.pts, frame.time_base = round(timed.time / self._tick), self._tick
        frame.pict_type = 0  # the source's choice of I, P or B would be forced upon the encoder
        with one_line_errors(self._path, self._codec):
            return self.stream.encode(frame)

    def flush(self) -> list[av.Packet]:
        """Return what the encoder still holds; it takes no frame any more."""
        with one_line_errors(self._path, self._codec):
            return self.stream.encode(None)

    def _add_stream(self, container: OutputContainer, encoder: av.Codec) -> VideoStream:
        rate, tick = self._rate, self._tick
        if max(rate.numerator, rate.denominator, tick.numerator, tick.denominator) > LARGEST:
            raise InputError(f"{self._path}: no container can store {float(rate):g} frames/s here")
        options, lost = hdr_options(self._source.first, encoder.name)
        options |= _OPTIONS.get(encoder.name, {})
        self.lost += lost
        try:
            stream = container.add_stream(encoder.name, rate=rate, options=options)
        except ValueError as error:
            raise InputError(
                f"{self._path}: {self._path.suffix} files cannot hold {encoder.name}; use .mkv"
            ) from error
        assert isinstance(stream, VideoStream)
        first, context = self._source.first, stream.codec_context
        context.width, context.height, context.time_base = first.width, first.height, tick
        context.pix_fmt = self._choose_pixel_format(encoder)
        if self._source.aspect is not None:
            context.sample_aspect_ratio = self._source.aspect
        is_made_yuv = first.format.is_rgb and not av.VideoFormat(context.pix_fmt).is_rgb
        context.colorspace = UNSPECIFIED if is_made_yuv else first.colorspace
        context.color_range = first.color_range
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
        stream.set_display_matrix(_display_matrix(first))
        return stream

    def _choose_pixel_format(self, encoder: av.Codec) -> str:
        first = self._source.first
        name = first.format.name
        offered = [pixel_format.name for pixel_format in encoder.video_formats or ()]
        if offered and name not in offered:
            if has_alpha(first) and not any(is_alpha(av.VideoFormat(other)) for other in offered):
                self.lost.append("transparency (black instead; .mov and .mkv have it)")
                name = without_alpha(name)
            name = self._nearest(encoder, name, offered)
        layout = av.VideoFormat(name)
        across, down = 8 // layout.chroma_width(8), 8 // layout.chroma_height(8)
        is_odd = first.width % across or first.height % down
        if is_odd and not _opens(encoder, name, first):
            bits = depth(layout)
            name = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
        return name

    def _nearest(self, encoder: av.Codec, name: str, offered: list[str]) -> str:
        # a yuvj format is the plain one at full range, which the range's tag says as well
        best, loss = find_best_pix_fmt_of_list(offered, name.replace("yuvj", "yuv"), has_alpha=True)
        lost = (loss or 0) & _LOSSES
        if best is not None and encoder.name == "prores_ks" and lost == PixFmtLoss.DEPTH:
            self.lost.append(f"more than {depth(best)} bits")  # as every encoder of it does
        elif best is None or (lost and self._is_exact):
            raise InputError(
                f"{self._path}: {encoder.name} cannot hold the source's {name} images "
                "without loss; use the codec ffv1 and a .mkv file"
            )
        return best.name


def _opens(encoder: av.Codec, pixel_format: str, like: av.VideoFrame) -> bool:
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = like.width, like.height, pixel_format
    context.time_base = Fraction(1, 25)
    try:
        context.open()
    except av.error.FFmpegError:
        return False
    return True


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    assert isinstance(matrix, SideData)
    return struct.unpack("9i", bytes(matrix))
