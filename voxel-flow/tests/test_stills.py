from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision_shared.inputs import InputError
from vision_shared.video.colour import to_rgb
from voxel_flow.interpolation.stills import ImageSequence, write_animation, write_images

RATE = Fraction(25)


def pictures(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 256, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        for _ in range(count)
    ]


def save(folder: Path, images: list[np.ndarray]) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def timed(images: Iterable[np.ndarray], rate: Fraction = RATE) -> Iterator[tuple]:
    return ((image, number / rate) for number, image in enumerate(images))


def durations(path: Path) -> list[int]:
    with Image.open(path) as image:
        found = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            found.append(image.info["duration"])
        return found


def test_images_are_frames_at_a_rate(tmp_path: Path) -> None:
    images = pictures(3)
    sequence = ImageSequence(save(tmp_path, images), RATE)
    frames = list(sequence.frames())
    assert [time for _, time in frames] == [k / RATE for k in range(3)]
    for (frame, _), image in zip(frames, images, strict=True):
        np.testing.assert_array_equal(to_rgb(frame), image)


@pytest.mark.parametrize(("height", "matrix"), [(32, 6), (720, 1)])
def test_images_for_a_video_are_what_players_show_and_say_so(
    tmp_path: Path, height: int, matrix: int
) -> None:
    images = pictures(2, height)
    sequence = ImageSequence(save(tmp_path, images), RATE, lambda has_alpha: "yuv420p")
    for (frame, _), image in zip(sequence.frames(), images, strict=True):
        assert (frame.format.name, int(frame.colorspace)) == ("yuv420p", matrix)
        inside = (slice(2, 6), slice(2, 6))
        assert np.abs(to_rgb(frame)[inside].astype(int) - image[inside]).mean() < 4


def test_unfit_sequences_are_refused_in_one_line(tmp_path: Path) -> None:
    paths = save(tmp_path, [*pictures(2), np.zeros((40, 40, 3), np.uint8)])
    with pytest.raises(InputError, match=r"0\.png: expected two images or more, got one"):
        ImageSequence(paths[:1], RATE)
    with pytest.raises(InputError, match=r"2\.png: is 40x40, but .*0\.png is 48x32"):
        list(ImageSequence(paths, RATE).frames())
    paths[1].write_bytes(paths[1].read_bytes()[:50])
    with pytest.raises(InputError, match=r"1\.png: "):
        list(ImageSequence(paths, RATE).frames())


def test_images_are_written_numbered(tmp_path: Path) -> None:
    images = pictures(11)
    write_images(tmp_path / "out", iter(images))
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == [f"{k:05d}.png" for k in range(1, 12)]
    for path, image in zip(written, images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
def test_animation_lasts_as_long_as_its_rate_says(
    tmp_path: Path, suffix: str, rate: Fraction
) -> None:
    path = tmp_path / f"out{suffix}"
    write_animation(path, timed(pictures(10), rate), rate)
    found = durations(path)
    unit = {".gif": 10, ".webp": 1}[suffix]
    assert len(found) == 10
    assert abs(sum(found) - 10_000 / rate) <= unit / 2
    assert all(abs(duration - 1000 / rate) <= unit for duration in found)
    with Image.open(path) as image:
        assert image.info["loop"] == 0


def test_animation_looks_like_its_pictures(tmp_path: Path) -> None:
    images = pictures(3)
    for suffix, tolerance in ((".gif", 1), (".webp", 12)):
        path = tmp_path / f"out{suffix}"
        write_animation(path, timed(images), RATE)
        with Image.open(path) as animation:
            for index, image in enumerate(images):
                animation.seek(index)
                shown = np.asarray(animation.convert("RGB")).astype(int)
                assert np.abs(shown - image).mean() < tolerance


def test_gif_that_players_would_slow_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a GIF plays 50 frames/s at most, got 60"):
        write_animation(tmp_path / "out.gif", timed(pictures(2)), Fraction(60))


def test_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from pictures(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_images(tmp_path / "out", broken())
    for name in ("out.gif", "out.webp"):
        with pytest.raises(KeyboardInterrupt):
            write_animation(tmp_path / name, timed(broken()), RATE)
    assert list(tmp_path.iterdir()) == []
