"""A voxel-flow network's encoder as a backbone for other tasks, and a linear probe of it."""

from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_shared.checkpoints import Checkpoint
from vision_shared.inputs import InputError
from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import read_frames
from voxel_flow.models import build_network

SHORT_SIDE = 128
TRAINING_STEPS = 200


class Backbone(nn.Module):
    """The encoder of a network: a pair of frames in, maps of features out.

    Args:
        network: network from `voxel_flow.models.build_network`.
        frozen: no gradients and fixed batch statistics, as for a linear probe; else its parameters
            can be fine-tuned.
    """

    def __init__(self, network: nn.Module, *, frozen: bool = True) -> None:
        super().__init__()
        self.network = network
        self.frozen = frozen
        self.network.requires_grad_(not frozen)
        self.train(not frozen)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, frozen: bool = True) -> Self:
        """Rebuild the network that a training run wrote."""
        network = build_network(**checkpoint.hyper_parameters["network"])
        network.load_state_dict(checkpoint.weights())
        return cls(network, frozen=frozen)

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; a frozen backbone stays in evaluation."""
        return super().train(mode and not self.frozen)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """(B, K, 3, H, W) RGB in [0, 1] -> maps (B, C, h, w); see ``encode`` of the network."""
        return self.network.encode(frames)  # type: ignore[operator]

    @torch.no_grad()
    def describe(self, pairs: Tensor) -> Tensor:
        """Return one descriptor (D,) of a clip, given as pairs of frames (N, 2, 3, H, W).

        Mean and deviation of every feature over the map, then the mean over the pairs.
        """
        maps = [map.flatten(2) for map in self(pairs)]
        return torch.cat([part for m in maps for part in (m.mean(2), m.std(2))], 1).mean(0)


def colour_statistics(pairs: Tensor) -> Tensor:
    """Return mean and deviation of each channel, and of the pairs' difference: a control, (12,)."""
    change = (pairs[:, 1] - pairs[:, 0]).flatten(2)  # (N, 3, H W)
    still = pairs[:, 0].flatten(2)
    return torch.cat([part for m in (still, change) for part in (m.mean(2), m.std(2))], 1).mean(0)


def read_pairs(path: Path, num_pairs: int) -> Tensor:
    """Return ``num_pairs`` pairs of consecutive frames, spread evenly: (N, 2, 3, H, W) in [0, 1].

    Raises:
        InputError: it cannot be decoded, or has a single frame.
    """
    frames = [_shrink(to_rgb(frame)) for frame, _ in read_frames(path)]
    if len(frames) < 2:
        raise InputError(f"{path}: expected at least two frames")
    starts = torch.linspace(0, len(frames) - 2, num_pairs).round().int().tolist()
    return torch.stack([torch.stack([frames[i], frames[i + 1]]) for i in starts])


def linear_probe(features: Tensor, labels: Tensor, num_splits: int) -> Tensor:
    """Train a linear classifier on half of the clips and test it on the rest.

    Args:
        features: (N, D).
        labels: (N,), 0 to the number of classes - 1; each class is halved.
        num_splits: random halves.

    Returns:
        (num_splits,), the accuracies.
    """
    return torch.stack([_probe_split(features, labels, seed) for seed in range(num_splits)])


def _probe_split(features: Tensor, labels: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    training = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        order = torch.randperm(len(members), generator=generator)
        training[members[order[: len(members) // 2]]] = True
    mean, deviation = features[training].mean(0), features[training].std(0) + 1e-6
    inputs = (features - mean) / deviation
    classifier = nn.Linear(features.shape[1], int(labels.max()) + 1)
    nn.init.zeros_(classifier.weight)
    optimizer = torch.optim.AdamW(classifier.parameters(), 1e-2, weight_decay=1e-1)
    for _ in range(TRAINING_STEPS):
        optimizer.zero_grad()
        F.cross_entropy(classifier(inputs[training]), labels[training]).backward()
        optimizer.step()
    with torch.no_grad():
        guesses = classifier(inputs[~training]).argmax(1)
    return (guesses == labels[~training]).float().mean()


def _shrink(frame) -> Tensor:
    image = torch.from_numpy(frame).permute(2, 0, 1).float()[None] / 255
    scale = SHORT_SIDE / min(image.shape[2:])
    if scale < 1:
        image = F.interpolate(image, scale_factor=scale, mode="area")
    return image[0]
