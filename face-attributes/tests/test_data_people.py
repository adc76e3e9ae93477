"""Rendered people in CelebA's layout: the reader reads what was rendered, and nobody twice."""

from pathlib import Path

import numpy as np
import pytest

from face_attributes.data.celeba import celeba_faces
from face_attributes.data.people import PEOPLE_ATTRIBUTES, Recipe, groups, main_face
from synthetic_people import dataset
from vision_shared.inputs import InputError
from vision_shared.rendering import render_people

RECIPE = Recipe(side=48, people=(3, 2, 2), images=2, close_ups=2, backgrounds=4, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people")
    render_people(root / "people", RECIPE, root / "sets")
    return root


def test_reader_reads_what_was_rendered(folder: Path) -> None:
    faces = celeba_faces(folder / "people", "wild", folder / "cache")
    assert faces.attributes == PEOPLE_ATTRIBUTES
    labels = [
        label
        for split in range(3)
        for recipe in RECIPE.sets(split)
        for sample in dataset.read_set(folder / "sets" / recipe.folder_name())
        if (label := main_face(sample)) is not None
    ]
    assert len(faces) == len(labels)
    for row, label in enumerate(labels):
        has = [label.attributes[name] for name in PEOPLE_ATTRIBUTES]
        assert np.array_equal(faces.labels[row] == 1, has)
        assert faces.landmarks[row] == pytest.approx(label.landmarks, abs=0.51)


def test_boxes_lie_in_the_image(folder: Path) -> None:
    boxes = celeba_faces(folder / "people", "wild", folder / "cache").boxes
    assert (boxes >= 0).all()
    assert (boxes <= RECIPE.side).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_metadata_stands_beside_the_lists(folder: Path) -> None:
    faces = celeba_faces(folder / "people", "wild", folder / "cache")
    heading, *lines = (folder / "people/Anno/people.csv").read_text().splitlines()
    assert heading == "image,age,sex,ancestry,tone"
    rows = [line.split(",") for line in lines]
    assert [row[0] for row in rows] == [name.decode() for name in faces.names]
    is_male = faces.labels[:, faces.attributes.index("Male")] == 1
    assert np.array_equal(is_male, [row[2] == "male" for row in rows])
    assert all(0 <= float(row[4]) <= 1 for row in rows)


def test_people_are_grouped_by_sex_and_tone(folder: Path) -> None:
    faces = celeba_faces(folder / "people", "wild", folder / "cache")
    known = groups(folder / "people", faces.names)
    assert (known["women"] != known["men"]).all()
    tones = [known[name].astype(int) for name in ("dark skin", "medium skin", "light skin")]
    assert np.all(sum(tones) == 1)


def test_people_are_in_one_split_each(folder: Path) -> None:
    faces = celeba_faces(folder / "people", "wild", folder / "cache")
    splits = [set(faces.identities[faces.parts == split].tolist()) for split in range(3)]
    assert all(splits)
    assert sum(len(split) for split in splits) == len(set.union(*splits)) <= sum(RECIPE.people)


def test_backgrounds_are_as_many_for_validation_as_for_the_test(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "people/backgrounds").iterdir())
    assert len(names) >= RECIPE.backgrounds
    assert sum(name.startswith("1-") for name in names) * 2 == len(names)


def test_a_folder_without_photographs_is_one_line(tmp_path: Path) -> None:
    recipe = Recipe(
        side=48,
        people=(1, 1, 1),
        images=1,
        close_ups=0,
        backgrounds=2,
        seed=0,
        photographs=str(tmp_path),
    )
    with pytest.raises(InputError, match="photographs"):
        render_people(tmp_path / "people", recipe, tmp_path / "sets")
    assert not (tmp_path / "people").exists()
