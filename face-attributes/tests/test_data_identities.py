"""Who is in the pictures."""

from pathlib import Path

import numpy as np

from face_attributes.data.faces import NOBODY, Faces, unknown_places
from face_attributes.data.identities import held_out, num_training_identities, renumber


def make_faces(identities: list[int], parts: list[int]) -> Faces:
    boxes, landmarks = unknown_places(len(parts))
    return Faces(
        Path("pictures"),
        np.array([f"{number}.jpg" for number in range(len(parts))]).astype("S"),
        ("A",),
        np.ones((len(parts), 1), np.int8),
        np.array(parts, np.int8),
        np.array(identities, np.int32),
        boxes,
        landmarks,
        Path("list.txt"),
    )


def test_training_people_are_numbered_first_without_gaps() -> None:
    faces = make_faces([2880, 17, 2880, 5, NOBODY, 40], [0, 1, 0, 2, 0, 0])
    out = renumber(faces)
    assert out.identities.tolist() == [1, 2, 1, 3, NOBODY, 0]
    assert num_training_identities(out) == 2


def test_nobody_known_stays_unknown() -> None:
    out = renumber(make_faces([NOBODY, NOBODY], [0, 1]))
    assert out.identities.tolist() == [NOBODY, NOBODY] and num_training_identities(out) == 0


def test_last_picture_of_everybody_with_three_is_held_out() -> None:
    identities = np.array([3, 3, 1, 3, 1, NOBODY, NOBODY, NOBODY])
    assert np.flatnonzero(held_out(identities)).tolist() == [3]
