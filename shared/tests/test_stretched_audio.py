from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from vision_shared.video.reader import TimedFrame, VideoReader
from vision_shared.video.writer import VideoWriter

RATE, SAMPLES, TONE = 25, 48000, 500


def make_clip(
    path: Path, loud: list[tuple[float, float]], codec: str = "aac", layout: str = "stereo"
) -> Path:
    """Write 2 seconds of black images; a tone sounds in the given parts, nothing is between."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        audio = container.add_stream(codec, rate=SAMPLES, layout=layout)
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        for index in range(2 * RATE):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        for start, stop in loud:
            count = round((stop - start) * SAMPLES)
            wave = 8000 * np.sin(2 * np.pi * TONE / SAMPLES * np.arange(count))
            channels = audio.layout.nb_channels
            packed = wave.astype(np.int16).repeat(channels)[None]
            tone = av.AudioFrame.from_ndarray(packed, "s16", layout)
            tone.sample_rate, tone.time_base = SAMPLES, Fraction(1, SAMPLES)
            tone.pts = round(start * SAMPLES)
            container.mux(audio.encode(tone))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))
    return path


def slow_down(source: Path, target: Path, times: int | None) -> None:
    with (
        VideoReader(source) as reader,
        VideoWriter(
            target,
            reader,
            rate=reader.rate,
            tick=reader.tick,
            stretch=times or 1,
            keeps_audio=times is not None,
        ) as writer,
    ):
        for frame, time in reader.frames(writer.write_packet):
            writer.write(TimedFrame(frame, time * (times or 1)))


def loudness(path: Path, seconds: int) -> np.ndarray:
    """Return the root mean square of each tenth of a second, from 0 on."""
    track = np.zeros(seconds * SAMPLES)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0]
            assert frame.time is not None
            at = round(frame.time * frame.sample_rate)
            assert frame.sample_rate == SAMPLES
            part = samples[max(-at, 0) :][: len(track) - max(at, 0)]
            track[max(at, 0) :][: len(part)] = part
    return np.sqrt((track.reshape(-1, SAMPLES // 10) ** 2).mean(1))


@pytest.mark.parametrize("times", [2, 3])
def test_sound_that_begins_late_begins_in_its_place(tmp_path: Path, times: int) -> None:
    source, target = make_clip(tmp_path / "clip.mp4", [(0.5, 1.0)]), tmp_path / "out.mp4"
    slow_down(source, target, times)
    level = loudness(target, 2 * times)
    sounds = np.flatnonzero(level > level.max() / 2)
    assert sounds[0] == pytest.approx(5 * times, abs=1)
    assert sounds[-1] == pytest.approx(10 * times - 1, abs=1)


def test_gap_in_the_sound_stays_a_gap(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", [(0.0, 0.5), (1.5, 2.0)], codec="pcm_s16le")
    slow_down(source, tmp_path / "out.mkv", 2)
    level = loudness(tmp_path / "out.mkv", 4)
    assert (level[2:8] > level.max() / 2).all()
    assert (level[12:28] < level.max() / 100).all()
    assert (level[32:38] > level.max() / 2).all()


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_channels_are_kept(tmp_path: Path, layout: str) -> None:
    source, target = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    slow_down(make_clip(source, [(0, 2)], layout=layout), target, 2)
    with av.open(str(target)) as container:
        assert container.streams.audio[0].layout.name == layout


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    source, target = make_clip(tmp_path / "clip.mp4", [(0, 2)]), tmp_path / "out.mp4"
    slow_down(source, target, None)
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
