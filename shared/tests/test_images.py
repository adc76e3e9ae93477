import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision_shared.images import READABLE, read_image, write_image
from vision_shared.inputs import InputError


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_formats_return_what_was_written(
    tmp_path: Path, picture: np.ndarray, suffix: str
) -> None:
    write_image(tmp_path / f"a{suffix}", picture)
    read = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read, picture)
    assert read.flags.writeable


def test_orientation_tag_is_applied(tmp_path: Path, picture: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(picture, -1))


def test_grey_becomes_rgb(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[..., 0]).save(tmp_path / "a.png")
    expected = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_sixteen_bit_grey_is_scaled(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[10, 20, 30], [200, 100, 0]]]


def test_transparency_is_composited_on_black(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[200, 100, 50], [0, 0, 0], [100, 50, 25]]]


@pytest.mark.parametrize("name", ["a.heic", "a.hif", "a.avif", "a.jfif", "really HEIF.jpg"])
def test_formats_of_telephones_and_browsers_are_read(
    tmp_path: Path, picture: np.ndarray, name: str
) -> None:
    heif = pytest.importorskip("pillow_heif")
    large = picture.repeat(16, 0).repeat(16, 1)
    if name.startswith(("a.h", "really")):
        heif.from_pillow(Image.fromarray(large)).save(tmp_path / name, quality=95)
    else:
        form = "AVIF" if name.endswith("avif") else "JPEG"
        Image.fromarray(large).save(tmp_path / name, form, quality=95)
    assert Path(name).suffix in READABLE
    assert np.abs(read_image(tmp_path / name).astype(int) - large).mean() < 12


def test_heic_without_its_package_names_the_remedy(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from vision_shared.images import read_image\n"
        "try:\n    read_image(sys.argv[1])\nexcept ValueError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.heic")], capture_output=True, text=True
    )
    assert (
        done.stdout
        == f"{tmp_path / 'a.heic'}: a HEIC image; `pip install pillow-heif` to read it\n"
    )


def test_unreadable_pictures_are_named_in_one_line(tmp_path: Path, picture: np.ndarray) -> None:
    write_image(tmp_path / "whole.png", picture.repeat(20, 0).repeat(20, 1))
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    for name in ("cut", "text", "empty", "missing"):
        with pytest.raises(InputError, match=f"{name}.png: ") as caught:
            read_image(tmp_path / f"{name}.png")
        assert "\n" not in str(caught.value)


def test_write_refuses_other_arrays_and_suffixes(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 RGB \(H, W, 3\), got float64"):
        write_image(tmp_path / "a.png", picture / 255)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got uint8 \(5, 7\)"):
        write_image(tmp_path / "a.png", picture[..., 0])
    with pytest.raises(InputError, match=r"a\.xyz: expected a name that ends in"):
        write_image(tmp_path / "a.xyz", picture)
    assert not list(tmp_path.iterdir())


def test_write_replaces_unless_told_not_to(tmp_path: Path, picture: np.ndarray) -> None:
    write_image(tmp_path / "a.png", picture)
    with pytest.raises(InputError, match="exists already"):
        write_image(tmp_path / "a.png", 255 - picture, overwrite=False)
    write_image(tmp_path / "a.png", 255 - picture)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), 255 - picture)
