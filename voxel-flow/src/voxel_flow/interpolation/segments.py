"""A video that is encoded in segments, which outlive the process that encodes them.

Each segment is a file of coded packets, written whole or not at all by an encoder of its own, so
that it begins with a keyframe and needs none of the others. What a killed process has finished is
found again, and the encoding goes on after it. In the end the packets of all are one video, the
same whether or not it was interrupted.

Packets lie in the file as the encoder gave them, at its exact times: containers round these, or
lose the order in which frames are decoded.
"""

import hashlib
import io
import json
import os
import secrets
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer

from vision_shared.inputs import InputError, new_file
from vision_shared.plain import PlainError, parse_json
from vision_shared.unfinished import PREFIX, try_lock
from vision_shared.video.encoder import VideoEncoder
from vision_shared.video.reader import TimedFrame

LENGTH = 250
"""Frames of a segment: no more keyframes than x264 sets anyway."""

_RECORD = struct.Struct("<qqq?I")  # pts, dts, duration, whether a keyframe, size
_SUFFIX = ".packets"
_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}
_ENDS = 2**20  # bytes at either end of a file that tell it from others

NewEncoder = Callable[[OutputContainer], VideoEncoder]


class Segments:
    """The segments of one video, in the folder ``PATH.parts`` beside it.

    A context manager: while it is entered, no other process may use the folder, which goes when it
    is left without one whole segment.

    Args:
        path: the video that they become.
        identity: plain values, by words for a message, that decide what the frames look like.
        length: frames of each segment but the last; None is `LENGTH`.

    Attributes:
        folder: folder of the triplets.
        num_frames: frames of those that are whole.

    Raises:
        InputError: on entering, the folder is in use, or holds segments of another identity.
    """

    def __init__(
        self, path: Path, identity: Mapping[str, object], length: int | None = None
    ) -> None:
        self.folder = path.with_name(f"{path.name}.parts")
        self._path, self._length = path, length or LENGTH
        self._identity = json.loads(json.dumps({**identity, "length": self._length}))

    @property
    def num_frames(self) -> int:
        """How many frames are in whole segments, where none is the last."""
        return self._length * len(self._files())

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            if try_lock(self._lock) is False:
                raise InputError(f"{self.folder}: in use by another process that makes this video")
            self._check_identity()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.folder.exists() and not self._files():
            self.remove()
        os.close(self._lock)

    def write(self, frames: Iterator[TimedFrame], new_encoder: NewEncoder) -> None:
        """Encode all frames that come after `num_frames`, segment by segment.

        Args:
            frames: those to encode alone; times go on from those of the segments before.
            new_encoder: function that makes an encoder for a container like the video's; called
                once a segment.
        """
        for first in frames:
            number = len(self._files()) + 1
            with (
                new_file(self.folder / f"{number:06d}{_SUFFIX}") as temporary,
                temporary.open("wb") as file,
                av.open(io.BytesIO(), "w", format=_FORMATS[self._path.suffix.lower()]) as container,
            ):
                encoder = new_encoder(container)
                for timed in chain([first], islice(frames, self._length - 1)):
                    self._append(file, encoder.encode(timed))
                self._append(file, encoder.flush())

    def packets(self, tick: Fraction) -> Iterator[av.Packet]:
        """Yield the coded packets of all segments; ``tick``: seconds that their times count."""
        last: int | None = None
        for path in self._files():
            with path.open("rb") as file:
                while head := file.read(_RECORD.size):
                    pts, dts, duration, is_keyframe, size = _RECORD.unpack(head)
                    packet = av.Packet(file.read(size))
                    # encoders that restart set the first ones earlier than the last of before
                    last = dts if last is None else max(dts, last + 1)
                    packet.pts, packet.dts, packet.duration = pts, last, duration
                    packet.time_base, packet.is_keyframe = tick, is_keyframe
                    yield packet

    def remove(self) -> None:
        """Remove the folder: it is gone at once, its files are soon after."""
        gone = self.folder.with_name(f"{PREFIX}{secrets.token_hex(4)}")
        self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def _append(self, file: io.BufferedWriter, packets: Iterable[av.Packet]) -> None:
        for packet in packets:
            if packet.has_sidedata("matroska_block_additional"):
                raise InputError(f"{self._path}: transparency of VP8 and VP9 cannot be resumed")
            pts, dts = packet.pts, packet.dts
            assert pts is not None and dts is not None
            content = bytes(packet)
            file.write(
                _RECORD.pack(pts, dts, packet.duration or 0, packet.is_keyframe, len(content))
            )
            file.write(content)

    def _check_identity(self) -> None:
        path = self.folder / "identity.json"
        if not path.exists():
            with new_file(path) as temporary:
                temporary.write_text(json.dumps(self._identity, indent=2))
            return
        try:
            begun = parse_json(path.read_bytes())
        except PlainError as error:
            raise InputError(f"{path}: {error}; remove {self.folder}") from error
        for name, value in self._identity.items():
            if not isinstance(begun, dict) or begun.get(name) != value:
                raise InputError(
                    f"{self.folder}: holds the beginning of a video with another {name}; ask for "
                    "the same again, or remove it"
                )


def write_joined(
    write_coded: Callable[[Iterable[av.Packet]], None],
    write_packet: Callable[[av.Packet], None],
    coded: Iterable[av.Packet],
    beside: Iterator[av.Packet],
) -> None:
    """Write coded packets and those of audio and subtitles, interleaved by time.

    Args:
        write_coded: function as `VideoWriter.write_coded`.
        write_packet: function as `VideoWriter.write_packet`.
        coded: coded frames of the video.
        beside: packets of the source, in the file's order.
    """
    waiting = next(beside, None)
    for packet in coded:
        while waiting is not None and _seconds(waiting) <= _seconds(packet):
            write_packet(waiting)
            waiting = next(beside, None)
        write_coded([packet])
    while waiting is not None:
        write_packet(waiting)
        waiting = next(beside, None)


def fingerprint(path: Path) -> str:
    """Return what tells a file from others: its size and a hash of both its ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        content = file.read(_ENDS)
        file.seek(max(size - _ENDS, 0))
        content += file.read(_ENDS)
    return f"{size}-{hashlib.sha256(content).hexdigest()[:32]}"


def _seconds(packet: av.Packet) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(-1) if stamp is None else stamp * Fraction(packet.time_base)
