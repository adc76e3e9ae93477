"""Batches of P identities with K images each."""

from collections import Counter

import numpy as np
import pytest

from vision_shared.samplers import IdentitySampler

COUNTS = (9, 4, 8, 5, 3, 12, 4, 1)
IDENTITIES = np.random.default_rng(0).permutation(np.repeat(np.arange(8), COUNTS))


def sampler(**changes: int) -> IdentitySampler:
    known = {"num_identities": 3, "num_pictures": 4, "seed": 0}
    return IdentitySampler(IDENTITIES, **{**known, **changes})


def epoch(sampler: IdentitySampler, number: int) -> list[tuple[int, int]]:
    sampler.set_epoch(number)
    return list(sampler)


def test_every_batch_has_k_pictures_of_p_identities() -> None:
    pairs = epoch(sampler(), 0)
    assert len(pairs) == len(sampler()) == 12 * 3  # rounds of 6, 3 and 1 with 4 images
    for start in range(0, len(pairs), 12):
        indices = [index for index, _ in pairs[start : start + 12]]
        identities = Counter(IDENTITIES[indices].tolist())
        assert list(identities.values()) == [4, 4, 4]
        assert set(identities) <= {0, 1, 2, 3, 5, 6}  # the others have fewer than 4


def test_no_picture_comes_twice_in_an_epoch() -> None:
    indices = [index for index, _ in epoch(sampler(), 0)]
    assert len(set(indices)) == len(indices)


def test_order_follows_from_seed_and_epoch() -> None:
    assert epoch(sampler(), 3) == epoch(sampler(), 3)
    assert epoch(sampler(), 3) != epoch(sampler(), 4)
    assert epoch(sampler(), 3) != epoch(sampler(seed=1), 3)


def test_replicas_share_the_batches_of_an_epoch() -> None:
    alone = epoch(sampler(num_identities=2), 0)
    both = [epoch(sampler(num_identities=2, num_replicas=2, rank=rank), 0) for rank in (0, 1)]
    assert len(both[0]) == len(both[1]) == len(alone) // 16 * 8
    shared = [both[rank][start : start + 8] for start in range(0, 16, 8) for rank in (0, 1)]
    assert [pair for batch in shared for pair in batch] == alone[: 2 * 16]


def test_unknown_identities_are_left_out() -> None:
    identities = np.array([-1] * 8 + [0] * 4 + [1] * 4)
    pairs = list(IdentitySampler(identities, num_identities=2, num_pictures=4))
    assert {index for index, _ in pairs} == set(range(8, 16))


@pytest.mark.parametrize("changes", [{"num_identities": 7}, {"num_pictures": 13}, {"rank": 1}])
def test_impossible_batches_raise(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        sampler(**changes)
