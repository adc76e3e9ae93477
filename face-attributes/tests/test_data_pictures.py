"""Pictures of every kind, read fast and right."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_attributes.data.pictures import ORIENTATION, is_common_jpeg, picture_size, read_picture
from vision_shared.images import read_image
from vision_shared.inputs import InputError

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (6, 5, 3)), np.ones((8, 8, 1)))


def save(path: Path, mode: str = "RGB", orientation: int = 1, **options: object) -> Path:
    image = Image.fromarray(PIXELS.astype(np.uint8)).convert(mode)
    exif = Image.Exif()
    if orientation > 1:
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(("mode", "is_fast"), [("RGB", True), ("L", True), ("CMYK", False)])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_read_as_pillow_reads_them(
    tmp_path: Path, mode: str, is_fast: bool, progressive: bool
) -> None:
    path = save(tmp_path / "a.jpg", mode, quality=85, progressive=progressive)
    assert is_common_jpeg(path.read_bytes()) == is_fast
    image = read_picture(path)
    assert image.shape == (48, 40, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - read_image(path)).max() <= 1


def test_sixteen_bit_grey_is_scaled(tmp_path: Path) -> None:
    levels = (PIXELS[..., 0] * 257).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png")[..., 1], PIXELS[..., 0])


def test_picture_is_turned_upright_unless_places_in_it_are_known(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", orientation=6)
    assert read_picture(path).shape == (40, 48, 3)
    assert picture_size(path) == (48, 40)
    with pytest.raises(InputError, match=r"a\.jpg: turned by its EXIF orientation \(6\)"):
        read_picture(path, has_places=True)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_picture_raises(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "a.jpg", quality=95)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert not is_common_jpeg(path.read_bytes())
    with pytest.raises(InputError, match=r"a\.jpg: a damaged image") as error:
        read_picture(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "an empty file"), (b"no picture", "not an image")]
)
def test_file_that_is_no_picture_raises(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_picture(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="no such file"):
        read_picture(tmp_path / "b.jpg")


def test_bytes_that_only_begin_and_end_like_a_jpeg_are_none() -> None:
    assert not is_common_jpeg(b"\xff\xd8" + bytes(50) + b"\xff\xd9")
    assert not is_common_jpeg(b"\xff\xd8\xff\xd9")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "JPEG")
    assert is_common_jpeg(buffer.getvalue())
