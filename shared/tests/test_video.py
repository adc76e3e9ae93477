from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from vision_shared.inputs import InputError
from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import TimedFrame, VideoReader, read_frames
from vision_shared.video.writer import VideoWriter

NTSC = Fraction(30000, 1001)
WIDTH, HEIGHT = 64, 48


def picture(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return an image whose mean brightness tells its index."""
    image = np.full((height, width, 3), 10 * index % 250, np.uint8)
    image[: height // 2, (3 * index) % (width // 2) :][:, : width // 2] += 5
    return image


def make_clip(
    path: Path,
    *,
    num_frames: int = 10,
    rate: Fraction = NTSC,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    stamps: list[int] | None = None,
    time_base: Fraction | None = None,
    audio: str | None = None,
    rotation: int | None = None,
    aspect: Fraction | None = None,
    tags: dict[str, int] | None = None,
    options: dict[str, str] | None = None,
    audio_first: bool = False,
) -> Path:
    with av.open(str(path), "w", options=options or {}) as container:
        sound = container.add_stream("aac", rate=48000) if audio_first else None
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = time_base or 1 / rate
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        if audio and sound is None:
            sound = container.add_stream(audio, rate=48000, layout="stereo")
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), "rgb24")
            frame.pts, frame.time_base = (stamps or range(num_frames))[index], time_base or 1 / rate
            container.mux(stream.encode(frame))
        if sound is not None:
            assert isinstance(sound, AudioStream)
            for packet in encode_tone(sound, Fraction(num_frames) / rate):
                container.mux(packet)
        container.mux(stream.encode(None))
    return path


def encode_tone(stream: AudioStream, duration: Fraction) -> Iterator[av.Packet]:
    samples = int(duration * 48000)
    wave = (8000 * np.sin(np.arange(samples) / 20)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave.repeat(2)[None], format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    yield from stream.encode(frame)
    yield from stream.encode(None)


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return the bytes of a planar frame that are seen, without the padding of rows."""
    size = -(-frame.format.components[0].bits // 8)
    return [
        np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width * size]
        for plane in frame.planes
    ]


def copy(source: Path, target: Path, codec: str = "ffv1") -> None:
    """Write every frame and the audio of a video as they are."""
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader, rate=reader.rate, tick=reader.tick, codec=codec) as writer,
    ):
        for frame in reader.frames(writer.write_packet):
            writer.write(frame)


def times_of(path: Path) -> list[Fraction]:
    return [time for _, time in read_frames(path)]


def audio_packets(path: Path) -> list[tuple[str, Fraction, bytes]]:
    """Return the codec, the time and the content of every audio packet."""
    with av.open(str(path)) as container:
        return [
            (packet.stream.codec_context.name, packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".ts"])
def test_frames_come_in_order_at_exact_times(tmp_path: Path, suffix: str) -> None:
    clip = make_clip(tmp_path / f"clip{suffix}")
    frames = list(read_frames(clip))
    assert [time - frames[0].time for _, time in frames] == [k / NTSC for k in range(10)]
    assert [round(to_rgb(frame).mean() / 10) for frame, _ in frames] == list(range(10))


@pytest.mark.parametrize(
    "name", ["2024-05-01T12:30:00", "50%03d", "-o", "a 'b' \"c\"", "#1?x=2", "ü"]
)
def test_files_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4", num_frames=2).rename(f"{name}.mp4")
    copy(Path(f"{name}.mp4"), Path(f"{name}2.mkv"), "libx264")
    assert len(times_of(Path(f"{name}2.mkv"))) == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_reader_tells_what_to_expect(tmp_path: Path) -> None:
    with VideoReader(make_clip(tmp_path / "clip.mkv", rate=2 * NTSC)) as reader:
        assert reader.rate == 2 * NTSC  # Matroska says 19001/317
        assert reader.num_frames == 10
        assert reader.duration == pytest.approx(10 / (2 * NTSC), abs=0.001)


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    stamps = [0, 3003, 9000, 9500, 14000]
    clip = make_clip(
        tmp_path / "clip.mp4", num_frames=5, stamps=stamps, time_base=Fraction(1, 90000)
    )
    assert times_of(clip) == [Fraction(stamp, 90000) for stamp in stamps]


