"""Rendered people: the folder that holds them, and what its masks say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.labels import IGNORE
from segmentation.data.people import PEOPLE_CLASSES, Recipe, people_set
from synthetic_people.parts import COLOURS
from vision_shared.inputs import InputError
from vision_shared.rendering import render_people

SMALL = Recipe(32, 1, 1, 1, portraits=0, without_people=0)


@pytest.fixture
def folder(people: Path) -> Path:
    return people / "segmentation/people-smoke"


def masks(folder: Path, split: str, kind: str) -> np.ndarray:
    pictures = people_set(folder, split, kind)  # type: ignore[arg-type]
    return np.stack([pictures.read(i)[1] for i in range(len(pictures))])


def test_folder_holds_the_splits_of_the_recipe(folder: Path) -> None:
    for split, number in {"train": 16, "val": 4, "test": 4}.items():
        found = masks(folder, split, "parts")
        assert found.shape == (number, 32, 32)
        assert set(np.unique(found)) <= {*range(len(PEOPLE_CLASSES["parts"])), IGNORE}


def test_masks_tell_parts_apart_and_ignore_mixed_pixels(folder: Path) -> None:
    found = masks(folder, "train", "parts")
    assert len(np.unique(found)) > 6
    assert 0.005 < (found == IGNORE).mean() < 0.2
    differs = (found[:, 1:] != found[:, :-1]) & (found[:, 1:] != IGNORE) & (found[:, :-1] != IGNORE)
    assert differs.mean() < 0.02  # between parts there mostly is an ignored pixel


def test_a_share_of_images_shows_no_one(folder: Path) -> None:
    found = masks(folder, "train", "parts")
    assert (found[-2:] == 0).all()  # .1 of 16
    assert (found.reshape(len(found), -1) > 0).any(1).mean() > 0.7


def test_person_is_every_part_of_the_same_images(folder: Path) -> None:
    parts, person = (masks(folder, "train", kind) for kind in ("parts", "person"))
    known = parts != IGNORE
    assert np.array_equal(person[known], parts[known] > 0)
    assert (person[~known] == IGNORE).all()
    assert people_set(folder, "val", "person").classes.names == ("background", "person")


def test_masks_carry_the_colours_of_the_parts(folder: Path) -> None:
    with Image.open(folder / "SegmentationClass" / "train_00000.png") as mask:
        palette = mask.getpalette()
    assert palette is not None
    assert palette[: 3 * len(COLOURS)] == np.ravel(COLOURS).tolist()


def test_another_recipe_needs_rendering_and_a_folder_of_something_else_stays(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"holds no rendered people.*data\.folder"):
        render_people(tmp_path, SMALL, tmp_path / "sets")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_photographs_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    recipe = replace(SMALL, photographs=str(nowhere))
    with pytest.raises(InputError, match=f"{nowhere}: no folder of photographs"):
        render_people(tmp_path / "people", recipe, tmp_path / "sets")
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"num_val": 0}, "num_val=0"), ({"portraits": 0.9}, r"sum is below 1.*portraits=0\.9")],
)
def test_recipe_that_cannot_be_raises(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SMALL, without_people=0.1, **changes)
