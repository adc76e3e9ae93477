"""Augmentation: image and mask stay together, whatever is drawn."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.data.augment import PADDING, Augmentation
from segmentation.data.labels import IGNORE
from vision_shared.inputs import InputError

STEP = 25  # levels between the classes in `coded_picture`


def coded_picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A mask of blobs of the classes 0 to 9, and a grey image whose levels are STEP x class."""
    noise = np.random.default_rng(0).uniform(0, 10, (4, 5)).astype(np.float32)
    mask = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    return np.repeat(mask[..., None] * np.uint8(STEP), 3, axis=2), mask


def inner(mask: np.ndarray) -> np.ndarray:
    """Pixels that are not near a change of the mask, nor the edge, which one may lie behind."""
    framed = cv2.copyMakeBorder(mask, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=IGNORE)
    around = np.ones((7, 7), np.uint8)
    flat = cv2.dilate(framed, around) == cv2.erode(framed, around)
    return flat[3:-3, 3:-3] & (mask != IGNORE)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    height=st.integers(20, 90),
    width=st.integers(20, 90),
    largest=st.floats(1.0, 2.0),
    seed=st.integers(0, 2**31 - 1),
)
def test_mask_follows_the_picture(height: int, width: int, largest: float, seed: int) -> None:
    image, mask = coded_picture(height, width)
    augmentation = Augmentation(crop_size=48, scale=(0.5, largest), jitter=0)
    out, out_mask = augmentation(image, mask, seed)
    assert (out.shape, out_mask.shape) == ((48, 48, 3), (48, 48))
    assert (out.dtype, out_mask.dtype) == (np.uint8, np.uint8)
    assert set(np.unique(out_mask)) <= {*np.unique(mask), IGNORE}
    where = inner(out_mask)
    assert np.array_equal(out[where][:, 1], out_mask[where] * STEP)


@pytest.mark.parametrize("seed", range(20))
def test_unscaled_picture_and_mask_stay_equal_to_the_pixel(seed: int) -> None:
    image, mask = coded_picture(60, 80)
    out, out_mask = Augmentation(crop_size=40, scale=(1, 1), jitter=0)(image, mask, seed)
    assert np.array_equal(out[..., 0], out_mask * STEP)


@pytest.mark.parametrize("seed", range(5))
def test_small_picture_is_padded_with_255_and_the_mean_colour(seed: int) -> None:
    image, mask = np.zeros((20, 30, 3), np.uint8), np.ones((20, 30), np.uint8)
    out, out_mask = Augmentation(crop_size=48, scale=(1, 1), jitter=0)(image, mask, seed)
    assert (out_mask == 1).sum() == 20 * 30
    assert (out_mask == IGNORE).sum() == 48 * 48 - 20 * 30
    assert np.array_equal(np.all(out == PADDING, axis=-1), out_mask == IGNORE)
    assert not out[out_mask == 1].any()


def test_draws_differ_between_seeds_and_repeat_for_one() -> None:
    image, mask = coded_picture(60, 80)
    augmentation = Augmentation(crop_size=40, scale=(0.5, 2), jitter=0.3)
    first = [augmentation(image, mask, seed)[0] for seed in range(10)]
    again = [augmentation(image, mask, seed)[0] for seed in range(10)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({out.tobytes() for out in first}) == 10


def test_half_of_the_pictures_are_mirrored_and_scales_fill_their_range() -> None:
    image, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    mask[24:40, 24:32], mask[24:40, 32:40] = 1, 2
    augmentation = Augmentation(crop_size=128, scale=(0.5, 2), jitter=0)
    mirrored, sides = [], []
    for seed in range(200):
        out = augmentation(image, mask, seed)[1]
        mirrored.append(np.argwhere(out == 1)[:, 1].min() > np.argwhere(out == 2)[:, 1].min())
        sides.append(np.sqrt(((out == 1) | (out == 2)).sum()) / 16)
    assert 0.4 < np.mean(mirrored) < 0.6
    assert 0.45 < min(sides) < 0.6
    assert 1.9 < max(sides) < 2.05
    assert abs(np.corrcoef(mirrored, sides)[0, 1]) < 0.25


def test_jitter_changes_colours_and_no_mask() -> None:
    image, mask = coded_picture(48, 48)
    plain, jittered = (
        [Augmentation(crop_size=48, scale=(1, 1), jitter=j)(image, mask, s) for s in range(10)]
        for j in (0.0, 0.4)
    )
    pairs = list(zip(plain, jittered, strict=True))
    assert all(np.array_equal(a[1], b[1]) for a, b in pairs)
    assert sum(not np.array_equal(a[0], b[0]) for a, b in pairs) >= 5


@pytest.mark.parametrize(
    "changes",
    [{"crop_size": 0}, {"scale": (0.0, 1.0)}, {"scale": (1.5, 1.0)}, {"jitter": 1.5}],
)
def test_impossible_request_raises_one_line(changes: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"crop_size": 32, "scale": (0.5, 2.0), "jitter": 0.3} | changes
    with pytest.raises(InputError, match=rf"data\.{next(iter(changes))}") as error:
        Augmentation(**arguments)
    assert "\n" not in str(error.value)


def test_focus_shows_a_labelled_pixel_and_cameras_change_no_mask() -> None:
    image, mask = coded_picture(96, 96)
    mask = np.zeros_like(mask)
    mask[10:14, 10:14] = 3
    shown = {
        focus: [
            (Augmentation(crop_size=24, scale=(1, 1), jitter=0, focus=focus)(image, mask, s)[1] > 0)
            for s in range(20)
        ]
        for focus in (0.0, 1.0)
    }
    assert all(crop.any() for crop in shown[1.0]) and not all(crop.any() for crop in shown[0.0])
    plain, seen = (
        [
            Augmentation(crop_size=96, scale=(1, 1), jitter=0, cameras=c)(image, mask, s)
            for s in (1, 2)
        ]
        for c in (False, True)
    )
    for before, after in zip(plain, seen, strict=True):
        assert np.array_equal(before[1].sum(), after[1].sum())
        assert not np.array_equal(before[0], after[0])
