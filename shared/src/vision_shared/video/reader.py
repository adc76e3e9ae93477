"""Reading video files front to back: frames with exact times, audio packets beside them."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vision_shared.inputs import InputError, check_input
from vision_shared.video.clock import FrameClock
from vision_shared.video.deinterlace import Deinterlacer
from vision_shared.video.extras import read_extras
from vision_shared.video.rates import nearest_exact

# Containers that state how long they are, rather than leave it to be guessed from their size
_STATES_DURATION = ("mov", "matroska")
# In a Matroska file packets stand one after the other: more than its headers between two is what
# could not be read. A gap in time says nothing: recordings of a screen pause.
_LARGEST_HEADER = 256  # bytes; they take 30
_DURATION_TOLERANCE = Fraction(1, 4)  # seconds; what muxers disagree about stays well below


class TimedFrame(NamedTuple):
    """A frame and when it is shown.

    Attributes:
        frame: frame in the pixel format and orientation in which it is coded.
        time: seconds since the file's start; exact, and later than the frame before.
    """

    frame: av.VideoFrame
    time: Fraction


def read_frames(path: str | Path) -> Iterator[TimedFrame]:
    """Decode a video's frames.

    Raises:
        InputError: as `VideoReader`; and after the last frame, where the file is damaged.
    """
    with VideoReader(path) as reader:
        yield from reader.frames()
        if reader.damage is not None:
            raise InputError(reader.damage)


class VideoReader:
    """A video file, decoded once, front to back, in memory that does not grow with its length.

    The first frame is decoded on opening, so that a file without one is refused at once. Damaged
    parts are left out; see ``damage``.

    Attributes:
        path: the file.
        stream: the video stream that is read.
        audio: the audio streams, whose packets `frames` passes on.
        extras: other contents of the file; packets of its subtitles are passed on, too.
        first: the first frame.
        aspect: width of a pixel by its height, where the file states it.
        origin: time at which the file's earliest stream starts, in seconds; the
            frames' times count from there.
        rate: nominal frames per second; single frames may keep other times (variable rate).
        tick: the largest step, in seconds, by multiples of which frames can lie apart.
        notices: lines about what was done to the frames, for the user.
        duration: seconds, where the file states it.
        num_frames: number of frames to expect, where the file lets one guess.

    Raises:
        InputError: no such file, empty, not a video, or not one frame of it can be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_input(self.path, "video")
        self._container = _open(self.path)
        try:
            self._prepare()
        except BaseException:
            self._container.close()
            raise

    def frames(self, on_packet: Callable[[av.Packet], None] | None = None) -> Iterator[TimedFrame]:
        """Yield the frames, once; ``damage`` says afterwards whether that was all.

        Args:
            on_packet: function that takes each packet of audio and subtitles, in the file's order
                between the frames; an empty one ends a stream.
        """
        for event in self._events:
            if isinstance(event, TimedFrame):
                yield event
            elif on_packet is not None:
                on_packet(event)

    def side_packets(self) -> Iterator[av.Packet]:
        """Yield the packets that `frames` would pass on, without the frames; instead of it."""
        yield from (event for event in self._before if isinstance(event, av.Packet))
        for packet in self._packets:
            if packet.stream.index in self._passed_on:
                yield packet

    @property
    def damage(self) -> str | None:
        """What could not be decoded so far, in one line; None where nothing is amiss."""
        if self._stop is not None:
            whole = "" if self.duration is None else f" of {float(self.duration):.2f} s"
            return f"{self.path}: stops after {float(self._shown):.2f} s{whole}: {self._stop}"
        if self._num_damaged:
            places = "place" if self._num_damaged == 1 else "places"
            return (
                f"{self.path}: damaged in {self._num_damaged} {places}, the first after "
                f"{float(self._damaged_from):.2f} s; all that could be decoded was used"
            )
        return None

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        stream = self._container.streams.best("video")
        if (
            stream is None
            or stream.codec_context is None
            or stream.disposition & Disposition.attached_pic  # an audio file's cover
        ):
            raise InputError(f"{self.path}: no video stream that can be decoded")
        assert isinstance(stream, VideoStream)
        assert stream.time_base is not None
        stream.thread_type = ThreadType.AUTO
        self.stream, self._time_base = stream, stream.time_base
        self.audio = [s for s in self._container.streams.audio if s.codec_context is not None]
        self.notices: list[str] = []
        self.extras = read_extras(self._container, stream)
        self.aspect = stream.sample_aspect_ratio
        self.origin = min(_start(s) for s in (stream, *self.audio))
        # a single frame has no rate; 25 is also what libavformat takes for streams without times
        self.rate = nearest_exact(stream.guessed_rate or stream.average_rate or Fraction(25))
        self._clock = FrameClock(self._time_base, self.rate)
        self.tick = self._clock.tick
        microseconds = self._container.duration
        self.duration = None if microseconds is None else Fraction(microseconds, av.time_base)
        length = None if self.duration is None else round(self.duration * self.rate)
        self.num_frames = stream.frames or length

        self._first_time = Fraction(0)
        self._shown = Fraction(0)  # when the latest frame gives way
        self._end = Fraction(0)  # of the latest packet of any stream
        self._num_damaged = 0
        self._read_up_to: int | None = None  # bytes
        self._damaged_from = Fraction(0)
        self._stop: str | None = None
        self._decoder = _alpha_decoder(stream)
        self._like: av.VideoFrame | None = None  # as the first one was decoded
        self._deinterlacer: Deinterlacer | None = None
        self._passed_on = {s.index for s in (*self.audio, *self.extras.subtitles)}
        self._packets = self._demux()
        self._before: list[TimedFrame | av.Packet] = []  # what was read on opening
        self._events: Iterator[TimedFrame | av.Packet] = self._decode()
        self.first = self._read_first()

    def _read_first(self) -> av.VideoFrame:
        for event in self._events:
            self._before.append(event)
            if isinstance(event, TimedFrame):
                self._events = chain(self._before, self._events)
                return event.frame
        raise InputError(f"{self.path}: not one frame of the video could be decoded")

    def _decode(self) -> Iterator[TimedFrame | av.Packet]:
        for packet in self._packets:
            # not packet.stream_index, which is 0 for all the packets that end a stream
            if packet.stream.index in self._passed_on:
                yield packet
            elif packet.stream.index == self.stream.index:
                for frame in self._decode_packet(packet):
                    if self._like is not None and not _are_alike(frame, self._like):
                        self._stop = "the image's size or pixel format changes"
                        break
                    for whole in self._whole(frame):
                        yield self._timed(whole)
            if self._stop is not None:
                break
        if self._deinterlacer is not None:
            for whole in self._deinterlacer.push(None):
                yield self._timed(whole)

    def _whole(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Yield what of a frame, or of the one before, is known not to be interlaced."""
        if self._container.format.name == "avi":
            # AVI keeps no times of presentation: what is given as such runs backwards at B-frames
            frame.pts = frame.dts
        if self._like is None:
            self._like = frame
            if frame.interlaced_frame:
                self._deinterlacer = Deinterlacer(self.stream)
                self.notices.append(f"{self.path}: is interlaced; its frames are deinterlaced")
        if self._deinterlacer is None:
            yield frame
        else:
            yield from self._deinterlacer.push(frame)

    def _demux(self) -> Iterator[av.Packet]:
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                self._check_whole()
                return
            except av.error.FFmpegError as error:
                self._stop = error.strerror
                return
            if packet.is_corrupt:
                self._note_damage()
            self._note_position(packet)
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._end = max(self._end, end - self.origin)
            yield packet

    def _note_position(self, packet: av.Packet) -> None:
        if packet.pos is None or not self._container.format.name.startswith("matroska"):
            return
        if self._read_up_to is not None and packet.pos > self._read_up_to + _LARGEST_HEADER:
            self._note_damage()
        beside = sum(data.data_size for data in packet.iter_sidedata())  # alpha of VP9, HDR10+
        self._read_up_to = packet.pos + packet.size + beside

    def _decode_packet(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            if self._decoder is not None:
                return self._decoder.decode(packet)
            return packet.decode()  # type: ignore[return-value]
        except av.error.FFmpegError:
            self._note_damage()
            return []

    def _timed(self, frame: av.VideoFrame) -> TimedFrame:
        stamp = frame.pts
        if self._clock.last is None:
            is_unknown = stamp is None or self._container.format.name == "avi"
            begins = _start(self.stream) if is_unknown else stamp * self._time_base
            self._first_time = begins - self.origin
        time = self._first_time + self._clock.next(stamp)
        self._shown = time + 1 / self.rate
        return TimedFrame(frame, time)

    def _note_damage(self) -> None:
        if not self._num_damaged:
            self._damaged_from = self._shown
        self._num_damaged += 1

    def _check_whole(self) -> None:
        states_duration = self._container.format.name.startswith(_STATES_DURATION)
        if not states_duration or self.duration is None:
            return
        if self._end < self.duration - _DURATION_TOLERANCE:
            self._stop = "the file is cut off"


def ffmpeg_name(path: Path) -> str:
    """Return what FFmpeg calls a file: before a colon stands a protocol, in its eyes."""
    return f"file:{path}"


def _open(path: Path) -> InputContainer:
    try:
        # a clip with odd metadata would raise UnicodeDecodeError otherwise
        return av.open(ffmpeg_name(path), metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: not a video that can be read ({error.strerror})") from error


def _alpha_decoder(stream: VideoStream) -> av.VideoCodecContext | None:
    """Return what decodes the alpha channel of VP8 and VP9, which FFmpeg's own decoders drop."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    if name is None or tags.get("alpha_mode") != "1":
        return None
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    return decoder


def _start(stream: Stream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(1))


def _are_alike(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    same_size = (one.width, one.height) == (other.width, other.height)
    return same_size and one.format.name == other.format.name
