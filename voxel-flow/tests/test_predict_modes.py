"""What the command line makes of videos beyond plain interpolation."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import VideoReader, read_frames
from voxel_flow.predict import main

RATE = Fraction(24000, 1001)
TONE = 440  # hertz
DONE, NOTHING_DONE, PARTLY_DONE = 0, 2, 3


def scene(seed: int, shift: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(30, 220, (3, 4, 3), np.uint8)
    return np.roll(coarse.repeat(16, 0).repeat(16, 1), shift, axis=1)


def make_clip(
    path: Path,
    images: list[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    audio: bool = False,
    rotation: int = 0,
    full_range: bool = False,
    stamps: list[int] | None = None,
) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE)
        assert isinstance(video, VideoStream)
        height, width = images[0].shape[:2]
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        video.codec_context.time_base = Fraction(1, 24000)
        if rotation:
            video.set_display_rotation(rotation)
        if full_range:
            video.codec_context.color_range = 2
        sound = container.add_stream("aac", rate=48000, layout="stereo") if audio else None
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.time_base = Fraction(1, 24000)
            frame.pts = 1001 * index if stamps is None else stamps[index]
            container.mux(video.encode(frame))
        if sound is not None:
            assert isinstance(sound, AudioStream)
            wave = 8000 * np.sin(
                2 * np.pi * TONE / 48000 * np.arange(round(48000 * len(images) / RATE))
            )
            tone = av.AudioFrame.from_ndarray(
                wave.astype(np.int16).repeat(2)[None], "s16", "stereo"
            )
            tone.sample_rate, tone.pts, tone.time_base = 48000, 0, Fraction(1, 48000)
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
        container.mux(video.encode(None))
    return path


def moving(count: int) -> list[np.ndarray]:
    return [scene(1, 2 * k) for k in range(count)]


def times_of(path: Path) -> list[Fraction]:
    return [time for _, time in read_frames(path)]


def duration_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return stream.duration * stream.time_base


def sound_of(path: Path) -> tuple[float, np.ndarray, int]:
    """Return the start in seconds, the samples of the first channel, and their rate."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        start = frames[0].time
        assert start is not None
        return start, np.concatenate([f.to_ndarray()[0] for f in frames]), 48000


@pytest.mark.parametrize("times", [2, 3, 5])
def test_slow_motion_stretches_picture_and_sound(
    checkpoint: str, tmp_path: Path, times: int
) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(24), audio=True)
    target = tmp_path / "out.mp4"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--slow-motion", str(times)]) == DONE
    assert times_of(target) == [k / RATE for k in range(24 * times)]
    assert duration_of(target) == times * duration_of(source)
    start, samples, rate = sound_of(target)
    _, before, _ = sound_of(source)
    assert abs(start) < 0.03
    assert len(samples) == pytest.approx(times * len(before), rel=0.05)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * rate / len(samples) == pytest.approx(TONE, abs=5)


@pytest.mark.parametrize("options", [["--slow-motion", "2"], ["--times", "2"]])
def test_audio_can_be_dropped(checkpoint: str, tmp_path: Path, options: list[str]) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(5), audio=True)
    target = tmp_path / "out.mp4"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint, "--audio", "drop"]
    assert main([*arguments, *options]) == DONE
    with av.open(str(target)) as container:
        assert not container.streams.audio
    assert len(times_of(target)) == {"--slow-motion": 10, "--times": 9}[options[0]]


def test_slow_motion_keeps_a_variable_rate(checkpoint: str, tmp_path: Path) -> None:
    stamps = [0, 1000, 4000, 4500, 7500]
    source = make_clip(tmp_path / "clip.mp4", moving(5), audio=True, stamps=stamps)
    target = tmp_path / "out.mp4"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--slow-motion", "2"]) == DONE
    expected = [0, 1000, 2000, 5000, 8000, 8500, 9000, 12000, 15000, 18000]
    assert times_of(target) == [Fraction(stamp, 24000) for stamp in expected]


def test_cuts_and_duplicates_are_told(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [scene(1, 0), scene(1, 4), scene(1, 4), scene(1, 8)]
    images += [scene(2, 4 * k) for k in range(4)]
    source = make_clip(tmp_path / "clip.mkv", images, codec="ffv1", pixel_format="yuv444p")
    target = tmp_path / "out.mkv"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint, "--codec", "ffv1"]
    assert main(arguments) == DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("15 frames at 48000/1001 per second; 1 scene cut; 1 duplicated frame")
    made = [to_rgb(frame) for frame, _ in read_frames(target)]
    assert len(made) == 15
    np.testing.assert_array_equal(made[7], made[6])  # held: the nearer, the earlier of two as near
    assert np.abs(made[4].astype(int) - made[2]).max() > 20  # no longer a duplicate


