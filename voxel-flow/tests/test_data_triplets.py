"""Splits, the motion filter, and how training triplets are augmented."""

from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
import torch

from voxel_flow.data.triplets import (
    CENTRED,
    GAP,
    OFF_CENTRE,
    EvaluationTriplets,
    TrainingTriplets,
    Triplet,
    ahead,
    evaluation_triplets,
    split_frames,
    training_triplets,
)
from voxel_flow.evaluation.protocols import CENTRE_256

SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")


def noise_clip(num_frames: int, size: int = 32, amplitude: int = 40, seed: int = 0) -> np.ndarray:
    """Every frame another noise: outer frames 13 to 40 dB apart for amplitudes of 100 to 5."""
    rng = np.random.default_rng(seed)
    return rng.integers(128 - amplitude, 128 + amplitude, (num_frames, size, size, 3), np.uint8)


def ramp_clip(num_frames: int, step: int, size: int = 48) -> np.ndarray:
    """One image that brightens by `step` levels a frame: linear in time at every pixel."""
    picture = np.random.default_rng(0).integers(0, 100, (size, size, 3))
    return (picture + step * np.arange(num_frames)[:, None, None, None]).astype(np.uint8)


@pytest.mark.parametrize("num_frames", [60, 61, 119, 250, 1000])
def test_splits_of_a_clip_are_a_stride_apart(num_frames: int) -> None:
    runs = [
        (run.start, run.stop, split)
        for split in SPLITS
        for run in split_frames([num_frames], split)[0]
        if len(run) > 0
    ]
    assert {split for *_, split in runs} == set(SPLITS)
    assert all(start - stop >= GAP for (_, stop, _), (start, _, _) in pairwise(sorted(runs)))
    longest_stride = max(max(target, span - target) for span, target in CENTRED + OFF_CENTRE)
    assert longest_stride <= GAP


def test_the_last_fifth_of_a_clip_tests() -> None:
    assert split_frames([250], "test") == [[range(200, 250)]]


def test_short_clips_belong_to_one_split_as_a_whole() -> None:
    lengths = [7] * 5 + [100] + [7] * 5
    splits = {split: split_frames(lengths, split) for split in SPLITS}
    owners = [[s for s in SPLITS if splits[s][clip]] for clip in range(len(lengths)) if clip != 5]
    assert owners == [["train"]] * 7 + [["val"]] + [["test"]] * 2
    assert all(splits[s][5] for s in SPLITS)


def test_motion_filter_keeps_what_moves_and_is_one_scene() -> None:
    still = noise_clip(7, amplitude=1)
    still[:] = still[0]
    cut = noise_clip(7, amplitude=60)
    cut[3:] = 255 - cut[0] // 8
    cut[:3] = cut[0] // 8
    moving = noise_clip(7, amplitude=40)
    clips = [still, cut, moving, *[noise_clip(7)] * 2]
    triplets = training_triplets(clips, [(2, 1)], CENTRE_256)
    assert {triplet.clip for triplet in triplets} == {2}
    assert [t.frame0 for t in triplets] == [0, 1, 2, 3, 4]


def test_training_triplets_have_the_spans_and_times_asked_for() -> None:
    clips = [noise_clip(80)]
    centred = training_triplets(clips, CENTRED, CENTRE_256)
    assert {(t.frame1 - t.frame0, t.time) for t in centred} == {(2, 0.5), (4, 0.5)}
    others = training_triplets(clips, OFF_CENTRE, CENTRE_256)
    assert {round(t.time, 3) for t in others} == {0.333, 0.667, 0.25, 0.75}


def test_evaluation_drops_cuts_and_duplicates_only() -> None:
    clip = noise_clip(100, amplitude=40)
    clip[90:] = clip[90:] // 8  # a cut before frame 90
    clip[96] = clip[95]
    clip[81:84] = np.clip(clip[81].astype(int) + np.arange(3)[:, None, None, None], 0, 255)
    middles = [t.target for t in evaluation_triplets([clip], "test", CENTRE_256)]
    dropped = {89, 90, 95, 96}
    assert middles == [i for i in range(81, 99) if i not in dropped]


