"""What a video holds beside its images, and images that are not plain frames."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream
from PIL import Image

from vision_shared.inputs import InputError
from vision_shared.video.animation import is_video, open_video
from vision_shared.video.colour import to_rgb, to_rgba
from vision_shared.video.reader import TimedFrame, VideoReader
from vision_shared.video.writer import VideoWriter

RATE = 25
HEADER = b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n[Events]\n"
CHAPTERS: list[Any] = [
    {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
    {"id": 2, "start": 400, "end": 800, "time_base": Fraction(1, 1000), "metadata": {}},
]
# AVMasteringDisplayMetadata and AVContentLightMetadata: red, green, blue, white, luminance
DISPLAY = (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450)
X265 = "log-level=none:" + (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    ":max-cll=1000,400"
)


def make_video(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    frames: Callable[[int], np.ndarray] | None = None,
    kind: str = "rgb24",
) -> Path:
    with av.open(str(path), "w", options={"cluster_time_limit": "100"}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for index in range(20):
            image = np.full((48, 64, 3), 10 * index, np.uint8) if frames is None else frames(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, kind)))
        container.mux(stream.encode(None))
    return path


def make_rich(path: Path, text: str = "subrip") -> Path:
    """Write a video with two languages, subtitles, chapters and a title."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [container.add_stream("aac", rate=48000, layout="mono") for _ in range(2)]
        lines = container.add_stream(text)
        assert isinstance(lines, SubtitleStream)
        lines.codec_context.subtitle_header = HEADER
        for stream, language in zip((*sounds, lines), ("eng", "spa", "fra"), strict=True):
            stream.metadata["language"] = language
        container.metadata.update(title="Holiday", date="2024-05-01", mine="x")
        container.set_chapters(CHAPTERS)
        for index in range(20):
            image = np.full((48, 64, 3), 10 * index, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        for sound in sounds:
            assert isinstance(sound, AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 38400), np.int16), "s16", "mono")
            silence.sample_rate = 48000
            container.mux([*sound.encode(silence), *sound.encode(None)])
        container.mux(video.encode(None))
        content = b"Hello"
        packet = av.Packet(content if text == "subrip" else b"\0\5" + content)
        packet.stream, packet.time_base = lines, Fraction(1, 1000)
        packet.pts = packet.dts = 200
        packet.duration = 300
        container.mux(packet)
    return path


def copy(source: Path, target: Path, codec: str | None = None, stretch: int = 1) -> list[str]:
    with open_video(source) as reader:
        writer = VideoWriter(
            target, reader, rate=reader.rate, tick=reader.tick, codec=codec, stretch=stretch
        )
        with writer:
            for frame, time in reader.frames(writer.write_packet):
                writer.write(TimedFrame(frame, time * stretch))
        return [*reader.notices, *writer.notices]


