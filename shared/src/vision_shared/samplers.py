"""Orders of training samples that a resumed, distributed or multi-worker run repeats."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

if TYPE_CHECKING:
    import pytorch_lightning as pl

NUM_SEEDS = 2**31
"""Seeds of samples are in [0, this): what every generator of random numbers takes."""


class EpochLoader(DataLoader):
    """A DataLoader that goes on in the middle of an epoch, at the batch that a checkpoint says.

    It takes its first index when it is asked for its first batch: Lightning makes the iterator of a
    resumed run before it calls `EpochSampler.set_epoch`; workers would by then have taken the first
    indices from another epoch's order.

    Its sampler has ``epoch`` and ``first``, as `EpochSampler`. Lightning keeps what `state_dict`
    returns in every checkpoint.
    """

    _taken = 0
    _resumed: dict[str, int] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        sampler: Any = self.sampler
        resumed, self._resumed = self._resumed, None
        self._taken = 0
        if resumed is not None and resumed["epoch"] == sampler.epoch:
            self._taken = resumed["batches"]
        assert self.batch_size is not None
        sampler.first = self._taken * self.batch_size
        for batch in super().__iter__():
            self._taken += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the epoch, and how many of its batches have been taken."""
        sampler: Any = self.sampler
        return {"epoch": sampler.epoch, "batches": self._taken}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Have the next iteration go on in the epoch of a state, if it is of that epoch."""
        self._resumed = state_dict


class EpochSampler(Sampler[tuple[int, int]]):
    """Yield `(index, sample_seed)` pairs that depend on the seed and the epoch alone.

    `DataLoader(shuffle=True)` draws its order from a generator whose state no checkpoint holds, so
    a resumed run replays the first epoch. Here everything follows from `(seed, epoch)`, and
    Lightning calls `set_epoch` at the start of every epoch, also after a resume. The seed travels
    with the index, so a data set that draws its augmentation from it gives the same sample whatever
    the number of workers, persistent or not.

    With R replicas, replica r takes the positions r, r + R, r + 2R, ... of the one order: the union
    over replicas of the s-th batches of B / R samples is the s-th batch of B of a single process.

    Args:
        num_samples: length of the data set.
        epoch_size: samples in an epoch, over all replicas; beyond `num_samples`, fresh permutations
            follow one another. `None` means `num_samples`. The last `epoch_size % num_replicas`
            are left out, so that every replica takes as many steps.
        seed: not negative.
        shuffle: else the indices come in order.
        num_replicas: processes that share the epoch.
        rank: number of this one among them, in [0, num_replicas).

    Attributes:
        first: position, in this replica's order, of the first pair of the next iteration.

    Raises:
        ValueError: no sample for some replica, or a rank out of range.
    """

    first = 0

    def __init__(
        self,
        num_samples: int,
        *,
        epoch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if not 0 <= rank < num_replicas:
            raise ValueError(f"expected a rank in [0, {num_replicas}), got {rank}")
        epoch_size = num_samples if epoch_size is None else epoch_size
        if num_samples < 1 or epoch_size < num_replicas:
            raise ValueError(
                "expected at least one sample for every replica, got "
                f"num_samples={num_samples}, epoch_size={epoch_size}, num_replicas={num_replicas}"
            )
        self.num_samples = num_samples
        self.epoch_size = epoch_size
        self.seed = seed
        self.shuffle = shuffle
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0

    @classmethod
    def of_trainer(
        cls, trainer: pl.Trainer | None, num_samples: int, *, epoch_size: int | None, seed: int
    ) -> Self:
        """Make the sampler of a datamodule's ``train_dataloader``: this process's share."""
        world_size, rank = (1, 0) if trainer is None else (trainer.world_size, trainer.global_rank)
        return cls(
            num_samples, epoch_size=epoch_size, seed=seed, num_replicas=world_size, rank=rank
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration yields."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.epoch_size // self.num_replicas

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        rounds = -(-self.epoch_size // self.num_samples)
        indices = np.tile(np.arange(self.num_samples), (rounds, 1))
        if self.shuffle:
            indices = rng.permuted(indices, axis=1)
        sample_seeds = rng.integers(NUM_SEEDS, size=indices.size)
        mine = slice(self.rank, len(self) * self.num_replicas, self.num_replicas)
        pairs = zip(indices.ravel()[mine].tolist(), sample_seeds[mine].tolist(), strict=True)
        yield from islice(pairs, self.first, None)


class IdentitySampler(Sampler[tuple[int, int]]):
    """Yield `(index, sample_seed)` pairs; each P * K of them are K images of P identities.

    A batch of P identities has pairs of one of them for a metric loss; one drawn from thousands at
    random would have next to none.

    Everything follows from `(seed, epoch)`, as with `EpochSampler`, so a resumed run goes on
    exactly. In an epoch the images of each identity are dealt into hands of K, and in round j
    every identity that has a j-th hand plays it, in random order; what does not fill a hand, or a
    batch of a round, waits for another epoch. With R replicas, replica r takes the batches r,
    r + R, r + 2R, ...

    Args:
        identities: identities of the images, (N,), negative for unknown, which are left out.
        num_identities: P.
        num_pictures: K; identities with fewer images are left out.
        seed: not negative.
        num_replicas: processes that share the epoch.
        rank: number of this one among them, in [0, num_replicas).

    Attributes:
        first: position, in this replica's order, of the first pair of the next iteration.

    Raises:
        ValueError: too few identities with K images for one batch in each replica, or a rank out
            of range.
    """

    first = 0

    def __init__(
        self,
        identities: NDArray[np.integer],
        *,
        num_identities: int,
        num_pictures: int,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if not 0 <= rank < num_replicas:
            raise ValueError(f"expected a rank in [0, {num_replicas}), got {rank}")
        known, numbers, counts = np.unique(identities, return_inverse=True, return_counts=True)
        hands = np.where(known < 0, 0, counts // num_pictures)
        rounds = [int((hands > number).sum()) for number in range(int(hands.max(initial=0)))]
        self.num_batches = sum(size // num_identities for size in rounds) // num_replicas
        if self.num_batches < 1:
            raise ValueError(
                f"expected {num_identities} identities with {num_pictures} images each, and as "
                f"many for each of {num_replicas} replicas, got {sum(hands > 0)}"
            )
        self.identities = numbers
        self.num_hands = hands
        self.num_identities = num_identities
        self.num_pictures = num_pictures
        self.seed = seed
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0

    @classmethod
    def of_trainer(
        cls,
        trainer: pl.Trainer | None,
        identities: NDArray[np.integer],
        *,
        num_identities: int,
        num_pictures: int,
        seed: int,
    ) -> Self:
        """Make the sampler of a datamodule's ``train_dataloader``: this process's share."""
        world_size, rank = (1, 0) if trainer is None else (trainer.world_size, trainer.global_rank)
        return cls(
            identities,
            num_identities=num_identities,
            num_pictures=num_pictures,
            seed=seed,
            num_replicas=world_size,
            rank=rank,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration yields."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches * self.num_identities * self.num_pictures

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._batches(rng)
        sample_seeds = rng.integers(NUM_SEEDS, size=batches.shape)
        mine = slice(self.rank, self.num_batches * self.num_replicas, self.num_replicas)
        indices, seeds = batches[mine].ravel(), sample_seeds[mine].ravel()
        pairs = zip(indices.tolist(), seeds.tolist(), strict=True)
        yield from islice(pairs, self.first, None)

    def _batches(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Images of all batches of the epoch, (batches, P * K)."""
        by_identity = np.lexsort((rng.random(len(self.identities)), self.identities))
        firsts = np.searchsorted(self.identities[by_identity], np.arange(len(self.num_hands)))
        batches = []
        for number in range(int(self.num_hands.max())):
            players = rng.permutation(np.flatnonzero(self.num_hands > number))
            players = players[: len(players) // self.num_identities * self.num_identities]
            first_cards = firsts[players] + number * self.num_pictures
            cards = by_identity[first_cards[:, None] + np.arange(self.num_pictures)]
            batches.append(cards.reshape(-1, self.num_identities * self.num_pictures))
        return np.concatenate(batches)
