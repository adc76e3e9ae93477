"""Collages: people before other photographs and before each other."""

from pathlib import Path

import numpy as np
import pytest

from segmentation.data.collage import Collage, paste
from segmentation.data.labels import IGNORE
from segmentation.data.people import people_set
from synthetic_people.backgrounds import Backgrounds


def disc(value: int) -> np.ndarray:
    y, x = np.mgrid[:40, :40]
    return np.where((x - 20) ** 2 + (y - 20) ** 2 < 100, np.uint8(value), np.uint8(0))


def test_pasted_people_hide_what_is_behind_and_keep_their_labels() -> None:
    rng = np.random.default_rng(0)
    white, black = np.full((40, 40, 3), 255, np.uint8), np.zeros((40, 40, 3), np.uint8)
    behind = np.full((40, 40), 7, np.uint8)
    image, mask = paste(white, disc(3), black, behind, rng)
    assert np.array_equal(mask, np.where(disc(3) > 0, 3, 7))
    assert image[20, 20].min() > 150 and image[2, 2].max() == 0
    edge = image[20].max(1)
    assert ((edge > 20) & (edge < 150)).any()  # soft, as edges of photographs are


def test_collages_follow_from_the_seed_and_some_images_stay(people: Path) -> None:
    pictures = people_set(people / "segmentation/people-smoke", "train")
    collage = Collage(pictures, Backgrounds(split="train"), share=0.5)
    image, mask = pictures.read(0)
    made = [collage(image, mask, seed) for seed in range(20)]
    changed = [not np.array_equal(image, other) for other, _ in made]
    assert 4 < sum(changed) < 16
    again = collage(image, mask, 3)
    assert np.array_equal(made[3][0], again[0]) and np.array_equal(made[3][1], again[1])


@pytest.mark.parametrize("seed", range(6))
def test_collage_has_only_labels_of_its_sources(people: Path, seed: int) -> None:
    pictures = people_set(people / "segmentation/people-smoke", "train")
    _, mask = Collage(pictures, Backgrounds(split="train"), share=1)(*pictures.read(1), seed)
    assert mask.dtype == np.uint8 and mask.shape == (32, 32)
    assert set(np.unique(mask)) <= {*range(len(pictures.classes)), IGNORE}
