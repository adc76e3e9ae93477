"""Segments outlive what interrupts them, and become the video that they would have been."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import OutputContainer

from vision_shared.inputs import InputError
from vision_shared.video.encoder import VideoEncoder
from vision_shared.video.reader import TimedFrame, read_frames
from vision_shared.video.writer import VideoWriter
from voxel_flow.interpolation.segments import Segments, write_joined

TICK = Fraction(1, 90)
TIMES = [Fraction(k * k + 3 * k, 90) for k in range(25)]  # further and further apart
LENGTH = 10


class Source:
    aspect = None
    audio: list = []  # noqa: RUF012 - of a protocol
    origin = Fraction(0)

    def __init__(self) -> None:
        from vision_shared.video.extras import Extras

        self.extras = Extras()
        self.first = picture(0)


def picture(index: int) -> av.VideoFrame:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return av.VideoFrame.from_ndarray(np.roll(image, index, 1), "rgb24").reformat(format="yuv420p")


def frames(stops_at: int | None = None) -> Iterator[TimedFrame]:
    for index, time in enumerate(TIMES):
        if index == stops_at:
            raise KeyboardInterrupt
        yield TimedFrame(picture(index), time)


def make(path: Path, codec: str, stops_at: int | None = None, identity: int = 1) -> None:
    source = Source()

    def new_encoder(container: OutputContainer) -> VideoEncoder:
        return VideoEncoder(container, path, source, rate=Fraction(30), tick=TICK, codec=codec)

    with Segments(path, {"mode": identity}, LENGTH) as segments:
        segments.write(islice(frames(stops_at), segments.num_frames, None), new_encoder)
        with VideoWriter(path, source, rate=Fraction(30), tick=TICK, codec=codec) as writer:
            coded = segments.packets(TICK)
            write_joined(writer.write_coded, writer.write_packet, coded, iter(()))
        segments.remove()


@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "libx264"), ("out.mkv", "libx264"), ("out.mkv", "ffv1"), ("out.mov", "prores_ks")],
)
def test_interrupted_video_equals_an_uninterrupted_one(
    tmp_path: Path, name: str, codec: str
) -> None:
    whole, target = tmp_path / "whole" / name, tmp_path / name
    make(whole, codec)
    for stops_at, finished in ((5, 0), (13, 1), (15, 1), (24, 2)):
        with pytest.raises(KeyboardInterrupt):
            make(target, codec, stops_at)
        parts = target.with_name(f"{name}.parts")
        assert len(list(parts.glob("*.packets"))) == finished if parts.exists() else not finished
        assert not target.exists()
    make(target, codec)
    made, expected = (list(read_frames(path)) for path in (target, whole))
    assert [time for _, time in made] == pytest.approx(TIMES, abs=0.001)
    assert len(made) == len(expected) == len(TIMES)
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(one.frame.to_ndarray(), other.frame.to_ndarray())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "whole"])


def test_lossless_pictures_are_the_source_s_at_exact_times(tmp_path: Path) -> None:
    make(tmp_path / "out.mkv", "ffv1")
    for index, timed in enumerate(read_frames(tmp_path / "out.mkv")):
        np.testing.assert_array_equal(timed.frame.to_ndarray(), picture(index).to_ndarray())
    make(tmp_path / "out.mp4", "libx264")
    assert [time for _, time in read_frames(tmp_path / "out.mp4")] == TIMES


def test_another_identity_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out.mp4", "libx264", stops_at=15)
    with pytest.raises(InputError, match="beginning of a video with another mode"):
        make(tmp_path / "out.mp4", "libx264", identity=2)
    assert len(list((tmp_path / "out.mp4.parts").glob("*.packets"))) == 1


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    with (
        Segments(tmp_path / "out.mp4", {}),
        pytest.raises(InputError, match="in use by another process"),
        Segments(tmp_path / "out.mp4", {}),
    ):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []
