"""Who is in the pictures: numbers to classify, pictures to validate on, and batches of P x K.

A batch of P people with K pictures each has pairs of one person for the similarity loss; one drawn
from 8,000 people at random would have next to none.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from face_attributes.data.faces import NOBODY, Faces

if TYPE_CHECKING:
    import pytorch_lightning as pl

HOLD_OUT_FROM = 3
"""Pictures of a person at least, for one to be held out."""


def renumber(faces: Faces) -> Faces:
    """Number the people without gaps: those who train from 0, then the others.

    So a number below `num_training_identities` is a class of a network that was trained on them.
    """
    known = faces.identities != NOBODY
    first_part = np.full(faces.identities.max(initial=0) + 1, np.iinfo(np.int8).max, np.int8)
    np.minimum.at(first_part, faces.identities[known], faces.parts[known])
    people = np.flatnonzero(first_part < np.iinfo(np.int8).max)
    order = people[np.argsort(first_part[people], kind="stable")]
    numbers = np.full(len(first_part), NOBODY, np.int32)
    numbers[order] = np.arange(len(order))
    identities = np.where(known, numbers[faces.identities], NOBODY).astype(np.int32)
    return replace(faces, identities=identities)


def num_training_identities(faces: Faces) -> int:
    """How many people are in the training pictures of a whole data set."""
    identities = faces.identities[faces.parts == 0]
    return len(np.unique(identities[identities != NOBODY]))


def held_out(identities: NDArray[np.integer]) -> NDArray[np.bool_]:
    """One picture of everybody, the last, to validate the classification of training people.

    People with fewer than `HOLD_OUT_FROM` pictures keep them all.
    """
    people, last, counts = np.unique(identities[::-1], return_index=True, return_counts=True)
    rows = len(identities) - 1 - last
    chosen = np.zeros(len(identities), bool)
    chosen[rows[(counts >= HOLD_OUT_FROM) & (people != NOBODY)]] = True
    return chosen


class IdentitySampler(Sampler[tuple[int, int]]):
    """Yield `(index, sample_seed)` pairs; each P * K of them are K pictures of P people.

    Everything follows from `(seed, epoch)`, as with `vision_shared.samplers.EpochSampler`, so a
    resumed run goes on exactly. In an epoch everybody's pictures are dealt into hands of K, and in
    round j everybody who has a j-th hand plays it, in random order; what does not fill a hand, or
    a batch of a round, waits for another epoch. With R replicas, replica r takes the batches r,
    r + R, r + 2R, ...

    Args:
        identities: of the pictures, (N,), `NOBODY` for unknown, which are left out.
        num_people: P.
        num_pictures: K; people with fewer pictures are left out.
        seed: not negative.
        num_replicas: processes that share the epoch.
        rank: which of them this is, in [0, num_replicas).

    Raises:
        ValueError: too few people with K pictures for one batch in each replica, or a rank out of
            range.
    """

    def __init__(
        self,
        identities: NDArray[np.integer],
        *,
        num_people: int,
        num_pictures: int,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if not 0 <= rank < num_replicas:
            raise ValueError(f"expected a rank in [0, {num_replicas}), got {rank}")
        people, numbers, counts = np.unique(identities, return_inverse=True, return_counts=True)
        hands = np.where(people == NOBODY, 0, counts // num_pictures)
        rounds = [int((hands > number).sum()) for number in range(int(hands.max(initial=0)))]
        self.num_batches = sum(size // num_people for size in rounds) // num_replicas
        if self.num_batches < 1:
            raise ValueError(
                f"expected {num_people} people with {num_pictures} pictures each, and as many for "
                f"each of {num_replicas} replicas, got {sum(hands > 0)} people"
            )
        self.people = numbers
        self.num_hands = hands
        self.num_people = num_people
        self.num_pictures = num_pictures
        self.seed = seed
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0

    @classmethod
    def of_trainer(
        cls,
        trainer: "pl.Trainer | None",
        identities: NDArray[np.integer],
        *,
        num_people: int,
        num_pictures: int,
        seed: int,
    ) -> "IdentitySampler":
        """Make the sampler of a datamodule's ``train_dataloader``: this process's share."""
        world_size, rank = (1, 0) if trainer is None else (trainer.world_size, trainer.global_rank)
        return cls(
            identities,
            num_people=num_people,
            num_pictures=num_pictures,
            seed=seed,
            num_replicas=world_size,
            rank=rank,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration yields."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches * self.num_people * self.num_pictures

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._batches(rng)
        sample_seeds = rng.integers(2**31, size=batches.shape)
        mine = slice(self.rank, self.num_batches * self.num_replicas, self.num_replicas)
        indices, seeds = batches[mine].ravel(), sample_seeds[mine].ravel()
        yield from zip(indices.tolist(), seeds.tolist(), strict=True)

    def _batches(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Pictures of all batches of the epoch, (batches, P * K)."""
        by_person = np.lexsort((rng.random(len(self.people)), self.people))
        firsts = np.searchsorted(self.people[by_person], np.arange(len(self.num_hands)))
        batches = []
        for number in range(int(self.num_hands.max())):
            players = rng.permutation(np.flatnonzero(self.num_hands > number))
            players = players[: len(players) // self.num_people * self.num_people]
            first_cards = firsts[players] + number * self.num_pictures
            cards = by_person[first_cards[:, None] + np.arange(self.num_pictures)]
            batches.append(cards.reshape(-1, self.num_people * self.num_pictures))
        return np.concatenate(batches)
