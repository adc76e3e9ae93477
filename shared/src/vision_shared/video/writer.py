"""Writing videos: frames as decoded or made in their likeness, and the source's audio."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from vision_shared.inputs import new_file
from vision_shared.video.audio import AudioTrack, StretchedAudioTrack
from vision_shared.video.colour import has_alpha
from vision_shared.video.encoder import (
    PictureSource,
    VideoEncoder,
    default_codec,
    one_line_errors,
)
from vision_shared.video.extras import (
    APPLE,
    Extras,
    SubtitleTrack,
    describe_stream,
    missing,
    stretched_chapters,
)
from vision_shared.video.reader import TimedFrame, ffmpeg_name

_Track = AudioTrack | StretchedAudioTrack | SubtitleTrack


class FrameSource(PictureSource, Protocol):
    """What a writer asks of where frames come from; `VideoReader` is one, and tells what it is."""

    audio: list[AudioStream]
    extras: Extras
    origin: Fraction


class VideoWriter:
    """Writes a video, whole or not at all, in memory that does not grow with its length.

    A context manager: the file takes its name when the block ends without an error. For what frames
    become, see `vision_shared.video.encoder.VideoEncoder`.

    Args:
        path: path that ends in one of `vision_shared.inputs.VIDEO_OUTPUTS`, which chooses the
            container.
        source: video that the frames, or their originals, come from.
        rate: nominal frames per second.
        tick: seconds; frame times are rounded to multiples of it.
        codec: an encoder's name, e.g. ``libx264`` or the lossless ``ffv1``; None is
            `default_codec`.
        stretch: factor of the source's duration; audio keeps its pitch.
        keeps_audio: carry the source's audio over.
        keeps_extras: carry over metadata, chapters, subtitles and attachments.
        is_exact: whether to refuse an encoder that cannot hold the source's images without loss.
        overwrite: whether to replace a file of that name.

    Attributes:
        notices: lines about what of the source the file could not keep; all of them once the block
            has ended.

    Raises:
        InputError: on entering, the file exists, there is no such encoder, the container does not
            take it, or it cannot hold the images without loss; anywhere, writing fails.
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
        is_exact: bool = True,
        overwrite: bool = False,
    ) -> None:
        self._path, self._source = path, source
        self._codec = codec or default_codec(path, has_alpha=has_alpha(source.first))
        self._rate, self._tick, self._overwrite = rate, tick, overwrite
        self._stretch, self._keeps_audio = stretch, keeps_audio
        self._is_exact = is_exact
        self._extras = source.extras if keeps_extras else Extras()
        self._lost = list(self._extras.others)
        self.notices: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(new_file(self._path, overwrite=self._overwrite))
            stack.enter_context(one_line_errors(self._path, self._codec))
            stack.enter_context(self._note_losses(temporary))
            options = self._container_options()
            self._container = stack.enter_context(
                av.open(ffmpeg_name(temporary), "w", options=options)
            )
            self._encoder = VideoEncoder(
                self._container,
                self._path,
                self._source,
                rate=self._rate,
                tick=self._tick,
                codec=self._codec,
                is_exact=self._is_exact,
            )
            self._lost += self._encoder.lost
            self._tracks = self._add_audio(self._container)
            self._add_extras(self._container)
            self._closing = stack.pop_all()
        return self

    def write(self, timed: TimedFrame) -> None:
        """Encode a frame; its time has to be later than that of the frame before."""
        self.write_coded(self._encoder.encode(timed))

    def write_coded(self, packets: Iterable[av.Packet]) -> None:
        """Write packets of an encoder of the same settings, in the order in which it gave them."""
        for packet in packets:
            packet.stream = self._encoder.stream
            with one_line_errors(self._path, self._codec):
                self._container.mux(packet)

    def write_packet(self, packet: av.Packet) -> None:
        """Write a packet of the source's audio or subtitles; for `VideoReader.frames` to call."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            with one_line_errors(self._path, self._codec):
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
            self.write_coded(self._encoder.flush())

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