def test_json_is_all_that_is_printed(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [scene(k // 4, 2 * k) for k in range(8)]
    source = make_clip(tmp_path / "clip.mkv", images, codec="ffv1")
    missing, folder = tmp_path / "missing.mp4", tmp_path / "out"
    arguments = [str(source), str(missing), "-o", str(folder), "--checkpoint", checkpoint]
    assert main([*arguments, "--json", "--times", "3"]) == PARTLY_DONE
    summary = json.loads(capsys.readouterr().out)
    (output,) = summary["outputs"]
    assert output.pop("seconds") > 0
    assert output == {
        "input": str(source),
        "output": str(folder / "clip.mkv"),
        "frames": 22,
        "rate": "72000/1001",
        "source_frames": 8,
        "synthesised_frames": 12,
        "duplicated_frames": 0,
        "cuts": [pytest.approx(float(4 / RATE))],
        "damage": None,
        "notices": [],
        "adaptation": None,
    }
    assert summary["left_out"] == [{"input": str(missing), "reason": f"{missing}: no such file"}]
    assert (summary["exit_code"], summary["device"]) == (PARTLY_DONE, "cpu")
    assert summary["checkpoints"] == [checkpoint]


def test_rotation_range_and_depth_are_kept(checkpoint: str, tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mp4",
        moving(3),
        codec="libx265",
        pixel_format="yuv420p10le",
        rotation=90,
        full_range=True,
    )
    target = tmp_path / "out.mp4"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--slow-motion", "2", "--codec", "libx265"]) == DONE
    with VideoReader(target) as reader:
        first = reader.first
        assert (first.rotation, first.format.name, first.color_range) == (90, "yuv420p10le", 2)
        assert len(list(reader.frames())) == 6


@pytest.mark.parametrize("images", [moving(4), [scene(1, 0), scene(1, 4), scene(1, 4)]])
def test_extrapolation_goes_on_with_a_video(
    checkpoint: str, tmp_path: Path, images: list[np.ndarray]
) -> None:
    source = make_clip(tmp_path / "clip.mkv", images, codec="ffv1")
    target = tmp_path / "out.mkv"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint, "--codec", "ffv1"]
    assert main([*arguments, "--extrapolate", "2"]) == DONE
    assert times_of(target) == [k / RATE for k in range(len(images) + 2)]
    pairs = zip(read_frames(source), read_frames(target), strict=False)
    for before, after in pairs:
        np.testing.assert_array_equal(before.frame.to_ndarray(), after.frame.to_ndarray())


def test_extrapolation_of_one_frame_is_refused(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_clip(tmp_path / "clip.mkv", moving(1), codec="ffv1")
    arguments = [str(source), "-o", str(tmp_path / "out.mkv"), "--checkpoint", checkpoint]
    assert main([*arguments, "--extrapolate", "1"]) == NOTHING_DONE
    (line,) = capsys.readouterr().err.splitlines()
    assert "clip.mkv: expected two frames or more" in line
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("rotation", [0, 90])
def test_compare_draws_a_plot_upright(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], rotation: int
) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(6), rotation=rotation)
    target = tmp_path / "plot.png"
    arguments = [str(source), "-o", str(target), "--checkpoint", checkpoint, "--compare"]
    assert main(arguments) == DONE
    assert capsys.readouterr().out == f"{target}: a plot\n"
    height, width = (48, 64) if rotation == 0 else (64, 48)
    with Image.open(target) as figure:
        assert figure.size == (7 * (width + 4) - 4, 18 + 4 * (height + 4) - 4)


@pytest.mark.parametrize(
    "options",
    [["--scale", "0.5"], ["--tile", "384"], ["--precision", "bf16"], ["--quality", "best"]],
)
def test_estimation_settings_change_no_count(
    checkpoint: str, tmp_path: Path, options: list[str]
) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(3))
    target = tmp_path / "out.mp4"
    assert main([str(source), "-o", str(target), "--checkpoint", checkpoint, *options]) == DONE
    assert len(times_of(target)) == 5


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--times", "2", "--slow-motion", "2"], "not allowed with argument --times"),
        (["--compare", "--extrapolate", "2"], "not allowed with argument --compare"),
        (["--slow-motion", "2", "--fps", "60"], "--fps: not allowed with --slow-motion"),
        (["--extrapolate", "2", "--fps", "60"], "--fps: not allowed with --extrapolate"),
        (["--compare", "--audio", "drop"], "--audio: not allowed with --compare"),
        (["--compare"], "out.mp4: expected a folder or a name in .png"),
        (["--slow-motion", "1"], "--slow-motion of at least 2, got 1"),
        (["--extrapolate", "0"], "--extrapolate of at least 1, got 0"),
        (["--resume", "--adapt", "1"], "--resume: not allowed with --adapt"),
        (["--resume", "--compare"], "--resume: not allowed with --compare"),
        (["--scale", "0"], "--scale above 0 and up to 1, got 0"),
        (["--tile", "100"], "tile of at least 384 pixels, got 100"),
        (["--precision", "int8"], "invalid choice: 'int8'"),
    ],
)
def test_options_that_do_not_fit_are_answered_in_one_line(
    checkpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    line: str,
) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(3))
    arguments = [str(source), "-o", str(tmp_path / "out.mp4"), "--checkpoint", checkpoint]
    try:
        code = main([*arguments, *options])
    except SystemExit as exit_:  # argparse's own errors
        code = exit_.code
    assert code == NOTHING_DONE
    (error,) = capsys.readouterr().err.splitlines()
    assert line in error
    assert list(tmp_path.iterdir()) == [source]
