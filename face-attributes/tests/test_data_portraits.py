"""Rendered portraits: what is drawn is what the lists say, and the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from face_attributes.data.celeba import celeba_faces
from face_attributes.data.clutter import draw_clutter
from face_attributes.data.faces import Faces
from face_attributes.data.heads import (
    LASTING,
    PORTRAIT_ATTRIBUTES,
    Person,
    Portrait,
    draw_person,
    draw_portrait,
)
from face_attributes.data.names import CELEBA_ATTRIBUTES
from face_attributes.data.rendered import HEADS, Recipe, render_once, render_portrait
from vision_shared.inputs import InputError

RECIPE = Recipe(side=64, people=(4, 2, 2), pictures=3, backgrounds=4, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "portraits"
    render_once(folder, RECIPE)
    return folder


def read(folder: Path) -> Faces:
    return celeba_faces(folder, "wild", folder.parent / "cache")


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_celebas_own_reader_takes_the_folder(folder: Path) -> None:
    faces = read(folder)
    assert faces.attributes == PORTRAIT_ATTRIBUTES
    assert [len(faces.part(part)) for part in ("train", "val", "test")] == [12, 6, 6]
    assert len(np.unique(faces.identities)) == 8
    for part in ("train", "val", "test"):
        faces.part(part).check()
    assert len(list((folder / "backgrounds").iterdir())) == 4


def test_nobody_is_in_two_parts(folder: Path) -> None:
    faces = read(folder)
    people = [set(faces.part(part).identities) for part in ("train", "val", "test")]
    assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]


def test_lasting_attributes_are_a_persons_and_the_others_a_pictures() -> None:
    recipe = replace(RECIPE, pictures=8)
    changing = set()
    for person in range(4):
        sets = [render_portrait(recipe, 0, person, picture)[1].has for picture in range(8)]
        assert len({has & LASTING for has in sets}) == 1
        changing |= {name for has in sets for name in has ^ sets[0]}
    assert changing == set(PORTRAIT_ATTRIBUTES) - LASTING


def test_attributes_are_balanced_and_beards_have_one_form() -> None:
    people = [draw_person(np.random.default_rng(number)) for number in range(400)]
    for name in LASTING - {"Goatee"}:
        assert 0.4 < np.mean([name in person.has for person in people]) < 0.6
    assert 0.18 < np.mean(["Goatee" in person.has for person in people]) < 0.32
    assert not any({"Goatee", "No_Beard"} <= person.has for person in people)
    assert set(PORTRAIT_ATTRIBUTES) - set(CELEBA_ATTRIBUTES) == {"Long_Hair"}


def test_head_lies_inside_and_landmarks_in_its_box() -> None:
    for number in range(12):
        image, portrait = render_portrait(RECIPE, 1, 0, number)
        x1, y1, x2, y2 = portrait.box
        assert min(x1, y1) >= 0 and max(x2, y2) <= 64 and image.shape == (64, 64, 3)
        assert HEADS[0] * 64 <= y2 - y1 <= HEADS[1] * 64
        x, y = portrait.landmarks.T
        assert ((x1 < x) & (x < x2) & (y1 < y) & (y < y2)).all()
        assert x[0] < x[1] and x[3] < x[4]  # left is the picture's left
        assert y[:2].max() < y[2] < y[3:].min()


def test_every_attribute_changes_the_picture_within_reach_of_the_head() -> None:
    person = draw_person(np.random.default_rng(0))
    plain = replace(person, has=frozenset({"No_Beard"}))
    for name in PORTRAIT_ATTRIBUTES:
        bearded = plain.has - {"No_Beard"}
        base = bearded if name in ("No_Beard", "Goatee") else plain.has
        drawn = [draw(replace(plain, has=has)) for has in (base, base | {name})]
        if name in LASTING - {"Blond_Hair", "Pale_Skin"}:
            changed = np.abs(drawn[0][0].astype(int) - drawn[1][0]).max(axis=2) > 20
            rows, columns = np.nonzero(changed)
            assert len(rows) > 0.001 * changed.size, name
            x1, y1, x2, y2 = drawn[0][1].box
            assert columns.min() >= x1 - 4 and columns.max() <= x2 + 4, name
            assert rows.min() >= y1 - 4 and rows.max() <= y2 + 4, name


def draw(person: Person) -> tuple[np.ndarray, Portrait]:
    image = np.full((200, 200, 3), 128, np.uint8)
    return image, draw_portrait(np.random.default_rng(3), image, person, HEADS)


def test_hair_and_skin_have_the_colours_of_their_attributes() -> None:
    people = [draw_person(np.random.default_rng(number)) for number in range(40)]
    for name, part in (("Blond_Hair", "hair"), ("Pale_Skin", "skin")):
        light = [sum(getattr(person, part)) for person in people if name in person.has]
        dark = [sum(getattr(person, part)) for person in people if name not in person.has]
        assert min(light) > max(dark)


def test_clutter_is_the_same_for_a_seed_and_another_for_another() -> None:
    first, again, other = (draw_clutter(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_folder_is_rendered_once_and_the_same_everywhere(folder: Path, tmp_path: Path) -> None:
    render_once(tmp_path / "again", RECIPE)
    assert files_of(tmp_path / "again") == files_of(folder)
    before = (folder / "recipe.json").stat().st_mtime_ns
    render_once(folder, RECIPE)
    assert (folder / "recipe.json").stat().st_mtime_ns == before


def test_another_recipe_replaces_the_folder(tmp_path: Path) -> None:
    render_once(tmp_path / "p", replace(RECIPE, people=(1, 1, 1), pictures=1))
    render_once(tmp_path / "p", replace(RECIPE, people=(1, 1, 1), pictures=1, seed=1))
    assert '"seed": 1' in (tmp_path / "p" / "recipe.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["p"]  # nothing temporary is left


def test_more_people_leave_the_others_as_they_were() -> None:
    ours, _ = render_portrait(RECIPE, 2, 1, 0)
    theirs, _ = render_portrait(replace(RECIPE, people=(9, 9, 9), pictures=9), 2, 1, 0)
    assert np.array_equal(ours, theirs)


def test_folder_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="holds no rendered portraits"):
        render_once(tmp_path, RECIPE)
    assert (tmp_path / "photo.jpg").exists()


@pytest.mark.parametrize(
    "changes", [{"side": 8}, {"people": (1, 1)}, {"people": (0, 1, 1)}, {"backgrounds": 1}]
)
def test_impossible_recipe_raises(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected"):
        replace(RECIPE, **changes)  # type: ignore[arg-type]
