"""Photographs without anyone: the pack's licences, splits, crops, and folders of a user's own."""

import csv

import numpy as np
import pytest
from PIL import Image

from synthetic_people.backgrounds import PACK, SPLITS, Backgrounds, split_of

FREE = {"CC0-1.0", "public domain", "CC-BY-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0"}
FREE |= {"Apache-2.0"}


def test_every_photograph_has_a_free_licence_and_an_author() -> None:
    with (PACK / "PROVENANCE.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {path.name for path in PACK.glob("*.webp")}
    assert {row["licence"] for row in rows} <= FREE
    assert all(row["author"] and row["source"] and row["package"] for row in rows)
    assert sum(path.stat().st_size for path in PACK.iterdir()) < 3_000_000


def test_splits_share_no_scene_and_stay_what_they_are() -> None:
    scenes = {
        split: {path.stem.split("@")[0] for path in Backgrounds(split=split).paths}
        for split in SPLITS
    }
    assert not scenes["train"] & (scenes["val"] | scenes["test"])
    assert not scenes["val"] & scenes["test"]
    assert sum(len(Backgrounds(split=split)) for split in SPLITS) == len(list(PACK.glob("*.webp")))
    assert [split_of(f"{i}.jpg") for i in (0, 3, 4)] == ["val", "test", "train"]


def test_crops_repeat_from_a_seed_and_differ_between_seeds() -> None:
    crops = [Backgrounds().crop(np.random.default_rng(seed), 48, 32) for seed in (1, 1, 2)]
    assert crops[0].shape == (48, 32, 3) and crops[0].dtype == np.uint8
    np.testing.assert_array_equal(crops[0], crops[1])
    assert (crops[0] != crops[2]).any()


def test_a_folder_of_the_users_own_stands_in(tmp_path) -> None:
    (tmp_path / "deeper").mkdir()
    for i in range(40):
        Image.new("RGB", (900, 700), (i, 0, 0)).save(tmp_path / "deeper" / f"{i}.JPG", "jpeg")
    backgrounds = Backgrounds(tmp_path)
    assert backgrounds.crop(np.random.default_rng(0), 64).shape == (64, 64, 3)
    assert min(backgrounds.whole(0).shape[:2]) == 320
    assert 0 < len(Backgrounds(tmp_path, "test")) < len(backgrounds) < 40


def test_a_folder_that_cannot_serve_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Backgrounds(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="0 photographs"):
        Backgrounds(tmp_path)
    with pytest.raises(ValueError, match="expected a split"):
        Backgrounds(tmp_path, "dev")
    name = next(f"{i}.png" for i in range(99) if split_of(f"{i}.png") == "train")
    (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(ValueError, match=name):
        Backgrounds(tmp_path).crop(np.random.default_rng(0), 8)
