"""One audio track of a video that is being written."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, log2

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph

_ENCODER = "aac"  # every container that videos are written to takes it
# What a number of channels means where a file does not say, as PCM's often do not
_USUAL_LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
_BITS_PER_CHANNEL = 96_000  # per second


class AudioTrack:
    """Carries a source's audio over: packets as they are, or re-encoded as AAC.

    Packets are copied where the container takes their codec. What a damaged packet held is left
    out, as is a packet that goes back in time.

    Args:
        container: container opened for writing; nothing may have been written to it.
        source: the audio stream that packets come from.
        origin: seconds of the source's clock that become 0.
    """

    def __init__(self, container: OutputContainer, source: AudioStream, origin: Fraction) -> None:
        self._container = container
        self._origin = origin
        self._last: int | None = None
        self._copies = source.codec_context.name in container.supported_codecs
        if self._copies:
            self.stream = container.add_stream_from_template(source)
        else:
            self.stream = _add_encoder(container, source)
        self.stream.layout = _layout(source)

    def write(self, packet: av.Packet) -> None:
        """Write what a packet of the source holds."""
        if self._copies:
            self._copy(packet)
        else:
            self._encode(packet)

    def close(self) -> None:
        """Write what the encoder still holds."""
        if not self._copies:
            self._container.mux(self.stream.encode(None))

    def _copy(self, packet: av.Packet) -> None:
        if packet.dts is None or (self._last is not None and packet.dts <= self._last):
            return
        self._last = packet.dts
        shift = round(self._origin / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = self.stream
        self._container.mux(packet)

    def _encode(self, packet: av.Packet) -> None:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            assert isinstance(frame, av.AudioFrame)
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._origin / frame.time_base)
            self._container.mux(self.stream.encode(frame))


class StretchedAudioTrack:
    """Carries a source's audio over, slower at the same pitch, re-encoded as AAC.

    FFmpeg's filter atempo does it (time-domain overlap and add). Gaps in the source, and what a
    damaged packet held, become silence of their length.

    Args:
        container: container opened for writing; nothing may have been written to it.
        source: the audio stream that packets come from.
        origin: seconds of the source's clock that become 0.
        stretch: factor of the duration.
    """

    def __init__(
        self, container: OutputContainer, source: AudioStream, origin: Fraction, stretch: int
    ) -> None:
        self._container, self._source = container, source
        self._origin, self._stretch = origin, stretch
        self.stream = _add_encoder(container, source)
        self.stream.layout = _layout(source)
        self._graph: Graph | None = None
        self._num_samples = 0  # where the next one lies, from 0 seconds on

    def write(self, packet: av.Packet) -> None:
        """Write what a packet of the source holds."""
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            assert isinstance(frame, AudioFrame)
            if self._graph is None:
                self._start(frame)
            self._push(frame)

    def close(self) -> None:
        """Write what the filters and the encoder still hold."""
        if self._graph is not None:
            self._push(None)
        self._container.mux(self.stream.encode(None))

    def _start(self, first: AudioFrame) -> None:
        begin = Fraction(0)
        if first.pts is not None and first.time_base is not None:
            begin = first.pts * first.time_base - self._origin
        self._num_samples = round(begin * self._stretch * self.stream.rate)
        self._graph = Graph()
        buffer = self._graph.add_abuffer(template=self._source)
        # one atempo slows down to a half at most
        count = ceil(log2(self._stretch))
        tempo = str(self._stretch ** (-1 / count))
        layout = f"channel_layouts={self.stream.layout.name}"
        self._graph.link_nodes(
            buffer,
            self._graph.add("aresample", "async=1"),  # fills gaps
            *(self._graph.add("atempo", tempo) for _ in range(count)),
            self._graph.add("aresample", str(self.stream.rate)),
            self._graph.add("aformat", f"sample_fmts=fltp:{layout}"),
            self._graph.add("abuffersink"),
        ).configure()

    def _push(self, frame: AudioFrame | None) -> None:
        assert self._graph is not None
        self._graph.push(frame)
        for slowed in self._pull():
            slowed.pts, slowed.time_base = self._num_samples, Fraction(1, self.stream.rate)
            self._num_samples += slowed.samples
            self._container.mux(self.stream.encode(slowed))

    def _pull(self) -> Iterator[AudioFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            yield frame


def _add_encoder(container: OutputContainer, source: AudioStream) -> AudioStream:
    stream = container.add_stream(_ENCODER, rate=_encodable_rate(source))
    stream.bit_rate = _BITS_PER_CHANNEL * source.layout.nb_channels
    return stream


def _encodable_rate(source: AudioStream) -> int:
    rates = av.Codec(_ENCODER, "w").audio_rates or []
    return source.rate if source.rate in rates else 48_000


def _layout(source: AudioStream) -> str:
    named = all(channel.name != "NONE" for channel in source.layout.channels)
    count = source.layout.nb_channels
    return source.layout.name if named or count > 8 else _USUAL_LAYOUTS[count - 1]