@pytest.mark.parametrize(
    ("source", "target", "stretch", "lost"),
    [
        ("in.mkv", "out.mkv", 1, None),
        ("in.mkv", "out.mp4", 1, "the metadata MINE"),
        ("in.mp4", "out.mkv", 2, None),
        ("in.mkv", "out.mov", 2, "the metadata MINE"),
    ],
)
def test_all_that_the_container_takes_is_kept(
    tmp_path: Path, source: str, target: str, stretch: int, lost: str | None
) -> None:
    make_rich(tmp_path / source, "subrip" if source == "in.mkv" else "mov_text")
    notices = copy(tmp_path / source, tmp_path / target, stretch=stretch)
    said = f"{tmp_path / target}: not kept of the source: {lost}"
    assert notices == ([] if lost is None else [said])
    with av.open(str(tmp_path / target)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert (tags["title"], tags["date"]) == ("Holiday", "2024-05-01")
        chapters: list[Any] = list(container.chapters())
        starts = [chapter["start"] * chapter["time_base"] for chapter in chapters]
        assert starts == [0, Fraction(2, 5) * stretch]
        streams = (*container.streams.audio, *container.streams.subtitles)
        assert [stream.metadata["language"] for stream in streams] == ["eng", "spa", "fra"]
        packets: list[Any] = list(container.demux(container.streams.subtitles[0]))
        packets = [packet for packet in packets if packet.size > 2]
        assert [b"Hello" in bytes(p) for p in packets] == [True]
        assert float(packets[0].pts * packets[0].time_base) == pytest.approx(
            0.2 * stretch, abs=0.03
        )
        assert float(packets[0].duration * packets[0].time_base) == pytest.approx(0.3 * stretch)


@pytest.mark.parametrize(("target", "codec"), [("out.mp4", None), ("out.mkv", "libx265")])
def test_hdr_metadata_is_passed_on(
    tmp_path: Path, target: str, codec: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    source = make_video(
        tmp_path / "in.mkv",
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": X265},
    )
    assert copy(source, tmp_path / target, codec) == []
    with VideoReader(tmp_path / target) as reader:
        display = bytes(reader.first.side_data.get("MASTERING_DISPLAY_METADATA"))  # type: ignore[arg-type]
        light = bytes(reader.first.side_data.get("CONTENT_LIGHT_LEVEL"))  # type: ignore[arg-type]
    assert struct.unpack("=22i", display[:88])[:16:2] == DISPLAY
    assert struct.unpack("=2I", light) == (1000, 400)
    (notice,) = copy(source, tmp_path / "lossless.mkv", "ffv1")
    assert "HDR metadata (mastering display metadata)" in notice


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_interlaced_video_is_deinterlaced_and_said(tmp_path: Path, suffix: str) -> None:
    def fields(index: int) -> np.ndarray:  # a bar that moves on between the fields
        image = np.zeros((48, 64, 3), np.uint8)
        for field in range(2):
            left = 2 * (2 * index + field) % 48
            image[field::2, left : left + 12] = 220
        return image

    source = make_video(
        tmp_path / f"in{suffix}",
        codec="mpeg4",
        options={"flags": "+ildct+ilme", "top": "1", "qscale": "2"},
        frames=fields,
    )
    with VideoReader(source) as reader:
        frames = list(reader.frames())
        assert reader.notices == [f"{source}: is interlaced; its frames are deinterlaced"]
    assert [time for _, time in frames] == [Fraction(k, RATE) for k in range(20)]
    combs = [np.abs(np.diff(to_rgb(frame)[8:40].astype(int), axis=0)).mean() for frame, _ in frames]
    assert np.mean(combs) < 3  # of 11 as it is coded


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_pause_of_a_recording_is_no_damage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"screen{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stamp in (*range(10), *range(40, 60)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * stamp, np.uint8), "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        times = [time for _, time in reader.frames()]
        assert reader.damage is None and len(times) == 30
        assert float(times[10] - times[9]) == pytest.approx(31 / 30, abs=0.002)


def test_bytes_lost_from_a_matroska_file_are_damage(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    path = make_video(tmp_path / "clip.mkv", frames=lambda index: noise[index], options={"g": "4"})
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        assert len(list(reader.frames())) < 20
        assert reader.damage is not None and "damaged in" in reader.damage


def balls(index: int) -> Image.Image:
    image = np.zeros((48, 64, 4), np.uint8)
    image[..., 1] = 255  # what cannot be seen is green
    image[10:30, 3 * index : 3 * index + 20] = (200, 40, 30, 255)
    return Image.fromarray(image)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animations_are_videos(tmp_path: Path, suffix: str) -> None:
    path, images = tmp_path / f"a{suffix}", [balls(k) for k in range(4)]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=[100, 40, 10, 100], disposal=2
    )
    images[0].save(tmp_path / f"still{suffix}")
    assert is_video(path) and not is_video(tmp_path / f"still{suffix}")
    with open_video(path, None) as reader:
        frames = list(reader.frames())
        assert [float(time) for _, time in frames] == pytest.approx([0, 0.1, 0.14, 0.24])
        assert reader.num_frames == 4
    for number, (frame, _) in enumerate(frames):
        alpha = to_rgba(frame)[..., 3]
        assert alpha[20, 3 * number + 10] == 255 and alpha[20, 3 * number + 25] == 0
    (notice,) = copy(path, tmp_path / "out.mp4")
    assert notice.startswith(f"{path}: what is transparent becomes black")
    with VideoReader(tmp_path / "out.mp4") as written:
        assert to_rgb(written.first)[40, 40].max() < 8


@pytest.mark.parametrize(
    ("source", "codec", "pixel_format", "target", "lost"),
    [
        ("in.webm", "libvpx-vp9", "yuva420p", "out.mkv", None),
        ("in.mov", "prores_ks", "yuva444p10le", "out.mov", "more than 10 bits"),
        ("in.webm", "libvpx-vp9", "yuva420p", "out.mp4", "transparency"),
    ],
)
def test_transparency_is_kept_where_the_output_has_it(
    tmp_path: Path, source: str, codec: str, pixel_format: str, target: str, lost: str | None
) -> None:
    make_video(
        tmp_path / source,
        codec=codec,
        pixel_format=pixel_format,
        frames=lambda index: np.asarray(balls(index)),
        kind="rgba",
    )
    notices = copy(tmp_path / source, tmp_path / target)
    assert lost is None or lost in notices[0]
    with VideoReader(tmp_path / target) as reader:
        shown, black = to_rgba(reader.first), to_rgb(reader.first)
    expected = 255 if lost == "transparency" else 0
    assert abs(int(shown[40, 50, 3]) - expected) < 4 and shown[20, 10, 3] > 250
    assert black[40, 50].max() < 10 and black[20, 10, 0] > 180


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_unreadable_animation_is_one_line(tmp_path: Path, suffix: str) -> None:
    path, images = tmp_path / f"a{suffix}", [balls(k) for k in range(9)]
    images[0].save(path, save_all=True, append_images=images[1:])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(InputError, match=f"a{suffix}: ") as caught, open_video(path) as reader:
        raise AssertionError(f"{len(list(reader.frames()))} frames")
    assert "\n" not in str(caught.value)
