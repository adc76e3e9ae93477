"""What the command line makes of images."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import read_frames
from voxel_flow.predict import main

DONE, NOTHING_DONE, PARTLY_DONE = 0, 2, 3


def save(folder: Path, count: int, size: tuple[int, int] = (48, 64)) -> list[Path]:
    """Write flat images of levels 40, 50, ... under names that do not sort as text."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"frame{8 + k}.png" for k in range(count)]
    for k, path in enumerate(paths):
        Image.fromarray(np.full((*size, 3), 40 + 10 * k, np.uint8)).save(path)
    return paths


def levels(folder: Path) -> list[int]:
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"{k:05d}.png" for k in range(1, len(paths) + 1)]
    return [int(np.asarray(Image.open(path))[10, 10, 0]) for path in paths]


def test_two_images_become_frames_in_between(checkpoint: str, tmp_path: Path) -> None:
    first, last = save(tmp_path / "in", 2)
    target = tmp_path / "out"
    arguments = ["-o", str(target), "--checkpoint", checkpoint, "--times", "4"]
    assert main([str(first), str(last), *arguments]) == DONE
    assert levels(target) == pytest.approx([40, 43, 45, 48, 50], abs=1)
    assert main([str(last), str(first), *arguments, "--overwrite"]) == DONE
    assert levels(target) == pytest.approx([50, 47, 45, 42, 40], abs=1)  # in the order given


def test_folder_of_images_becomes_a_folder_of_frames(checkpoint: str, tmp_path: Path) -> None:
    save(tmp_path / "in", 4)
    target = tmp_path / "out"
    assert main([str(tmp_path / "in"), "-o", str(target), "--checkpoint", checkpoint]) == DONE
    assert levels(target) == [40, 45, 50, 55, 60, 65, 70]


def test_folders_become_folders(checkpoint: str, tmp_path: Path) -> None:
    for name, count in (("one", 2), ("two", 3)):
        save(tmp_path / name, count)
    target = tmp_path / "out"
    arguments = [str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(target)]
    assert main([*arguments, "--checkpoint", checkpoint]) == DONE
    assert levels(target / "one") == [40, 45, 50]
    assert levels(target / "two") == [40, 45, 50, 55, 60]


