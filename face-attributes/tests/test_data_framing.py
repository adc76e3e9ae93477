"""Cutting samples out of pictures, and their augmentation."""

import cv2
import numpy as np
import pytest

from face_attributes.data.augment import Augmentation
from face_attributes.data.faces import Face
from face_attributes.data.framing import (
    HEAD_ASPECT,
    PADDING,
    box_of_landmarks,
    cut_out,
    enlarged,
    face_box,
    whole,
)
from vision_shared.inputs import InputError

RAMP = np.stack(
    [
        np.tile(np.arange(60, dtype=np.uint8) * 4, (40, 1)),  # 4 x in red
        np.tile(np.arange(40, dtype=np.uint8)[:, None] * 6, (1, 60)),  # 6 y in green
        np.zeros((40, 60), np.uint8),
    ],
    axis=2,
)
NAN = np.float32(np.nan)
UNKNOWN = Face("a.jpg", RAMP, np.ones(1, np.int8), 0, np.full(4, NAN), np.full((5, 2), NAN))


def test_region_of_the_sample_shape_is_scaled_without_loss() -> None:
    sample, cut = cut_out(RAMP, np.array([20, 10, 40, 30]), (10, 10))
    assert (cut.box, cut.scale) == ((20, 10, 40, 30), (0.5, 0.5))
    assert np.array_equal(sample[..., 0], np.tile(np.arange(20, 40, 2) * 4 + 2, (10, 1)))
    assert np.array_equal(sample[:, 0, 1], np.arange(10, 30, 2) * 6 + 3)


def test_whole_picture_of_another_shape_is_padded_evenly() -> None:
    sample, cut = cut_out(RAMP, whole(RAMP), (60, 60))
    assert cut.box == (0, -10, 60, 50)
    assert np.array_equal(sample[10:50], RAMP)
    assert (sample[:10] == PADDING).all() and (sample[50:] == PADDING).all()


def test_points_go_to_the_sample_and_back() -> None:
    sample, cut = cut_out(RAMP, np.array([12.0, 8, 36, 32]), (48, 48))
    points = np.array([[12.0, 8], [30, 20], [36, 32]], np.float32)
    there = cut.to_sample(points)
    assert there.tolist() == [[0, 0], [36, 24], [48, 48]]
    assert np.allclose(cut.to_picture(there), points)
    assert cut.to_sample(np.array([12.0, 8, 24, 20])).tolist() == [0, 0, 24, 24]
    # the pixel at a place of the sample shows what the picture has there
    assert abs(int(sample[24, 36, 0]) - 4 * 29.75) <= 2


def test_points_and_boxes_of_any_number_go_both_ways_in_samples_of_another_shape() -> None:
    _, cut = cut_out(RAMP, np.array([10, 5, 40, 35]), (15, 30))
    assert (cut.box, cut.scale) == ((-5, 5, 55, 35), (0.5, 0.5))
    boxes = np.arange(24.0).reshape(2, 3, 4)
    there = cut.to_sample(boxes)
    assert np.array_equal(there, (boxes - [-5, 5, -5, 5]) / 2)
    assert np.array_equal(cut.to_picture(there), boxes)
    assert there.dtype == cut.to_picture(boxes).dtype == np.float32
    assert np.array_equal(cut.to_sample(boxes.reshape(4, 3, 2)), there.reshape(4, 3, 2))


@pytest.mark.parametrize(("size", "how"), [((8, 16), cv2.INTER_LINEAR), ((6, 12), cv2.INTER_AREA)])
def test_what_shrinks_much_is_averaged(size: tuple[int, int], how: int) -> None:
    """By exactly 1.5 it is interpolated, by 2.5 averaged."""
    image = np.random.default_rng(0).integers(256, size=(40, 60, 3), dtype=np.uint8)
    high = {8: 12, 6: 15}[size[0]]
    sample, _ = cut_out(image, np.array([2, 3, 2 + 2 * high, 3 + high]), size)
    part = image[3 : 3 + high, 2 : 2 + 2 * high]
    assert np.array_equal(sample, cv2.resize(part, size[::-1], interpolation=how))


def test_region_below_a_pixel_shows_one() -> None:
    sample, cut = cut_out(RAMP, np.array([20, 10, 20.4, 10.4]), (4, 4))
    assert cut.box == (20, 10, 21, 11) and (sample == RAMP[10, 20]).all()


