"""Writing videos: frames as decoded or made in their likeness, and the source's audio."""

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
from av.audio.stream import AudioStream
from av.codec.codec import PixFmtLoss, UnknownCodecError, find_best_pix_fmt_of_list
from av.container import OutputContainer
from av.sidedata.sidedata import SideData
from av.video.stream import VideoStream

from vision_shared.inputs import InputError, new_file
from vision_shared.video.audio import AudioTrack, StretchedAudioTrack
from vision_shared.video.colour import depth, has_alpha, is_alpha, to_format, without_alpha
from vision_shared.video.extras import (
    APPLE,
    Extras,
    SubtitleTrack,
    describe_stream,
    missing,
    stretched_chapters,
)
from vision_shared.video.hdr import hdr_options
from vision_shared.video.rates import LARGEST
from vision_shared.video.reader import TimedFrame, ffmpeg_name

_Track = AudioTrack | StretchedAudioTrack | SubtitleTrack

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


class FrameSource(Protocol):
    """What a writer asks of where frames come from; `VideoReader` is one, and tells what it is."""

    first: av.VideoFrame
    aspect: Fraction | None
    audio: list[AudioStream]
    extras: Extras
    origin: Fraction


class VideoWriter:
    """Writes a video, whole or not at all, in memory that does not grow with its length.

    A context manager: the file takes its name when the block ends without an error. Frames reach
    the encoder in the source's pixel format, untouched. An encoder that lacks the format gets the
    nearest one that loses nothing, and 4:4:4 where it does not take an odd size at the source's
    chroma sampling. Colour tags, aspect ratio and display matrix (rotation) are the source's.

    Args:
        path: ends in one of `vision_shared.inputs.VIDEO_OUTPUTS`, which chooses the container.
        source: where the frames, or what they were made from, come from.
        rate: nominal frames per second.
        tick: seconds; frame times are rounded to multiples of it.
        codec: an encoder's name, e.g. ``libx264`` or the lossless ``ffv1``; None is
            `default_codec`.
        stretch: how many times as long as the source the result lasts; audio keeps its pitch.
        keeps_audio: carry the source's audio over.
        keeps_extras: carry over metadata, chapters, subtitles and attachments.
        overwrite: replace a file of that name.

    Attributes:
        notices: lines about what of the source the file could not keep; all of them once the block
            has ended.

    Raises:
        InputError: on entering, the file exists, there is no such encoder, the container does not
            take it, or it cannot hold the pictures without loss; anywhere, writing fails.
    """

    def __init__(
        self,
        path: Path,
        source: FrameSource,
        *,
        rate: Fraction,
        tick: Fraction,
        codec: str | None = None,
        stretch: int = 1,
        keeps_audio: bool = True,
        keeps_extras: bool = True,
        overwrite: bool = False,
    ) -> None:
        self._path, self._source = path, source
        self._codec = codec or default_codec(path, has_alpha=has_alpha(source.first))
        self._rate, self._tick, self._overwrite = rate, tick, overwrite
        self._stretch, self._keeps_audio = stretch, keeps_audio
        self._extras = source.extras if keeps_extras else Extras()
        self._lost = list(self._extras.others)
        self.notices: list[str] = []

    def __enter__(self) -> Self:
        encoder = find_encoder(self._codec)
        with ExitStack() as stack:
            temporary = stack.enter_context(new_file(self._path, overwrite=self._overwrite))
            stack.enter_context(self._one_line_errors())
            stack.enter_context(self._note_losses(temporary))
            options = self._container_options()
            self._container = stack.enter_context(
                av.open(ffmpeg_name(temporary), "w", options=options)
            )
            self._stream = self._add_stream(self._container, encoder)
            self._tracks = self._add_audio(self._container)
            self._add_extras(self._container)
            self._closing = stack.pop_all()
        return self

    def write(self, timed: TimedFrame) -> None:
        """Encode a frame; its time has to be later than that of the frame before."""
        frame = to_format(timed.frame, self._stream.codec_context.pix_fmt or "")
        frame.pts, frame.time_base = round(timed.time / self._tick), self._tick
        frame.pict_type = 0  # the source's choice of I, P or B would be forced upon the encoder
        with self._one_line_errors():
            self._container.mux(self._stream.encode(frame))

    def write_packet(self, packet: av.Packet) -> None:
        """Write a packet of the source's audio or subtitles; for `VideoReader.frames` to call."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            with self._one_line_errors():
                track.write(packet)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._closing.__exit__(kind, error, trace)
            return
        with self._closing:
            for track in self._tracks.values():
                track.close()
            self._container.mux(self._stream.encode(None))

    def _add_audio(self, container: OutputContainer) -> dict[int, _Track]:
        tracks: dict[int, _Track] = {}
        for stream in self._source.audio if self._keeps_audio else ():
            track: AudioTrack | StretchedAudioTrack = (
                AudioTrack(container, stream, self._source.origin)
                if self._stretch == 1
                else StretchedAudioTrack(container, stream, self._source.origin, self._stretch)
            )
            describe_stream(track.stream, stream)
            tracks[stream.index] = track
        return tracks

    def _add_extras(self, container: OutputContainer) -> None:
        extras = self._extras
        for stream in extras.subtitles:
            try:
                track = SubtitleTrack(container, stream, self._source.origin, self._stretch)
            except (ValueError, av.error.FFmpegError):
                language = stream.metadata.get("language", "no language")
                self._lost.append(f"subtitles ({language})")
            else:
                self._tracks[stream.index] = track
        container.metadata.update(extras.metadata)
        container.set_chapters(stretched_chapters(extras.chapters, self._stretch))
        if container.format.name == "matroska":
            for attachment in extras.attachments:
                name, kind = attachment.name or "attachment", attachment.mimetype
                container.add_attachment(name, kind or "application/octet-stream", attachment.data)

    def _container_options(self) -> dict[str, str]:
        """Have MP4 and MOV keep what telephones note, under names that these formats lack."""
        has_apple = any(key.startswith(APPLE) for key in self._extras.metadata)
        is_apple = self._path.suffix.lower() in (".mp4", ".mov")
        return {"movflags": "use_metadata_tags"} if has_apple and is_apple else {}

    @contextmanager
    def _note_losses(self, written: Path) -> Iterator[None]:
        """Compare what is in the file, once it is whole, with what was to be in it."""
        yield
        carried = [
            s for s in (*self._source.audio, *self._extras.subtitles) if s.index in self._tracks
        ]
        self._lost += missing(ffmpeg_name(written), self._extras, carried)
        if self._lost:
            counts = Counter(self._lost)
            words = [what if n == 1 else f"{n} times {what}" for what, n in counts.items()]
            self.notices.append(f"{self._path}: not kept of the source: {'; '.join(words)}")

    def _add_stream(self, container: OutputContainer, encoder: av.Codec) -> VideoStream:
        rate, tick = self._rate, self._tick
        if max(rate.numerator, rate.denominator, tick.numerator, tick.denominator) > LARGEST:
            raise InputError(f"{self._path}: no container can store {float(rate):g} frames/s here")
        options, lost = hdr_options(self._source.first, encoder.name)
        options |= _OPTIONS.get(encoder.name, {})
        self._lost += lost
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
        context.colorspace, context.color_range = first.colorspace, first.color_range
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
        stream.set_display_matrix(_display_matrix(first))
        return stream

    def _choose_pixel_format(self, encoder: av.Codec) -> str:
        first = self._source.first
        name = first.format.name
        offered = [pixel_format.name for pixel_format in encoder.video_formats or ()]
        if offered and name not in offered:
            if has_alpha(first) and not any(is_alpha(av.VideoFormat(other)) for other in offered):
                self._lost.append("transparency (black instead; .mov and .mkv have it)")
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
            self._lost.append(f"more than {depth(best)} bits")  # as every encoder of it does
        elif best is None or lost:
            raise InputError(
                f"{self._path}: {encoder.name} cannot hold the source's {name} pictures "
                "without loss; use the codec ffv1 and a .mkv file"
            )
        return best.name

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self._path}: cannot be written with {self._codec} ({error.strerror})"
            ) from error


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