def test_first_frame_is_there_before_reading(tmp_path: Path) -> None:
    with VideoReader(make_clip(tmp_path / "clip.mp4")) as reader:
        assert reader.first.width == WIDTH
        assert next(reader.frames()).frame is reader.first


def test_unreadable_videos_are_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video" * 100)
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        for packet in encode_tone(container.add_stream("aac", rate=48000), Fraction(1, 5)):
            container.mux(packet)
    for name in ("text", "empty", "sound", "missing"):
        with pytest.raises(InputError, match=f"{name}.mp4: ") as caught:
            VideoReader(tmp_path / f"{name}.mp4")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cut_off_video_gives_what_is_there_and_says_where_it_stops(
    tmp_path: Path, suffix: str
) -> None:
    whole = make_clip(
        tmp_path / f"whole{suffix}",
        num_frames=60,
        options={"movflags": "faststart"} if suffix == ".mp4" else None,
    )
    cut = tmp_path / f"cut{suffix}"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 6 // 10])
    with VideoReader(cut) as reader:
        num_read = len(list(reader.frames()))
        assert 10 < num_read < 60
        stops = float(num_read / NTSC)
        assert reader.damage is not None
        assert reader.damage.startswith(f"{cut}: stops after {stops:.2f} s of 2.00 s: ")
    with VideoReader(whole) as reader:
        assert len(list(reader.frames())) == 60
        assert reader.damage is None


def test_damage_in_the_middle_is_left_out_and_told(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=60)
    content = bytearray(clip.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 200] = bytes(200)
    clip.write_bytes(content)
    with VideoReader(clip) as reader:
        times = [time for _, time in reader.frames()]
        assert 40 < len(times) < 60
        assert times[-1] == 59 / NTSC
        assert reader.damage is not None
        assert f"{clip}: damaged in " in reader.damage
    with pytest.raises(InputError, match="damaged in"):
        list(read_frames(clip))


