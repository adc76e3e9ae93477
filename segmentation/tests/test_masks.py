import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.labels import CREAM, VOC, ClassList
from segmentation.data.masks import read_colours, read_mask, read_numbers, write_mask
from vision_shared.inputs import InputError

NUMBERS = np.array([[0, 1, 20], [255, 15, 2]], np.uint8)
TWO = ClassList(("ground", "tree"), ((10, 20, 30), (0, 200, 0)))


def refused(path: Path, classes: ClassList = VOC) -> str:
    with pytest.raises(InputError) as caught:
        read_mask(path, classes)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_palette_and_grey_masks_hold_class_numbers(tmp_path: Path) -> None:
    write_mask(tmp_path / "palette.png", NUMBERS, VOC)
    save(tmp_path / "grey.png", NUMBERS)
    for name in ("palette", "grey"):
        np.testing.assert_array_equal(read_mask(tmp_path / f"{name}.png", VOC), NUMBERS)


def test_small_palettes_hold_class_numbers(tmp_path: Path) -> None:
    image = Image.fromarray(NUMBERS % 3)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])  # 2 bits a pixel in the file
    image.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[24] == 2
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", VOC), NUMBERS % 3)


def test_written_mask_shows_the_classes_colours(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", NUMBERS, VOC)
    seen = np.array(Image.open(tmp_path / "a.png").convert("RGB"))
    np.testing.assert_array_equal(seen, VOC.colours()[NUMBERS])
    assert tuple(seen[1, 0].tolist()) == CREAM


def test_write_refuses_other_arrays_and_existing_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a uint8 mask \(H, W\), got int64 \(2, 3\)"):
        write_mask(tmp_path / "a.png", NUMBERS.astype(np.int64), VOC)  # type: ignore[arg-type]
    write_mask(tmp_path / "a.png", NUMBERS, VOC)
    with pytest.raises(InputError, match="exists already"):
        write_mask(tmp_path / "a.png", NUMBERS, VOC, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_palette_masks_read_as_rgb_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", VOC.colours()[NUMBERS])
    assert "a colour image, expected class numbers: save it as a palette PNG" in refused(path)


def test_numbers_outside_the_list_are_named(tmp_path: Path) -> None:
    numbers = np.array([[0, 21, 40, 255, 40, 90, 91, 92]], np.uint8)
    line = refused(save(tmp_path / "a.png", numbers))
    assert "holds 21, 40, 90, 91 and 1 more, expected 0 to 20 (background to tvmonitor)" in line


def grey_of_four_bits(path: Path) -> None:
    """The numbers 1 and 2 in one byte, which Pillow itself does not write."""
    header = struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\x12")), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)


def test_grey_of_few_bits_is_refused_for_its_values_would_be_scaled(tmp_path: Path) -> None:
    grey_of_four_bits(tmp_path / "a.png")
    assert np.array(Image.open(tmp_path / "a.png")).tolist() == [[17, 34]]
    assert "L values of 4 bits, expected an 8-bit palette or grey" in refused(tmp_path / "a.png")


def test_grey_of_one_and_sixteen_bits_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", NUMBERS > 1)
    assert "values of 1 bits" in refused(tmp_path / "a.png")
    save(tmp_path / "b.png", NUMBERS.astype(np.uint16))
    assert "values of 16 bits" in refused(tmp_path / "b.png")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", NUMBERS)
    line = refused((tmp_path / "a.jpg").rename(tmp_path / "a.png"))
    assert "a JPEG file, expected a PNG mask: other formats change the numbers" in line


def test_missing_empty_and_damaged_files_are_named(tmp_path: Path) -> None:
    whole = save(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 9, (99, 99), np.uint8)
    )
    content = whole.read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    assert "no such file" in refused(tmp_path / "missing.png")
    assert "an empty file, expected a PNG mask" in refused(tmp_path / "empty.png")
    assert "not an image, expected a PNG mask: get the file again" in refused(tmp_path / "text.png")
    assert "a damaged PNG mask" in refused(tmp_path / "cut.png")


def test_stored_values_are_read_without_a_class_list(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(read_numbers(save(tmp_path / "a.png", values)), values)


def test_colours_stand_for_classes(tmp_path: Path) -> None:
    pixels = np.array([[(0, 200, 0), (10, 20, 30), CREAM]], np.uint8)
    path = save(tmp_path / "a.png", pixels)
    assert read_colours(path, TWO).tolist() == [[1, 0, 255]]
    opaque = np.concatenate([pixels, np.full((1, 3, 1), 255, np.uint8)], axis=2)
    assert read_colours(save(tmp_path / "b.png", opaque), TWO).tolist() == [[1, 0, 255]]


def test_another_colour_may_be_the_ignored_one(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[(0, 200, 0), (0, 0, 0)]], np.uint8))
    assert read_colours(path, TWO, ignored=(0, 0, 0)).tolist() == [[1, 255]]


def test_unknown_colours_are_named_with_their_place(tmp_path: Path) -> None:
    pixels = np.array([[(0, 200, 0), (10, 20, 30)], [(10, 20, 30), (0, 199, 0)]], np.uint8)
    path = save(tmp_path / "a.png", pixels)
    with pytest.raises(InputError, match=r"a\.png: colour \(0, 199, 0\) at x=1, y=1 is no class's"):
        read_colours(path, TWO)


def test_class_numbers_are_read_where_colours_would_do(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", np.array([[0, 1, 255]], np.uint8), TWO)
    assert read_colours(tmp_path / "a.png", TWO).tolist() == [[0, 1, 255]]
    write_mask(tmp_path / "b.png", np.array([[2]], np.uint8), TWO)
    with pytest.raises(InputError, match=r"holds 2, expected 0 to 1 \(ground to tree\)"):
        read_colours(tmp_path / "b.png", TWO)
