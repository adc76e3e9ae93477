"""Who is in the pictures, and batches of P x K."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from face_attributes.data.faces import NOBODY, Faces, unknown_places
from face_attributes.data.identities import (
    IdentitySampler,
    held_out,
    num_training_identities,
    renumber,
)

COUNTS = (9, 4, 8, 5, 3, 12, 4, 1)
IDENTITIES = np.random.default_rng(0).permutation(np.repeat(np.arange(8), COUNTS))


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


def sampler(**changes: int) -> IdentitySampler:
    return IdentitySampler(IDENTITIES, **{"num_people": 3, "num_pictures": 4, "seed": 0, **changes})


def epoch(sampler: IdentitySampler, number: int) -> list[tuple[int, int]]:
    sampler.set_epoch(number)
    return list(sampler)


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


def test_every_batch_has_k_pictures_of_p_people() -> None:
    pairs = epoch(sampler(), 0)
    assert len(pairs) == len(sampler()) == 12 * 3  # rounds of 6, 3 and 1 people with 4 pictures
    for start in range(0, len(pairs), 12):
        indices = [index for index, _ in pairs[start : start + 12]]
        people = Counter(IDENTITIES[indices].tolist())
        assert list(people.values()) == [4, 4, 4]
        assert set(people) <= {0, 1, 2, 3, 5, 6}  # the others have fewer than 4


def test_no_picture_comes_twice_in_an_epoch() -> None:
    indices = [index for index, _ in epoch(sampler(), 0)]
    assert len(set(indices)) == len(indices)


def test_order_follows_from_seed_and_epoch() -> None:
    assert epoch(sampler(), 3) == epoch(sampler(), 3)
    assert epoch(sampler(), 3) != epoch(sampler(), 4)
    assert epoch(sampler(), 3) != epoch(sampler(seed=1), 3)


def test_replicas_share_the_batches_of_an_epoch() -> None:
    alone = epoch(sampler(num_people=2), 0)
    both = [epoch(sampler(num_people=2, num_replicas=2, rank=rank), 0) for rank in (0, 1)]
    assert len(both[0]) == len(both[1]) == len(alone) // 16 * 8
    shared = [both[rank][start : start + 8] for start in range(0, 16, 8) for rank in (0, 1)]
    assert [pair for batch in shared for pair in batch] == alone[: 2 * 16]


def test_unknown_people_are_left_out() -> None:
    identities = np.array([NOBODY] * 8 + [0] * 4 + [1] * 4)
    pairs = list(IdentitySampler(identities, num_people=2, num_pictures=4))
    assert {index for index, _ in pairs} == set(range(8, 16))


@pytest.mark.parametrize("changes", [{"num_people": 7}, {"num_pictures": 13}, {"rank": 1}])
def test_impossible_batches_raise(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        sampler(**changes)
