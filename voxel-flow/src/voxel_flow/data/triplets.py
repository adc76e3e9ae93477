"""Which frames of which clips make a training, validation or test triplet."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from voxel_flow.data.augment import Augmentation, Frames, motion_crop
from voxel_flow.evaluation.protocols import CropProtocol

Split = Literal["train", "val", "test"]
Clips = Sequence[np.ndarray]
"""uint8 RGB (N, H, W, 3) each, of any sizes."""


class Clip(Protocol):
    """Frames by their number, uint8 RGB (H, W, 3) of one size: an array, or read when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, frame: int, /) -> np.ndarray: ...


CENTRED = ((2, 1), (4, 2))
OFF_CENTRE = ((3, 1), (3, 2), (4, 1), (4, 3))
"""(span, target): frames i and i + span give frame i + target, so time = target / span."""


def ahead(num_steps: int) -> tuple[tuple[int, int], ...]:
    """(span, target) of extrapolation: frames i and i + 1 give each of the next ones."""
    return tuple((1, 1 + step) for step in range(1, num_steps + 1))


GAP = 3
"""Frames left out between splits: the longest stride from a target to an input of its triplet."""

MIN_FRAMES = 60
"""A shorter clip belongs to one split as a whole: its parts could not hold a triplet each."""

STILL_PSNR = 45.0
"""dB between the outer frames from which a training triplet counts as still."""


class Triplet(NamedTuple):
    """Indices of a clip and of three of its frames; the target may come after frame 1."""

    clip: int
    frame0: int
    target: int
    frame1: int

    @property
    def time(self) -> float:
        """Of the target, where frame 0 is at 0 and frame 1 at 1."""
        return (self.target - self.frame0) / (self.frame1 - self.frame0)

    @property
    def num_ahead(self) -> int:
        """How many frames the target comes after frame 1; 0 between the two."""
        return max(0, self.target - self.frame1)


def split_frames(lengths: Sequence[int], split: Split) -> list[list[range]]:
    """Runs of frames of every clip that belong to a split; no frame belongs to two.

    In time: the last 20 % of a clip test, [70 %, 75 %) validate, the rest trains, less `GAP` frames
    beside another split. Clips below `MIN_FRAMES` frames are dealt whole: by their order, the first
    70 % of them train, the next 10 % validate, the last 20 % test.
    """
    short = [clip for clip, length in enumerate(lengths) if length < MIN_FRAMES]
    rank = {clip: place for place, clip in enumerate(short)}
    return [
        [range(n)] * (deal(rank[clip], len(short)) == split)
        if clip in rank
        else clip_ranges(n, split)
        for clip, n in enumerate(lengths)
    ]


def clip_ranges(num_frames: int, split: Split) -> list[range]:
    """Return the frames of a lone clip that are of a split.

    The last fifth tests, 5 % after the first 70 % validate, the rest trains; `GAP` frames lie
    between training and the others.
    """
    val, after, test = num_frames * 7 // 10, num_frames * 3 // 4, num_frames * 4 // 5
    if split == "train":
        return [range(val - GAP), range(after + GAP, test - GAP)]
    return [range(val, after)] if split == "val" else [range(test, num_frames)]


def deal(rank: int, num_clips: int) -> Split:
    """Return the split of a whole clip by its rank: 70 % of clips train, 10 % val, 20 % test."""
    if rank < num_clips * 7 // 10:
        return "train"
    return "val" if rank < num_clips * 4 // 5 else "test"


def training_triplets(
    clips: Clips, shapes: Sequence[tuple[int, int]], protocol: CropProtocol
) -> list[Triplet]:
    """Triplets of the training split that show motion.

    The motion filter keeps a triplet if the PSNR between its outer frames, on the protocol's crop,
    lies above `protocol.cut_psnr` (below it they show different scenes) and below `STILL_PSNR`
    (nothing moves).

    Args:
        clips: the clips, whole.
        shapes: (span, target) of the triplets, as in `CENTRED`.
        protocol: its crop and its threshold for cuts.
    """
    return [
        triplet
        for triplet in candidates(clips, "train", shapes)
        if protocol.cut_psnr < outer_psnr(clips, triplet, protocol.crop) < STILL_PSNR
    ]


def evaluation_triplets(
    clips: Clips,
    split: Literal["val", "test"],
    protocol: CropProtocol,
    shapes: Sequence[tuple[int, int]] = CENTRED[:1],
) -> list[Triplet]:
    """All triplets of a split, less those across a cut or with duplicates.

    A cut: PSNR of at most `protocol.cut_psnr` between the outer frames, on the protocol's crop.
    A duplicate: two of the three crops are identical.

    Args:
        clips: the clips, whole.
        split: name of the split.
        protocol: its crop and its threshold for cuts.
        shapes: (span, target) of the triplets; three frames in a row, or `ahead`.
    """
    return [
        triplet
        for triplet in candidates(clips, split, shapes)
        if outer_psnr(clips, triplet, protocol.crop) > protocol.cut_psnr
        and not has_duplicate(clips, triplet, protocol.crop)
    ]