def test_change_of_size_stops_reading(tmp_path: Path) -> None:
    parts = [make_clip(tmp_path / f"{n}.ts", size=(n, 48), num_frames=5) for n in (64, 96)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoReader(joined) as reader:
        assert {frame.width for frame, _ in reader.frames()} == {64}
        assert "size or pixel format changes" in (reader.damage or "")


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "gray"])
def test_lossless_codec_gets_the_frames_untouched(tmp_path: Path, pixel_format: str) -> None:
    clip = make_clip(tmp_path / "clip.mkv", codec="ffv1", pixel_format=pixel_format)
    copy(clip, tmp_path / "copy.mkv")
    pairs = list(zip(read_frames(clip), read_frames(tmp_path / "copy.mkv"), strict=True))
    assert len(pairs) == 10
    for before, after in pairs:
        assert after.frame.format.name == pixel_format
        assert after.time == before.time
        for one, other in zip(planes_of(before.frame), planes_of(after.frame), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_description_of_the_picture_is_copied(tmp_path: Path, suffix: str) -> None:
    tags = {"colorspace": 5, "color_range": 1, "color_primaries": 5, "color_trc": 6}
    clip = make_clip(tmp_path / "clip.mov", rotation=90, aspect=Fraction(4, 3), tags=tags)
    copy(clip, tmp_path / f"copy{suffix}", "libx264")
    with VideoReader(tmp_path / f"copy{suffix}") as reader:
        assert reader.first.rotation == 90
        assert reader.stream.sample_aspect_ratio == Fraction(4, 3)
        assert {name: getattr(reader.first, name) for name in tags} == tags


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_rates_and_times_are_exact_in_the_file(tmp_path: Path, suffix: str) -> None:
    copy(make_clip(tmp_path / "clip.mkv"), tmp_path / f"copy{suffix}", "libx264")
    with av.open(str(tmp_path / f"copy{suffix}")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == NTSC
        assert stream.time_base is not None
        steps = {packet.duration for packet in container.demux(stream) if packet.size}
    assert {step * stream.time_base for step in steps if step} == {1 / NTSC}


def test_odd_sizes_are_written(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", codec="ffv1", size=(63, 47))
    copy(clip, tmp_path / "copy.mp4", "libx264")
    frames = [to_rgb(frame) for frame, _ in read_frames(tmp_path / "copy.mp4")]
    assert frames[4].shape == (47, 63, 3)
    assert np.abs(frames[4].astype(int) - picture(4, 63, 47)).mean() < 2


def test_pictures_that_the_encoder_would_spoil_are_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", codec="ffv1", pixel_format="bgr0")
    with pytest.raises(InputError, match="cannot hold the source's bgr0 images without loss"):
        copy(clip, tmp_path / "copy.mp4", "libx264")
    copy(clip, tmp_path / "copy.mkv", "ffv1")


@pytest.mark.parametrize(
    ("name", "codec", "line"),
    [
        ("copy.mov", "nonsense", "no encoder is called 'nonsense'"),
        ("copy.mov", "aac", "aac encodes audio"),
        ("copy.mp4", "utvideo", r"\.mp4 files cannot hold utvideo; use \.mkv"),
        ("clip.mp4", "libx264", "exists already"),
    ],
)
def test_impossible_outputs_leave_nothing_behind(
    tmp_path: Path, name: str, codec: str, line: str
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    content = clip.read_bytes()
    with pytest.raises(InputError, match=line):
        copy(clip, tmp_path / name, codec)
    assert list(tmp_path.iterdir()) == [clip]
    assert clip.read_bytes() == content


def test_interrupted_output_leaves_nothing_behind(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=60, audio="aac")

    def write_half(reader: VideoReader) -> None:
        target = tmp_path / "copy.mp4"
        with VideoWriter(target, reader, rate=NTSC, tick=reader.tick) as writer:
            for frame in reader.frames(writer.write_packet):
                writer.write(frame)
                if frame.time > 1:
                    raise KeyboardInterrupt

    with VideoReader(clip) as reader, pytest.raises(KeyboardInterrupt):
        write_half(reader)
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_audio_packets_are_copied_in_time(tmp_path: Path, suffix: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4", audio="aac")
    copy(clip, tmp_path / f"copy{suffix}", "libx264")
    before, after = audio_packets(clip), audio_packets(tmp_path / f"copy{suffix}")
    assert [content for *_, content in after] == [content for *_, content in before]
    # Matroska has no negative times: it moves everything, the images as well
    moved = times_of(tmp_path / f"copy{suffix}")[0] - times_of(clip)[0]
    for (_, one, _), (_, other, _) in zip(before, after, strict=True):
        assert float(other - one) == pytest.approx(float(moved), abs=0.001)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "pcm_mulaw"), (".mkv", "pcm_alaw")])
def test_audio_that_the_container_does_not_take_is_encoded(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    clip = make_clip(tmp_path / "clip.mov", audio=codec, num_frames=30)
    copy(clip, tmp_path / f"copy{suffix}", "libx264")
    packets = audio_packets(tmp_path / f"copy{suffix}")
    assert {name for name, *_ in packets} == {"aac"}
    assert float(packets[-1][1]) == pytest.approx(1, abs=0.05)


def test_sound_stays_with_the_picture_where_the_clock_starts_late(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", audio="aac")
    copy(clip, tmp_path / "copy.mp4", "libx264")

    def lead(path: Path) -> float:
        with av.open(str(path)) as container:
            first = next(container.decode(video=0))
            return float(first.time) - float(audio_packets(path)[0][1])

    assert lead(tmp_path / "copy.mp4") == pytest.approx(lead(clip), abs=0.002)
    assert times_of(tmp_path / "copy.mp4")[0] < 0.1


def test_audio_is_interleaved_with_the_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=90, audio="aac")
    copy(clip, tmp_path / "copy.mkv")
    with av.open(str(tmp_path / "copy.mkv")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert sum(one != other for one, other in pairwise(kinds)) > 50


def test_last_frames_come_where_the_sound_is_the_first_stream(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=40, audio="aac", audio_first=True)
    copy(clip, tmp_path / "copy.mp4", "libx264")
    for path in (clip, tmp_path / "copy.mp4"):
        assert times_of(path) == [k / NTSC for k in range(40)]
    contents = [
        [content for *_, content in audio_packets(p)] for p in (clip, tmp_path / "copy.mp4")
    ]
    assert contents[0] == contents[1]


def test_reading_is_lazy(tmp_path: Path) -> None:
    with VideoReader(make_clip(tmp_path / "clip.mp4", num_frames=200, audio="aac")) as reader:
        seen: list[av.Packet] = []
        frames = reader.frames(seen.append)
        for _ in range(3):
            assert isinstance(next(frames), TimedFrame)
        assert len(seen) < 100  # of about 300
