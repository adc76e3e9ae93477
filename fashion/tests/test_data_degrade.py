"""Images as another camera would have taken them."""

import numpy as np

from fashion.data.augment import Augmentation
from fashion.data.degrade import degraded


def test_image_keeps_its_size_and_what_it_shows() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 200
    for seed in range(30):
        other = degraded(image, np.random.default_rng(seed))
        assert other.shape == image.shape and other.dtype == np.uint8
        assert other[:, 35:].mean() > other[:, :25].mean() + 40  # what is bright stays so
    first, again = (degraded(image, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again) and not np.array_equal(first, image)


def test_share_of_the_samples_is_degraded() -> None:
    image = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    plain = {"size": (64, 64), "scale": (1, 1), "shift": 0.0, "jitter": 0.0}
    region = np.array([0, 0, 64, 64], np.float32)
    never, often = Augmentation(**plain), Augmentation(**plain, degrade=0.99)
    assert all(np.array_equal(never(image, region, seed)[0], image) for seed in range(3))
    assert sum(not np.array_equal(often(image, region, seed)[0], image) for seed in range(6)) >= 5