def spread(triplets: Sequence[Triplet], most: int) -> list[Triplet]:
    """At most ``most`` triplets of each clip, evenly over it, in pairs that follow one another."""
    chosen: list[Triplet] = []
    for _, group in groupby(triplets, key=lambda triplet: triplet.clip):
        of_clip = list(group)
        starts = np.linspace(0, max(len(of_clip) - 2, 0), max(most // 2, 1)).astype(int)
        chosen += [of_clip[n] for n in sorted({*starts, *starts + 1}) if n < len(of_clip)]
    return chosen


def candidates(clips: Clips, split: Split, shapes: Sequence[tuple[int, int]]) -> Iterator[Triplet]:
    """Yield all triplets of a split; shapes are (span, target) in frames."""
    for clip, runs in enumerate(split_frames([len(frames) for frames in clips], split)):
        for run in runs:
            for span, target in shapes:
                for start in run[: max(len(run) - max(span, target), 0)]:
                    yield Triplet(clip, start, start + target, start + span)


def outer_psnr(clips: Clips, triplet: Triplet, crop: int) -> float:
    """Return PSNR in dB of a triplet's outer frames on the centre crop: low across a scene cut."""
    first, target, last = centre_crops(clips, triplet, crop)
    if triplet.num_ahead:
        last = target
    error = cv2.norm(first, last, cv2.NORM_L2SQR) / first.size
    return 10 * np.log10(255**2 / error) if error else np.inf


def has_duplicate(clips: Clips, triplet: Triplet, crop: int) -> bool:
    """Return whether two frames of a triplet are identical on the centre crop."""
    first, target, last = centre_crops(clips, triplet, crop)
    pairs = ((first, target), (target, last), (first, last))
    return any(np.array_equal(a, b) for a, b in pairs)


def centre_crops(clips: Clips, triplet: Triplet, crop: int) -> Frames:
    """The middle square of the three frames, or the whole of a side below `crop`."""
    frames = clips[triplet.clip]
    height, width = frames.shape[1:3]
    top, left = max(height - crop, 0) // 2, max(width - crop, 0) // 2
    window = np.s_[top : top + crop, left : left + crop]
    return (
        frames[triplet.frame0][window],
        frames[triplet.target][window],
        frames[triplet.frame1][window],
    )


class TrainingTriplets(Dataset[dict[str, Tensor]]):
    """Augmented triplets: `dataset[index, sample_seed]`, the same for the same pair.

    A sample is `frames` (2, 3, S, S) and `target` (3, S, S), float32 RGB in [0, 1], and `time` ().

    Args:
        clips: the clips, whole.
        centred: triplets at time 1/2; the length of the data set.
        off_centre: triplets at other times.
        off_centre_fraction: fraction of the samples that show a random one of
            `off_centre` instead.
        crop_size: S, in pixels.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        centred: Sequence[Triplet],
        off_centre: Sequence[Triplet],
        off_centre_fraction: float,
        crop_size: int,
    ) -> None:
        self.clips = clips
        self.centred = centred
        self.off_centre = off_centre
        self.off_centre_fraction = off_centre_fraction
        self.crop_size = crop_size
        self.augmentation = Augmentation()

    def __len__(self) -> int:
        return len(self.centred)

    def __getitem__(self, index: tuple[int, int]) -> dict[str, Tensor]:
        place, sample_seed = index
        rng = np.random.default_rng(sample_seed)
        triplet = self.centred[place]
        if rng.random() < self.off_centre_fraction:
            triplet = self.off_centre[int(rng.integers(len(self.off_centre)))]
        frames = self.clips[triplet.clip]
        whole = frames[triplet.frame0], frames[triplet.target], frames[triplet.frame1]
        crops = self.augmentation(motion_crop(whole, self.crop_size, rng), sample_seed)
        if rng.random() < 0.5 and not triplet.num_ahead:  # time runs backwards
            return as_sample(crops[::-1], 1 - triplet.time)
        return as_sample(crops, triplet.time)


class EvaluationTriplets(Dataset[dict[str, Any]]):
    """Centre crops of triplets under a protocol, in order.

    A sample is `frames` (2, 3, H, W) and `target` (3, H, W), float32 RGB in [0, 1], `time` (),
    `clip`, the index of the clip (`clip_indices`), and `follows`, whether the target is the frame
    after the sample before; H and W are the same within a clip.
    """

    def __init__(
        self,
        clips: Clips,
        triplets: Sequence[Triplet],
        protocol: CropProtocol,
        num_steps: int = 1,
    ) -> None:
        self.clips = clips
        self.triplets = triplets
        self.protocol = protocol
        self.num_steps = num_steps

    def __len__(self) -> int:
        return len(self.triplets)

    @property
    def clip_indices(self) -> list[int]:
        """The clip of every sample; each step of an extrapolation counts as a clip of its own."""
        return [t.clip * self.num_steps + max(t.num_ahead, 1) - 1 for t in self.triplets]

    def __getitem__(self, index: int) -> dict[str, Any]:
        triplet = self.triplets[index]
        crops = centre_crops(self.clips, triplet, self.protocol.crop)
        sample = as_sample(crops, triplet.time)
        group = self.clip_indices[index]
        return sample | {"clip": group, "follows": follows(self.triplets, index)}


def follows(triplets: Sequence[Triplet], index: int) -> bool:
    """Whether a triplet's target is the frame after the target of the triplet before it."""
    now, before = triplets[index], triplets[index - 1]
    return index > 0 and (now.clip, now.target) == (before.clip, before.target + 1)


def as_sample(frames: Sequence[np.ndarray], time: float) -> dict[str, Tensor]:
    """Return ``frames`` (2, 3, H, W), ``target`` (3, H, W), in [0, 1], and ``time``, a scalar.

    Args:
        frames: frame 0, target, frame 1: (H, W, 3) uint8 RGB.
        time: time of the target, in frame distances from frame 0.
    """
    stack = np.stack(frames).transpose(0, 3, 1, 2)  # (3, 3, H, W): frame 0, target, frame 1
    images = torch.from_numpy(np.ascontiguousarray(stack, dtype=np.float32)) / 255
    return {"frames": images[[0, 2]], "target": images[1], "time": torch.tensor(time)}
