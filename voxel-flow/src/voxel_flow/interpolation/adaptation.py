"""Fine-tuning a network on the very video it is to interpolate.

Any video is training data: a frame left out is the truth for what its neighbours predict. So a few
minutes on the clip's own frames fit the network to its content and motion. The last fifth of the
clip is held out, to print what was gained; weights that lose there are not kept.
"""

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vision_shared.inputs import InputError
from vision_shared.samplers import EpochSampler
from voxel_flow import losses
from voxel_flow.data.clips import read_frames, write_clip
from voxel_flow.data.triplets import (
    CENTRED,
    MIN_FRAMES,
    OFF_CENTRE,
    EvaluationTriplets,
    TrainingTriplets,
    evaluation_triplets,
    training_triplets,
)
from voxel_flow.evaluation.metrics import psnr
from voxel_flow.evaluation.protocols import CENTRE_256

LEARNING_RATE = 3e-4
WARMUP_STEPS = 20
BATCH_SIZE = 8
CROP_SIZE = 128
OFF_CENTRE_FRACTION = 0.25
COARSE_LOSS = 0.3
MAX_HELD_OUT = 48  # triplets; more would take longer than they tell


@dataclass(frozen=True)
class Adaptation:
    """What fine-tuning on a clip did.

    Attributes:
        before: PSNR in dB on the clip's held-out triplets.
        after: likewise; never below ``before``, since the weights are then put back.
        num_steps: optimiser steps taken.
        num_training: triplets trained on.
        num_held_out: triplets ``before`` and ``after`` are means over.
    """

    before: float
    after: float
    num_steps: int
    num_training: int
    num_held_out: int

    def __str__(self) -> str:
        return (
            f"adapted in {self.num_steps} steps on {self.num_training} triplets: "
            f"{self.before:.2f} -> {self.after:.2f} dB on {self.num_held_out} held-out ones "
            f"({CENTRE_256.name})"
        )


def adapt(
    network: nn.Module,
    video: Path,
    seconds: float,
    *,
    seed: int = 0,
) -> Adaptation:
    """Fine-tune a network on a video, in place, on the device it is on.

    Args:
        network: network from `voxel_flow.models.build_network`, for pairs of frames.
        video: decoded once, at a short side of 256, to a temporary file.
        seconds: duration of the training.
        seed: seed of order and augmentation.

    Raises:
        InputError: it cannot be decoded whole, is too short or too small, or nothing moves in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        cached = Path(folder) / "clip.npy"
        try:
            write_clip(read_frames(video, CENTRE_256.short_side), cached)
        except ValueError as error:
            raise InputError(f"{video}: cannot be adapted to: {error}") from error
        training, held_out = _split(video, np.load(cached, mmap_mode="r"))
        return _fit(network, training, held_out, seconds, seed)


def _split(video: Path, frames: np.ndarray) -> tuple[TrainingTriplets, EvaluationTriplets]:
    if len(frames) < MIN_FRAMES or min(frames.shape[1:3]) < CROP_SIZE:
        raise InputError(
            f"{video}: expected {MIN_FRAMES} frames of {CROP_SIZE} pixels or more to adapt to, got "
            f"{len(frames)} of {frames.shape[2]}x{frames.shape[1]}"
        )
    clips = [frames]
    centred = training_triplets(clips, CENTRED, CENTRE_256)
    off_centre = training_triplets(clips, OFF_CENTRE, CENTRE_256)
    held_out = evaluation_triplets(clips, "test", CENTRE_256)
    if not centred or not off_centre or not held_out:
        raise InputError(f"{video}: nothing to adapt to: no motion between scene cuts")
    stride = -(-len(held_out) // MAX_HELD_OUT)
    return (
        TrainingTriplets(clips, centred, off_centre, OFF_CENTRE_FRACTION, CROP_SIZE),
        EvaluationTriplets(clips, held_out[::stride], CENTRE_256),
    )


def _fit(
    network: nn.Module,
    training: TrainingTriplets,
    held_out: EvaluationTriplets,
    seconds: float,
    seed: int,
) -> Adaptation:
    original = {name: value.clone() for name, value in network.state_dict().items()}
    was_training = network.training
    before = _score(network, held_out)
    num_steps = _train(network, training, seconds, seed)
    after = _score(network, held_out)
    if not after > before:  # NaN, too
        network.load_state_dict(original)
        after = before
    network.train(was_training)
    return Adaptation(before, after, num_steps, len(training), len(held_out))


def _train(
    network: nn.Module,
    training: TrainingTriplets,
    seconds: float,
    seed: int,
) -> int:
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    network.train()
    begin = time.monotonic()
    for step, batch in enumerate(_batches(training, seed)):
        share = (time.monotonic() - begin) / seconds
        if share >= 1:
            return step
        warm = min(1.0, (step + 1) / WARMUP_STEPS)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * warm * (1 + math.cos(math.pi * share)) / 2
        loss = _loss(network, {k: v.to(_device(network)) for k, v in batch.items()})
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    raise AssertionError("batches do not end")


def _loss(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    result = network(batch["frames"], batch["time"])
    target = batch["target"]
    loss = losses.reconstruction(result.image, target)
    for coarse in result.coarse:
        loss = loss + COARSE_LOSS * losses.reconstruction(coarse, losses.shrink(target, coarse))
    return loss


def _batches(training: TrainingTriplets, seed: int) -> Iterator[dict[str, Tensor]]:
    sampler = EpochSampler(len(training), epoch_size=max(len(training), BATCH_SIZE), seed=seed)
    epoch = 0
    while True:
        sampler.set_epoch(epoch)
        samples: list[dict[str, Tensor]] = []
        for item in sampler:
            samples.append(training[item])
            if len(samples) == BATCH_SIZE:
                yield {name: torch.stack([s[name] for s in samples]) for name in samples[0]}
                samples = []
        epoch += 1


@torch.no_grad()
def _score(network: nn.Module, held_out: EvaluationTriplets) -> float:
    network.eval()
    scores = []
    for i in range(len(held_out)):
        sample, device = held_out[i], _device(network)
        frames, moment = sample["frames"][None].to(device), sample["time"][None].to(device)
        scores.append(psnr(network(frames, moment).image.cpu(), sample["target"][None]))
    return float(torch.cat(scores).mean())


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
