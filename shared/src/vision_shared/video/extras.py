"""What a video holds beside images and sound, carried over where the container takes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.subtitles.stream import SubtitleStream

_OF_THE_CONTAINER = frozenset({"compatible_brands", "duration", "encoder", "major_brand"}) | {
    "minor_version"
}
_OF_THE_COPY = ("_statistics", "bps", "number_of_", "source_id")  # a muxer's notes on its streams
_TEXT_ENCODERS = {"matroska": "subrip", "mov": "mov_text", "mp4": "mov_text"}
APPLE = "com.apple.quicktime."


@dataclass(frozen=True)
class Extras:
    """What a source has that its frames and its audio are not.

    Attributes:
        metadata: title, date, place and the like; not what is of the container itself.
        chapters: chapters as PyAV gives them.
        subtitles: streams, whose packets `VideoReader.frames` passes on.
        attachments: fonts and the like.
        others: streams that are never carried over, a few words each.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[Mapping[str, Any]] = ()
    subtitles: Sequence[SubtitleStream] = ()
    attachments: Sequence[AttachmentStream] = ()
    others: Sequence[str] = ()


def read_extras(container: InputContainer, video: Stream) -> Extras:
    """Return what a file has beside the stream ``video`` and its audio."""
    subtitles, attachments, others = [], [], []
    for stream in container.streams:
        if isinstance(stream, SubtitleStream):
            subtitles.append(stream)
        elif isinstance(stream, AttachmentStream):
            attachments.append(stream)
        elif stream.type == "video" and stream.index != video.index:
            is_cover = stream.disposition & Disposition.attached_pic
            others.append("a cover image" if is_cover else "another video stream")
        # chapters of MP4 are a stream as well, which is not to be read
        elif stream.type == "data" and stream.discard < Discard.all:
            others.append("a data stream")
    metadata = {
        key: value
        for key, value in container.metadata.items()
        if key.lower() not in _OF_THE_CONTAINER and not key.lower().startswith(_OF_THE_COPY)
    }
    return Extras(metadata, tuple(container.chapters()), subtitles, attachments, others)


def describe_stream(target: Stream, source: Stream) -> None:
    """Give a new stream the language and the title of another one."""
    title = source.metadata.get("title") or source.metadata.get("name")
    known = {"language": source.metadata.get("language"), "title": title}
    target.metadata.update({key: value for key, value in known.items() if value})


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language")
    return None if language == "und" else language


def stretched_chapters(chapters: Sequence[Mapping[str, Any]], stretch: int) -> list[Any]:
    """Return chapters of a video that lasts ``stretch`` times as long."""
    return [
        {**chapter, "start": chapter["start"] * stretch, "end": chapter["end"] * stretch}
        for chapter in chapters
    ]


class SubtitleTrack:
    """Carries a source's subtitles over: packets as they are, or as the container's kind of text.

    Args:
        container: container opened for writing; nothing may have been written to it.
        source: the stream that packets come from.
        origin: seconds of the source's clock that become 0.
        stretch: factor of the duration.

    Raises:
        ValueError: the container takes neither the subtitles nor the text in them.
    """

    def __init__(
        self, container: OutputContainer, source: SubtitleStream, origin: Fraction, stretch: int
    ) -> None:
        self._container, self._source = container, source
        self._origin, self._stretch = origin, stretch
        try:
            self._stream, self._copies = container.add_stream_from_template(source), True
        except ValueError:
            self._stream, self._copies = self._add_encoder(), False
        describe_stream(self._stream, source)

    def write(self, packet: av.Packet) -> None:
        """Write what a packet of the source holds; one that cannot be read is left out."""
        if packet.pts is None or packet.time_base is None:
            return
        carried = packet if self._copies else self._encode(packet)
        if carried is None:
            return
        shift = round(self._origin / packet.time_base)
        carried.time_base = packet.time_base
        carried.pts = carried.dts = (packet.pts - shift) * self._stretch
        carried.duration = (packet.duration or 0) * self._stretch
        carried.stream = self._stream
        self._container.mux(carried)

    def close(self) -> None:
        """Do nothing: nothing is held back."""

    def _add_encoder(self) -> SubtitleStream:
        decoder = self._source.codec_context
        name = _TEXT_ENCODERS.get(self._container.format.name)
        if decoder is None or name is None:
            raise ValueError("no text")
        decoder.open(strict=False)
        if decoder.subtitle_header is None:  # of bitmaps
            raise ValueError("no text")
        stream = self._container.add_stream(name)
        assert isinstance(stream, SubtitleStream)
        stream.codec_context.subtitle_header = decoder.subtitle_header
        return stream

    def _encode(self, packet: av.Packet) -> av.Packet | None:
        try:
            lines = self._source.codec_context.decode2(packet)
            return None if lines is None else self._stream.codec_context.encode_subtitle(lines)
        except av.error.FFmpegError:
            return None


def missing(name: str, extras: Extras, carried: Sequence[Stream]) -> list[str]:
    """Return what a file that was written lacks, a few words each.

    Args:
        name: FFmpeg's name of the file.
        extras: extras that it was to keep.
        carried: the streams that it was given, whose languages it was to keep.
    """
    with av.open(name, metadata_errors="ignore") as container:
        kept = {key.lower() for key in container.metadata}
        lost = sorted(key for key in extras.metadata if key.lower() not in kept)
        words = [f"the metadata {', '.join(lost)}"] if lost else []
        if len(container.chapters()) < len(extras.chapters):
            words.append("chapters")
        if len(container.streams.attachments) < len(extras.attachments):
            words.append("attachments")
        languages = Counter(_language(stream) for stream in carried)
        languages.subtract(Counter(_language(stream) for stream in container.streams))
        words += [f"the language {name}" for name, n in languages.items() if n > 0 and name]
    return words
