"""Rendered scenes: the rules that their labels keep, and the folder that holds them."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation.data.labels import IGNORE, voc_colour_map
from segmentation.data.rendered import Recipe, render_once
from segmentation.data.scenes import SCENE_CLASSES, draw_scene
from segmentation.data.voc import voc_set
from vision_shared.inputs import InputError

NUM_SCENES = 150
SMALL = Recipe(size=48, num_train=3, num_val=2, num_test=2)


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    """(N, 128, 128)."""
    return np.stack([draw_scene((7, number), 128)[1] for number in range(NUM_SCENES)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "scenes"
    render_once(folder, SMALL)
    return folder


def number(name: str) -> int:
    return SCENE_CLASSES.names.index(name)


def pieces(mask: np.ndarray, name: str) -> list[np.ndarray]:
    """Connected areas of a class, of 15 pixels or more, as (N, 2) of y and x."""
    count, areas = cv2.connectedComponents((mask == number(name)).astype(np.uint8))
    found = [np.argwhere(areas == i) for i in range(1, count)]
    return [piece for piece in found if len(piece) >= 15]


def shares_columns(mask: np.ndarray, piece: np.ndarray, name: str) -> bool:
    """Whether a class shows above or below the middle of an area."""
    middle = round(piece[:, 1].mean())
    return bool((mask[:, max(middle - 1, 0) : middle + 2] == number(name)).any())


def contents(folder: Path) -> dict[str, str]:
    """Hashes of the files below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_scene_is_a_function_of_its_seed() -> None:
    image, mask = draw_scene((0, 3), 96)
    again = draw_scene((0, 3), 96)
    assert (image.shape, image.dtype) == ((96, 96, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((96, 96), np.uint8)
    assert np.array_equal(image, again[0]) and np.array_equal(mask, again[1])
    assert not np.array_equal(image, draw_scene((0, 4), 96)[0])
    assert not np.array_equal(image, draw_scene((1, 3), 96)[0])


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        ("rider", "bicycle", True),
        ("person", "bicycle", False),
        ("bottle", "table", True),
        ("bollard", "table", False),
    ],
)
def test_context_decides_the_label(
    masks: np.ndarray, above: str, below: str, expected: bool
) -> None:
    found = [shares_columns(mask, piece, below) for mask in masks for piece in pieces(mask, above)]
    assert len(found) > 20
    assert all(shown == expected for shown in found)


def test_every_class_is_common_and_background_does_not_drown_them(masks: np.ndarray) -> None:
    scenes_with = {
        name: np.mean((masks == i).any(axis=(1, 2))) for i, name in enumerate(SCENE_CLASSES.names)
    }
    assert scenes_with.pop("background") == 1
    assert min(scenes_with.values()) > 0.1, scenes_with
    assert np.mean(masks == 0) < 0.9


def test_borders_of_255_part_the_classes(masks: np.ndarray) -> None:
    for one, other in [(masks[:, 1:], masks[:, :-1]), (masks[..., 1:], masks[..., :-1])]:
        assert not ((one != other) & (one != IGNORE) & (other != IGNORE)).any()
    assert 0.01 < np.mean(masks == IGNORE) < 0.08
    assert set(np.unique(masks)) == {*range(len(SCENE_CLASSES)), IGNORE}


def test_some_scenes_are_flat_and_others_are_not() -> None:
    images = [draw_scene((7, i), 128)[0].astype(np.float32) for i in range(40)]
    roughness = [np.median(abs(np.diff(image, axis=0))) for image in images]
    assert np.mean(np.array(roughness) < 5) > 0.25
    assert np.mean(np.array(roughness) > 8) > 0.25


def test_folder_is_read_by_the_reader_of_voc(folder: Path) -> None:
    for part, (split, count) in enumerate({"train": 3, "val": 2, "test": 2}.items()):
        pictures = voc_set(folder, split, classes=SCENE_CLASSES)
        assert len(pictures) == count
        for i in range(count):
            image, mask = pictures.read(i)
            drawn, truth = draw_scene((part, i), 48)
            assert np.array_equal(mask, truth)
            assert 0 < abs(image.astype(int) - drawn).mean() < 20  # JPEG, of noise


def test_masks_carry_the_palette_of_voc(folder: Path) -> None:
    with Image.open(folder / "SegmentationClass" / "train_00000.png") as mask:
        assert mask.mode == "P"
        assert mask.getpalette() == voc_colour_map().ravel().tolist()


def test_rendering_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    render_once(tmp_path / "again", SMALL)
    assert contents(tmp_path / "again") == contents(folder)


def test_more_training_scenes_leave_the_others_as_they_were(folder: Path, tmp_path: Path) -> None:
    render_once(tmp_path / "more", Recipe(size=48, num_train=5, num_val=2, num_test=2))
    before, after = contents(folder), contents(tmp_path / "more")
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"recipe.json", "ImageSets/Segmentation/train.txt"}


def test_folder_is_rendered_once_and_anew_for_another_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    render_once(folder, SMALL)
    (folder / "mark").touch()
    changed = tmp_path.stat().st_mtime_ns
    render_once(folder, SMALL)
    assert (folder / "mark").exists() and tmp_path.stat().st_mtime_ns == changed
    render_once(folder, Recipe(size=48, num_train=1, num_val=1, num_test=1))
    assert not (folder / "mark").exists()
    assert len(list((folder / "JPEGImages").iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"holds no rendered scenes.*data\.folder"):
        render_once(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_recipe_without_a_scene_raises() -> None:
    with pytest.raises(InputError, match="num_val=0"):
        Recipe(size=48, num_train=1, num_val=0, num_test=1)