def test_scale_below_1_shows_all_of_the_region_wherever_it_is_shifted() -> None:
    for shift in ((-1.0, -1.0), (1.0, 1.0), (0.3, -0.6)):
        _, cut = cut_out(RAMP, np.array([20, 10, 40, 30]), (20, 20), scale=0.8, shift=shift)
        x1, y1, x2, y2 = cut.box
        assert x1 <= 20 and y1 <= 10 and x2 >= 40 and y2 >= 30
        assert x2 - x1 == 25


def test_scale_above_1_shows_a_part_of_the_region() -> None:
    corners = []
    for shift in ((-1.0, -1.0), (1.0, 1.0)):
        _, cut = cut_out(RAMP, np.array([20, 10, 40, 30]), (20, 20), scale=1.25, shift=shift)
        corners.append(cut.box)
    assert corners == [(20, 10, 36, 26), (24, 14, 40, 30)]


def test_region_that_the_border_cuts_is_padded() -> None:
    sample, _ = cut_out(RAMP, np.array([-6, -4, 10, 12]), (16, 16))
    assert np.array_equal(sample[4:, 6:], RAMP[:12, :10])
    assert (sample[:4] == PADDING).all() and (sample[:, :6] == PADDING).all()
    sample, _ = cut_out(RAMP, np.array([50, 30, 70, 50]), (8, 8), scale=4, shift=(1, 1))
    assert (sample == PADDING).all()
    sample, _ = cut_out(RAMP, np.array([70, 10, 80, 20]), (10, 10))  # beside it, not below
    assert (sample == PADDING).all()


def test_boxes_are_single_precision() -> None:
    box = whole(RAMP)
    assert box.tolist() == [0, 0, 60, 40]
    landmarks = np.ones((5, 2)) * [[1], [1], [1], [2], [2]]
    assert {box.dtype, enlarged(box.astype(float), 2).dtype, box_of_landmarks(landmarks).dtype} == {
        np.dtype(np.float32)
    }


def test_box_is_enlarged_around_its_centre() -> None:
    assert enlarged(np.array([10.0, 20, 30, 60]), 1.5).tolist() == [5, 10, 35, 70]


def test_box_of_landmarks_follows_them_in_place_and_size() -> None:
    landmarks = np.array([[40, 52], [60, 52], [50, 66], [42, 78], [58, 78]], np.float32)
    box = box_of_landmarks(landmarks)
    assert np.allclose(box, [50 - 50 * HEAD_ASPECT, 0, 50 + 50 * HEAD_ASPECT, 100])
    assert np.allclose(box_of_landmarks(2 * landmarks + 7), 2 * box + 7)


def test_face_box_is_its_own_or_that_of_its_landmarks() -> None:
    box = np.array([1, 2, 3, 4], np.float32)
    landmarks = np.array([[4, 5], [6, 5], [5, 6], [4, 8], [6, 8]], np.float32)
    face = Face("a.jpg", RAMP, UNKNOWN.attributes, 0, box, landmarks)
    assert np.array_equal(face_box(face), box)
    bare = Face("a.jpg", RAMP, UNKNOWN.attributes, 0, UNKNOWN.box, landmarks)
    assert np.array_equal(face_box(bare), box_of_landmarks(landmarks))
    with pytest.raises(InputError, match=r"a\.jpg: neither a box nor landmarks"):
        face_box(UNKNOWN)


def test_augmentation_follows_from_its_seed() -> None:
    augment = Augmentation(size=(32, 32), scale=(0.8, 1.2), jitter=0.2)
    first, again = (augment(RAMP, whole(RAMP), 1) for _ in range(2))
    assert first.shape == (32, 32, 3) and np.array_equal(first, again)
    others = [augment(RAMP, whole(RAMP), seed) for seed in range(2, 8)]
    assert all(not np.array_equal(first, other) for other in others)


def test_augmentation_mirrors_half_and_leaves_colours_alone() -> None:
    augment = Augmentation(size=(40, 60), scale=(1, 1), jitter=0.0)
    samples = [augment(RAMP, whole(RAMP), seed) for seed in range(40)]
    plain = sum(np.array_equal(sample, RAMP) for sample in samples)
    mirrored = sum(np.array_equal(sample, RAMP[:, ::-1]) for sample in samples)
    assert plain + mirrored == 40 and 10 <= plain <= 30


@pytest.mark.parametrize(
    ("scale", "jitter", "key"),
    [((0, 1), 0.1, "data.scale"), ((1.2, 1.0), 0.1, "data.scale"), ((1, 1), 1.5, "data.jitter")],
)
def test_impossible_augmentation_names_its_key(
    scale: tuple[float, float], jitter: float, key: str
) -> None:
    with pytest.raises(InputError, match=key):
        Augmentation(size=(8, 8), scale=scale, jitter=jitter)
