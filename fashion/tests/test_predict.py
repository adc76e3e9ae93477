"""What a user does with a checkpoint: images and videos in, files out, one line for a mistake."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fashion.data.taxonomy import SLOTS, TYPES
from fashion.predict import main
from fashion.recogniser import GarmentRecogniser
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode


def write_picture(path: Path, size: tuple[int, int] = (50, 37)) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write_video(path: Path, frames: int = 4, rotation: int | None = None) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        rng = np.random.default_rng(0)
        for _ in range(frames):
            picture = rng.integers(0, 256, (32, 48, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def run(checkpoint: Path, *arguments: str | Path) -> int:
    return main([str(a) for a in ("--checkpoint", checkpoint, *arguments)])


def test_picture_becomes_garments_and_a_drawing(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    assert run(checkpoint, source, "-o", out, "--min-score", "0") == ExitCode.DONE
    garments = json.loads((out / "photo.json").read_text())["garments"]
    expected = GarmentRecogniser.from_checkpoint(checkpoint, min_score=0)(read_image(source))
    assert len(garments) == len(expected) > 0
    best = garments[0]
    assert best["box"] == pytest.approx(expected[0].box, abs=0.1) and best["type"] in TYPES
    assert best["category"] == expected[0].category
    assert best["attributes"] == pytest.approx(expected[0].attributes, abs=1e-4)
    assert set(best["landmarks"]) <= set(SLOTS)
    assert read_image(out / "photo_garments.png").shape == (37, 50, 3)
    assert f"photo.png: {expected[0].category}" in capsys.readouterr().out


def test_a_picture_can_be_the_garment_or_show_none(checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    assert run(checkpoint, source, "-o", out, "--whole") == ExitCode.DONE
    (garment,) = json.loads((out / "photo.json").read_text())["garments"]
    assert garment["box"] == [0, 0, 50, 37] and garment["type"] == "garment"
    again = ("--overwrite", "--min-score", "1")
    assert run(checkpoint, source, "-o", out, *again) == ExitCode.DONE
    assert json.loads((out / "photo.json").read_text())["garments"] == []


def test_a_cascade_gives_landmarks_alone(cascade_checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    assert run(cascade_checkpoint, source, "-o", out) == ExitCode.DONE
    (garment,) = json.loads((out / "photo.json").read_text())["garments"]
    assert sorted(garment) == ["box", "landmarks", "score", "type"]


def test_video_is_streamed_frame_by_frame_as_the_phone_was_held(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_video(tmp_path / "clip.mp4", rotation=90), tmp_path / "out"
    assert run(checkpoint, source, "-o", out, "--whole", "--json") == ExitCode.DONE
    with av.open(str(out / "clip_garments.mp4")) as made:
        frames = list(made.decode(video=0))
    assert [(f.width, f.height, f.rotation) for f in frames] == [(48, 32, 90)] * 4
    lines = [json.loads(line) for line in (out / "clip.jsonl").read_text().splitlines()]
    assert [line["time"] for line in lines] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [line["garments"][0]["box"] for line in lines] == [[0, 0, 32, 48]] * 4
    summary = json.loads(capsys.readouterr().out)
    assert summary["outputs"][0]["with_garments"] == 4 and summary["exit_code"] == 0


def test_bad_inputs_are_named_skipped_and_counted(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    good, out = write_picture(tmp_path / "good.png"), tmp_path / "out"
    broken, gone = tmp_path / "broken.jpg", tmp_path / "gone.png"
    broken.write_bytes(b"no image")
    assert run(checkpoint, good, broken, gone, "-o", out) == ExitCode.PARTLY_DONE
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"predict: {broken}: not an image that can be read",
        f"predict: {gone}: no such file",
        "predict: 2 of 3 inputs skipped",
    ]
    assert not list(out.glob("broken*")) and not list(out.glob(".*"))
    assert run(checkpoint, broken, "-o", out) == ExitCode.NOTHING_DONE


def test_damaged_video_is_used_as_far_as_it_goes(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    whole = write_video(tmp_path / "whole.mkv", 60)
    cut, out = tmp_path / "cut.mkv", tmp_path / "out"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert run(checkpoint, cut, "-o", out, "--whole") == ExitCode.PARTLY_DONE
    assert "cut.mkv: stops after" in capsys.readouterr().err
    assert 0 < len((out / "cut.jsonl").read_text().splitlines()) < 60


def test_existing_outputs_are_kept(checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    out.mkdir()
    (out / "photo.json").write_text("mine")
    assert run(checkpoint, source, "-o", out) == ExitCode.NOTHING_DONE
    assert (out / "photo.json").read_text() == "mine"
    assert len(list(out.iterdir())) == 1
    assert run(checkpoint, source, "-o", out, "--overwrite") == ExitCode.DONE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "-o", "out", "--checkpoint", "none.ckpt"], "no such checkpoint"),
        (["a.png", "a.jpg", "a_jpg.png", "-o", "out"], "would both become a_jpg*"),
        (["a.png"], "-o/--output"),
        (["a.png", "-o", "out", "--min-score", "2"], "from 0 to 1"),
        (["a.png", "-o", "out", "--checkpoint", "last"], "make train TASK=fashion"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_picture(tmp_path / "a.png")
    command = [sys.executable, "-m", "fashion.predict", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.NOTHING_DONE
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_imports_nothing_heavy() -> None:
    code = "import fashion.predict, sys; print([m for m in ('torch', 'av') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
