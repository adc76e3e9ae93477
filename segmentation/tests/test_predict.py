"""What a user does with a checkpoint: images and videos in, files out, one line for a mistake."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from segmentation.data.people import PEOPLE_CLASSES
from segmentation.predict import main
from segmentation.segmenter import Segmenter
from segmentation.weights import SHIPPED
from vision_shared.checkpoints import read_checkpoint, write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode


def write_picture(path: Path, size: tuple[int, int] = (50, 37)) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write_video(path: Path, frames: int = 4) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        rng = np.random.default_rng(0)
        for _ in range(frames):
            picture = rng.integers(0, 256, (32, 48, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def run(checkpoint: Path, *arguments: str | Path) -> int:
    return main([str(a) for a in ("--checkpoint", checkpoint, *arguments)])


def test_picture_becomes_labels_overlay_stages_and_areas(
    cascade_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    assert run(cascade_checkpoint, source, "-o", out) == ExitCode.DONE
    with Image.open(out / "photo.png") as labels:
        assert (labels.mode, labels.size) == ("P", (50, 37))
        assert labels.getpalette()[:9] == [0, 0, 0, 200, 0, 0, 0, 200, 0]  # type: ignore[index]
        ids = np.asarray(labels)
    expected = Segmenter.from_checkpoint(cascade_checkpoint)(read_image(source))
    assert np.array_equal(ids, expected.labels)
    for name in ("photo_overlay.png", "photo_stages.png"):
        assert read_image(out / name).shape == (37, 50, 3)
    facts = json.loads((out / "photo.json").read_text())
    assert sum(facts["areas"].values()) == pytest.approx(1)
    assert sum(facts["stages"]) == pytest.approx(1)
    assert "photo.png: " in capsys.readouterr().out


def test_windows_and_mirror_need_no_stages(cascade_checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png", (90, 70)), tmp_path / "out"
    assert run(cascade_checkpoint, source, "-o", out, "--window", "40", "--mirrored") == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "photo.json", "photo.png", "photo_overlay.png",
    ]  # fmt: skip


def test_video_is_streamed_frame_by_frame(cascade_checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_video(tmp_path / "clip.mp4"), tmp_path / "out"
    assert run(cascade_checkpoint, source, "-o", out) == ExitCode.DONE
    for name in ("clip_overlay.mp4", "clip_stages.mp4"):
        with av.open(str(out / name)) as made:
            assert sum(1 for _ in made.decode(video=0)) == 4
    lines = [json.loads(line) for line in (out / "clip.jsonl").read_text().splitlines()]
    assert [line["time"] for line in lines] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert all(sum(line["areas"].values()) == pytest.approx(1) for line in lines)


def test_time_of_an_image_limits_who_goes_on(cascade_checkpoint: Path, tmp_path: Path) -> None:
    source = write_picture(tmp_path / "photo.png")
    checkpoint = read_checkpoint(cascade_checkpoint)
    write_checkpoint(  # all pixels go on, if there is time
        cascade_checkpoint,
        task="segmentation",
        hyper_parameters=checkpoint.hyper_parameters,
        state_dict={**checkpoint.state_dict, "net.rho": torch.ones(2)},
    )
    stages = {}
    for milliseconds in ("0.001", "100000"):
        out = tmp_path / milliseconds
        assert run(cascade_checkpoint, source, "-o", out, "--milliseconds", milliseconds) == 0
        stages[milliseconds] = json.loads((out / "photo.json").read_text())["stages"]
    assert stages["0.001"] == [1.0]
    free = tmp_path / "free"
    assert run(cascade_checkpoint, source, "-o", free) == 0
    assert stages["100000"] == json.loads((free / "photo.json").read_text())["stages"]
    assert stages["100000"] == [0.0, 0.0, 1.0]
    windows = ("--window", "40", "--milliseconds", "20")
    assert run(cascade_checkpoint, source, "-o", tmp_path / "w", *windows) == 2


def test_comparison_shows_both_networks(
    cascade_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_video(tmp_path / "clip.mp4"), tmp_path / "out"
    compare = ("--compare", cascade_checkpoint, "--json")
    assert run(cascade_checkpoint, source, "-o", out, *compare) == ExitCode.DONE
    summary = json.loads(capsys.readouterr().out)
    rates = summary["outputs"][0]["frames_per_second"]
    assert list(rates) == ["cascade", "cascade (2)"]
    assert [p.name for p in out.iterdir()] == ["clip_compare.mp4"]


def test_bad_inputs_are_named_skipped_and_counted(
    cascade_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    good, out = write_picture(tmp_path / "good.png"), tmp_path / "out"
    broken, gone = tmp_path / "broken.jpg", tmp_path / "gone.png"
    broken.write_bytes(b"no image")
    assert run(cascade_checkpoint, good, broken, gone, "-o", out) == ExitCode.PARTLY_DONE
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"predict: {broken}: not an image that can be read",
        f"predict: {gone}: no such file",
        "predict: 2 of 3 inputs skipped",
    ]
    assert not list(out.glob("broken*")) and not list(out.glob(".*"))
    assert run(cascade_checkpoint, broken, "-o", out) == ExitCode.NOTHING_DONE


def test_weights_that_ship_are_used_without_a_checkpoint(tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    assert main([str(source), "-o", str(out)]) == ExitCode.DONE
    segmenter = Segmenter.from_checkpoint(SHIPPED)
    assert np.array_equal(
        np.asarray(Image.open(out / "photo.png")), segmenter(read_image(source)).labels
    )
    assert segmenter.classes == PEOPLE_CLASSES["parts"]
    assert segmenter.inference.long_side is not None
    assert {p.dtype for p in segmenter.network.parameters()} == {torch.float32}
    assert SHIPPED.stat().st_size < 12e6 and SHIPPED.with_suffix(".md").is_file()


def test_existing_outputs_are_kept(cascade_checkpoint: Path, tmp_path: Path) -> None:
    source, out = write_picture(tmp_path / "photo.png"), tmp_path / "out"
    out.mkdir()
    (out / "photo.json").write_text("mine")
    assert run(cascade_checkpoint, source, "-o", out) == ExitCode.NOTHING_DONE
    assert (out / "photo.json").read_text() == "mine"
    assert len(list(out.iterdir())) == 1
    assert run(cascade_checkpoint, source, "-o", out, "--overwrite") == ExitCode.DONE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "-o", "out", "--checkpoint", "none.ckpt"], "no such checkpoint"),
        (["a.png", "a.jpg", "a_jpg.png", "-o", "out"], "would both become a_jpg*"),
        (["a.png"], "-o/--output"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_picture(tmp_path / "a.png")
    command = [sys.executable, "-m", "segmentation.predict", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.NOTHING_DONE
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import segmentation.predict, sys; print([m for m in ('torch', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