def test_folders_in_folders_become_folders(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("in", "in/one", "in/two"):
        save(tmp_path / name, 2)
    (tmp_path / "in/one/._frame8.png").write_bytes(b"what a Mac leaves")
    arguments = [str(tmp_path / "in"), "-o", str(tmp_path / "in/out"), "--checkpoint", checkpoint]
    for _ in range(2):  # the output lies in the input, and is none
        assert main([*arguments, "--times", "2", "--overwrite"]) == DONE
        for inner in ("in", "in_one", "in_two"):
            assert levels(tmp_path / "in/out" / inner) == [40, 45, 50]
    assert "6 files in 3 folders" in capsys.readouterr().err


def test_transparency_is_made_like_colour(checkpoint: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, alpha in enumerate((100, 200)):
        image = np.zeros((48, 64, 4), np.uint8)
        image[8:40, :, :] = (200, 40, 80, alpha)
        Image.fromarray(image).save(tmp_path / f"in/{number}.png")
    target = tmp_path / "out"
    assert main([str(tmp_path / "in"), "-o", str(target), "--checkpoint", checkpoint]) == DONE
    made = np.asarray(Image.open(target / "00002.png"))
    assert made[24, 32].tolist() == pytest.approx([200, 40, 80, 150], abs=2)
    assert made[2, 32, 3] == 0


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_become_animations(checkpoint: str, tmp_path: Path, suffix: str) -> None:
    images = [Image.fromarray(np.full((48, 64, 3), 40 * k, np.uint8)) for k in range(3)]
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    images[0].save(source, save_all=True, append_images=images[1:], duration=[100, 200, 100])
    assert main([str(source), "-o", str(target), "--checkpoint", checkpoint]) == DONE
    with Image.open(target) as made:
        shown = []
        for index in range(made.n_frames):  # type: ignore[attr-defined]
            made.seek(index)
            made.load()
            shown.append(made.info["duration"])
        assert shown[:4] == [50, 50, 100, 100] and len(shown) == 5


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_images_become_an_animation(checkpoint: str, tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "in", 3)
    target = tmp_path / f"out{suffix}"
    arguments = [str(tmp_path / "in"), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--times", "2", "--fps", "10"]) == DONE
    with Image.open(target) as image:
        shown = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            shown.append(int(np.asarray(image.convert("RGB"))[10, 10, 0]))
            assert image.info["duration"] == 100
    assert shown == pytest.approx([40, 45, 50, 55, 60], abs=2)


@pytest.mark.parametrize(
    ("options", "rate"), [([], 25), (["--fps", "29.97"], Fraction(30000, 1001))]
)
def test_images_become_a_video(
    checkpoint: str, tmp_path: Path, options: list[str], rate: Fraction
) -> None:
    save(tmp_path / "in", 3, (48, 64))
    target = tmp_path / "out.mp4"
    arguments = [str(tmp_path / "in"), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--times", "4", *options]) == DONE
    frames = list(read_frames(target))
    assert [time for _, time in frames] == [k / Fraction(rate) for k in range(9)]
    assert frames[0].frame.format.name == "yuv420p"
    shown = [int(to_rgb(frame).mean().round()) for frame, _ in frames]
    assert shown == pytest.approx(np.linspace(40, 60, 9), abs=2)


def test_extrapolation_goes_on_with_the_images(checkpoint: str, tmp_path: Path) -> None:
    save(tmp_path / "in", 3)
    target = tmp_path / "out"
    arguments = [str(tmp_path / "in"), "-o", str(target), "--checkpoint", checkpoint]
    assert main([*arguments, "--extrapolate", "2"]) == DONE
    made = levels(target)
    assert made[:3] == [40, 50, 60]
    assert len(made) == 5


def test_different_images_of_a_pair_are_not_held_as_a_cut(checkpoint: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (48, 64, 3), np.uint8)).save(path)
    target = tmp_path / "out"
    arguments = [*map(str, paths), "-o", str(target), "--checkpoint", checkpoint]
    assert main(arguments) == DONE
    one, middle, other = (np.asarray(Image.open(p)) for p in sorted(target.iterdir()))
    assert not np.array_equal(middle, one)
    assert not np.array_equal(middle, other)


def test_compare_of_a_pair_is_a_figure(checkpoint: str, tmp_path: Path) -> None:
    paths = save(tmp_path / "in", 2)
    target = tmp_path / "figure.png"
    arguments = [*map(str, paths), "-o", str(target), "--checkpoint", checkpoint, "--compare"]
    assert main(arguments) == DONE
    with Image.open(target) as figure:
        assert figure.size == (7 * (64 + 4) - 4, 18 + 48)


def test_unreadable_image_leaves_nothing_behind(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = save(tmp_path / "in", 4)
    paths[2].write_bytes(paths[2].read_bytes()[:60])
    for name in ("out", "out.gif", "out.mp4"):
        arguments = [str(tmp_path / "in"), "-o", str(tmp_path / name), "--checkpoint", checkpoint]
        assert main(arguments) == NOTHING_DONE
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{paths[2]}: " in line
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["in/frame8.png", "-o", "out"], "in/frame8.png: expected two images or more, got one"),
        (["in", "other/frame8.png", "-o", "out"], "either images or folders of images, got both"),
        (["in", "clip.mp4", "-o", "out"], "expected either videos or images, got both"),
        (["in", "-o", "out.avi"], "out.avi: expected a folder or a name in .mp4"),
        (["in", "-o", "in"], "in: the output is the input"),
        (["in", "-o", "full"], "full: is not empty; choose another name or add --overwrite"),
        (["in", "-o", "full", "--overwrite"], "full: is not replaced, for it holds notes.txt"),
        (["in", "-o", "there.gif"], "there.gif: exists already"),
        (["in", "other", "-o", "out.gif"], "out.gif: expected a folder for 2 inputs"),
        (
            ["in/frame8.png", "other/frame9.png", "-o", "out"],
            "is 32x16, but in/frame8.png is 64x48",
        ),
        (["in", "-o", "out", "--slow-motion", "2"], "images have no rate"),
        (["in", "-o", "out", "--fps", "30"], "images in a folder have no rate"),
        (["in", "-o", "out.gif", "--fps", "60"], "a GIF plays 50 frames/s at most, got 60"),
        (["in", "-o", "out.gif", "--codec", "ffv1"], "--codec is for videos"),
        (["in", "-o", "out.mp4", "--audio", "drop"], "--audio: images have none"),
        (["in", "-o", "out.gif", "--compare"], "out.gif: expected a folder or a name in .png"),
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
    save(tmp_path / "in", 2)
    save(tmp_path / "other", 2, (16, 32))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "there.gif").write_text("before")
    (tmp_path / "clip.mp4").write_text("no video")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["--checkpoint", checkpoint, *arguments]) == NOTHING_DONE
    (error,) = capsys.readouterr().err.splitlines()
    assert line in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
