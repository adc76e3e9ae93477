"""What a detector learns from: boxes lie where garments are shown, from small to large."""

import numpy as np

from fashion.data.collage import CELLS, Collage, Shown, choose_number

SIZE = 96


def picture(seed: int) -> Shown:
    """Black, with two white rectangles."""
    rng = np.random.default_rng(seed)
    image = np.zeros((120, 90, 3), np.uint8)
    left, width = rng.integers(5, 40), rng.integers(20, 45)
    boxes = np.array([[left, 8, left + width, 50], [left, 60, left + width, 112]], np.float32)
    for x1, y1, x2, y2 in boxes.astype(int):
        image[y1:y2, x1:x2] = 255
    return Shown(image, boxes, np.array([0, 1]))


def sample(seed: int, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pictures = [picture(seed + i) for i in range(min(number**2, 4))]
    return Collage(SIZE, 0.0)(pictures, number, seed)


def test_boxes_are_where_garments_are_shown() -> None:
    left_out = []
    for number in CELLS:
        for seed in range(8):
            image, boxes, types = sample(seed, number)
            assert len(boxes) == len(types) >= 1 and ((boxes >= 0) & (boxes <= 1)).all()
            white, is_box = image.min(2) > 115, np.zeros((SIZE, SIZE), bool)
            for x1, y1, x2, y2 in (boxes * SIZE).round().astype(int):
                assert white[y1:y2, x1:x2].mean() > 0.8
                is_box[y1:y2, x1:x2] = True
            left_out.append((white & ~is_box).mean())
    assert max(left_out) < 0.2 and np.mean(left_out) < 0.03  # what is nearly all cut off


def test_garments_are_from_a_tenth_of_the_sample_to_nearly_all_of_it() -> None:
    rng = np.random.default_rng(0)
    heights, numbers = [], []
    for seed in range(150):
        numbers.append(choose_number(rng))
        boxes = sample(seed, numbers[-1])[1]
        heights.append(boxes[:, 3] - boxes[:, 1])
    heights = np.concatenate(heights)
    assert np.quantile(heights, 0.05) < 0.12 and heights.max() > 0.85
    assert set(numbers) == set(CELLS)


def test_some_pictures_are_wide_or_high_with_padding_beside_them() -> None:
    squares = Shown(np.zeros((60, 60, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, int))
    samples = [Collage(SIZE, 0.0)([squares], 1, seed)[0] for seed in range(40)]
    padded = np.array([[(s[0] > 0).all(), (s[:, 0] > 0).all()] for s in samples])
    assert not padded.all(1).any() and 0.2 < padded.any(1).mean() < 0.8
    assert padded.any(0).all()


def test_a_sample_follows_from_its_seed() -> None:
    one, again, other = sample(3, 2), sample(3, 2), sample(4, 2)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
