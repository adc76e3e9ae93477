"""A long video that is interrupted goes on where it stopped, with the same command."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from vision_shared.video.reader import read_frames
from voxel_flow.interpolation import segments
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.interpolation.modes import Extrapolate, Multiply, Resample, SlowDown
from voxel_flow.interpolation.options import parse
from voxel_flow.predict import main

NUM_FRAMES = 24
DONE, INTERRUPTED = 0, 130


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        sound = container.add_stream("aac", rate=48000, layout="mono")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.metadata["title"] = "a long one"
        wide = np.random.default_rng(0).integers(20, 230, (6, 10, 3), np.uint8)
        wide = wide.repeat(8, 0).repeat(8, 1)
        for index in range(NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:, index % 16 :][:, :64]))
            frame.pts = index
            container.mux(video.encode(frame))
        wave = 8000 * np.sin(np.arange(48000 * NUM_FRAMES // 25) / 20)
        tone = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        tone.sample_rate = 48000
        container.mux(sound.encode(tone))
        container.mux([*sound.encode(None), *video.encode(None)])
    return path


def content(path: Path) -> tuple[list, list[bytes], str]:
    frames = [(time, frame.to_ndarray().tobytes()) for frame, time in read_frames(path)]
    with av.open(str(path)) as container:
        sound = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        return frames, sound, container.metadata["title"]


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Interrupt, as Ctrl-C does, when a model has made so many frames."""
    estimate, made = FrameInterpolator._estimate_all, iter(range(count))

    def counted(*arguments):
        if next(made, None) is None:
            raise KeyboardInterrupt
        return estimate(*arguments)

    monkeypatch.setattr(FrameInterpolator, "_estimate_all", counted)


@pytest.mark.parametrize(
    ("options", "num_stops"),
    [
        (["--times", "2"], 2),
        (["--slow-motion", "2"], 2),
        (["--fps", "40"], 2),
        (["--extrapolate", "9"], 1),
    ],
)
def test_interrupted_video_equals_an_uninterrupted_one(
    checkpoint: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    options: list[str],
    num_stops: int,
) -> None:
    monkeypatch.setattr(segments, "LENGTH", 10)
    arguments = [str(clip), "--checkpoint", checkpoint, "--codec", "ffv1", *options]
    assert main([*arguments, "-o", str(tmp_path / "plain.mkv")]) == DONE
    target = tmp_path / "out.mkv"
    for _ in range(num_stops):
        with monkeypatch.context() as patched:
            stop_after(patched, 8)
            assert main([*arguments, "-o", str(target), "--resume"]) == INTERRUPTED
        assert not target.exists()
    capsys.readouterr()
    assert main([*arguments, "-o", str(target), "--resume"]) == DONE
    assert "goes on after" in capsys.readouterr().err
    assert content(target) == content(tmp_path / "plain.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out.mkv", "plain.mkv"]


def test_killed_process_leaves_what_the_same_command_goes_on_with(
    checkpoint: str, clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    arguments = [str(clip), "-o", str(target), "--checkpoint", checkpoint, "--resume"]
    arguments += ["--times", "40"]
    process = subprocess.Popen(
        [sys.executable, "-m", "voxel_flow.predict", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    parts, deadline = tmp_path / "out.mp4.parts", time.monotonic() + 300  # a busy machine
    try:
        while not list(parts.glob("*.packets")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert not target.exists()
    assert main(arguments) == DONE
    assert len(list(read_frames(target))) == 40 * (NUM_FRAMES - 1) + 1
    assert not parts.exists()


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ([], Multiply(2)),
        (["--times", "3"], Multiply(3)),
        (["--slow-motion", "4"], SlowDown(4)),
        (["--fps", "60"], Resample(60)),  # type: ignore[arg-type]
        (["--extrapolate", "1"], Extrapolate(1)),
    ],
)
def test_mode_is_decided_once(clip: Path, tmp_path: Path, options: list[str], mode: object) -> None:
    request = parse([str(clip), "-o", str(tmp_path / "out.mkv"), *options])
    assert [job.mode for job in request.jobs] == [mode]
