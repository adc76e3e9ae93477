"""What holds for every data set: pairs of image and mask, and the check before training."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.labels import VOC
from segmentation.data.masks import Mask, read_mask, write_mask
from segmentation.data.sets import ORIENTATION, Sample, SegmentationSet
from vision_shared.inputs import InputError


def read_png(sample: Sample, classes=VOC) -> Mask:
    assert sample.mask_path is not None
    return read_mask(sample.mask_path, classes)


def pairs(folder: Path, *names: str, tested: bool = True) -> SegmentationSet:
    samples = [
        Sample(name, folder / f"{name}.jpg", folder / f"{name}.png" if tested else None)
        for name in names
    ]
    return SegmentationSet(VOC, samples, partial(read_png, classes=VOC))


def write_pair(
    folder: Path, name: str, size: tuple[int, int], mask: tuple[int, int], orientation: int = 1
) -> None:
    """An image and a mask of (H, W), as stored."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(folder / f"{name}.jpg", exif=exif)
    write_mask(folder / f"{name}.png", np.zeros(mask, np.uint8), VOC)


def test_pair_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (4, 6))
    part = pairs(tmp_path, "a")
    image, mask = part.read(0)
    assert len(part) == 1
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((4, 6), np.uint8)


def test_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (2, 3))
    with pytest.raises(InputError, match=r"a\.png: a mask of 3x2 pixels, expected 6x4 as its image"):
        pairs(tmp_path, "a").read(0)


def test_mask_of_a_photograph_on_its_side_follows_what_a_person_sees(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (6, 4), orientation=6)
    image, mask = pairs(tmp_path, "a").read(0)
    assert image.shape[:2] == mask.shape == (6, 4)


@pytest.mark.parametrize(
    ("size", "orientation"),
    [((4, 6), 6), ((5, 5), 8), ((4, 6), 3)],  # fits as stored; a square; a half turn
)
def test_mask_that_may_follow_the_stored_pixels_is_refused(
    tmp_path: Path, size: tuple[int, int], orientation: int
) -> None:
    write_pair(tmp_path, "a", size, size, orientation=orientation)
    with pytest.raises(
        InputError, match=rf"a\.jpg: turned by its EXIF orientation \({orientation}"
    ):
        pairs(tmp_path, "a").read(0)


def test_sample_without_a_mask_has_a_picture_alone(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (4, 6))
    part = pairs(tmp_path, "a", tested=False)
    part.check()
    assert part.read_image(0).shape == (4, 6, 3)
    with pytest.raises(ValueError, match="expected a sample with a mask, got a, which has none"):
        part.read(0)


def test_check_names_the_first_missing_file_and_counts_the_others(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (4, 6))
    pairs(tmp_path, "a").check()
    with pytest.raises(
        InputError, match=r"b\.jpg: no such file.*\(and 3 other files\).*check_data"
    ):
        pairs(tmp_path, "a", "b", "c").check()


def test_check_reads_the_first_sample(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", (4, 6), (2, 3))
    with pytest.raises(InputError, match="a mask of 3x2 pixels"):
        pairs(tmp_path, "a").check()
    with pytest.raises(InputError, match="the data set's list has no entry"):
        pairs(tmp_path).check()