def training_set(clip: np.ndarray, size: int = 16, off_centre: float = 0.5) -> TrainingTriplets:
    last = len(clip) - 1
    return TrainingTriplets(
        [clip], [Triplet(0, 0, last // 2, last)], [Triplet(0, 0, 1, last)], off_centre, size
    )


def test_augmentation_treats_all_frames_alike() -> None:
    samples = training_set(ramp_clip(5, step=20))
    times = set()
    for seed in range(40):
        sample = samples[0, seed]
        time, (first, last) = sample["time"], sample["frames"]
        times.add(round(float(time), 3))
        assert torch.allclose(sample["target"], (1 - time) * first + time * last, atol=1e-6)
        assert not torch.equal(first, last)
    assert times == {0.5, 0.25, 0.75}  # 0.75 is 0.25 reversed


def test_augmentation_reaches_every_orientation_and_both_directions() -> None:
    clip = ramp_clip(3, step=20, size=16)
    samples = training_set(clip, off_centre=0)
    seen = {
        tuple(samples[0, seed]["target"].sum(0).round(decimals=4).flatten().tolist())
        for seed in range(100)
    }
    assert len(seen) == 8  # whole image, channels summed: what is left is orientation
    starts = {bool(samples[0, seed]["frames"][0].mean() > 0.25) for seed in range(20)}
    assert starts == {True, False}


def test_same_seed_same_sample() -> None:
    samples = training_set(noise_clip(5, size=48))
    first, again, other = samples[0, 7], samples[0, 7], samples[0, 8]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["target"], other["target"])


def test_off_centre_fraction_is_kept_and_may_be_none() -> None:
    times = [training_set(noise_clip(5), off_centre=0.25)[0, seed]["time"] for seed in range(200)]
    assert 25 < sum(float(time) != 0.5 for time in times) < 80
    samples = TrainingTriplets([noise_clip(3)], [Triplet(0, 0, 1, 2)], [], 0.0, 16)
    assert all(float(samples[0, seed]["time"]) == 0.5 for seed in range(50))


def test_crops_prefer_motion() -> None:
    clip = np.full((3, 64, 64, 3), 128, np.uint8)
    clip[:, :32, :32] = noise_clip(3, amplitude=100)  # a quarter of the image moves
    samples = training_set(clip, size=16, off_centre=0)
    moving = [
        bool((s["frames"][0] != s["frames"][1]).any()) for s in (samples[0, i] for i in range(100))
    ]
    assert sum(moving) > 80  # of single random crops, about 45


def test_evaluation_sample_is_the_centre_crop_in_unit_range() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (3, 300, 260, 3), np.uint8)
    sample = EvaluationTriplets([clip], [Triplet(0, 0, 1, 2)], CENTRE_256)[0]
    middle = torch.from_numpy(clip[:, 22:278, 2:258]).permute(0, 3, 1, 2) / 255
    assert torch.equal(sample["frames"], middle[[0, 2]])
    assert torch.equal(sample["target"], middle[1])
    assert (float(sample["time"]), sample["clip"]) == (0.5, 0)


def test_clip_below_the_crop_is_evaluated_whole() -> None:
    sample = EvaluationTriplets([noise_clip(3, size=40)], [Triplet(0, 0, 1, 2)], CENTRE_256)[0]
    assert sample["target"].shape == (3, 40, 40)


def test_extrapolation_targets_come_after_both_frames_and_count_apart() -> None:
    clip = noise_clip(100)
    triplets = evaluation_triplets([clip], "test", CENTRE_256, ahead(2))
    assert {(t.frame1 - t.frame0, t.target - t.frame1, t.time) for t in triplets} == {
        (1, 1, 2.0),
        (1, 2, 3.0),
    }
    assert max(t.target for t in triplets) == 99
    samples = EvaluationTriplets([clip], triplets, CENTRE_256, num_steps=2)
    assert samples.clip_indices == [t.num_ahead - 1 for t in triplets]
    times = {float(samples[i]["time"]): int(samples[i]["clip"]) for i in range(len(samples))}
    assert times == {2.0: 0, 3.0: 1}


def test_extrapolation_is_never_trained_backwards() -> None:
    clip = noise_clip(100)
    triplets = training_triplets([clip], ahead(1), CENTRE_256)
    samples = TrainingTriplets([clip], triplets, [], 0.0, 16)
    assert {float(samples[0, seed]["time"]) for seed in range(8)} == {2.0}
