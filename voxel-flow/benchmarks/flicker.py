"""Interpolation of clips whose brightness was made to change, with and without evening it out.

python voxel-flow/benchmarks/flicker.py [--clips FOLDER]

The outer frames of triplets, spread over each clip, are altered: not at all; by exposures that
differ by 10 and by 25 %; by bands of rows that roll, of 10 and of 25 % as under lamps that flicker.
The truth is the middle frame at the brightness between theirs, by rows.
PSNR in dB, means over the triplets. By default they are of the sample clips, which the shipped
weights were trained on.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vision_shared.tables import Table, print_tables
from voxel_flow.data.clips import find_clips, read_frames, sample_clips
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.predict import SHIPPED

SHORT_SIDE = 256
NUM_TRIPLETS = 6  # of each clip
ALTERATIONS = ("none", "exposure 10 %", "exposure 25 %", "bands 10 %", "bands 25 %")


def main() -> None:
    parser = argparse.ArgumentParser(description="Interpolation under changing brightness.")
    parser.add_argument("--checkpoint", default=SHIPPED, help="default: the shipped weights")
    parser.add_argument("--clips", type=Path, help="a folder of videos; default: the sample clips")
    options = parser.parse_args()
    torch.set_num_threads(1)
    interpolator = FrameInterpolator.from_checkpoint(options.checkpoint, device="cpu")
    sources = sample_clips() if options.clips is None else find_clips(options.clips)
    clips = {name: triplets(source) for name, source in sources.items()}
    rows = []
    for alteration in ALTERATIONS:
        for evens in (False, True):
            interpolator.evens_brightness = evens
            means = [measure(interpolator, clip, alteration) for clip in clips.values()]
            cells = [f"{value:.2f}" for value in (*means, float(np.mean(means)))]
            rows.append([alteration, "evened" if evens else "as they are", *cells])
    columns = ["brightness altered by", "pairs", *clips, "mean"]
    note = f"Mean PSNR in dB of {NUM_TRIPLETS} triplets a clip, short side {SHORT_SIDE}."
    print_tables([Table("Interpolation under changing brightness", columns, rows, note)])


def triplets(source: Path) -> list[Tensor]:
    """Return (3, 3, H, W) in [0, 1], of three frames in a row each, spread over a clip."""
    frames = list(read_frames(source, SHORT_SIDE))
    starts = np.linspace(0, len(frames) - 3, NUM_TRIPLETS).astype(int)
    stacked = [np.stack(frames[k : k + 3]) for k in starts]
    return [torch.from_numpy(three).permute(0, 3, 1, 2).float() / 255 for three in stacked]


def measure(interpolator: FrameInterpolator, clip: list[Tensor], alteration: str) -> float:
    """Return the mean PSNR of the middle frames."""
    values = []
    for index, three in enumerate(clip):
        before, after = gains(alteration, three.shape[-2], index)
        first, second = (shown(three[k] * gain) for k, gain in ((0, before), (2, after)))
        truth = shown(three[1] * (before + after) / 2)
        made = shown(interpolator.synthesise(first, second, 0.5))
        values.append(float(-10 * (made - truth).square().mean().log10()))
    return float(np.mean(values))


def gains(alteration: str, height: int, index: int) -> tuple[Tensor, Tensor]:
    """Return the gains (H, 1) of the outer frames' rows."""
    if alteration == "none":
        return torch.ones(height, 1), torch.ones(height, 1)
    kind, percent, _ = alteration.split()
    depth = float(percent) / 100
    if kind == "exposure":
        darker = 1 - depth * (-1) ** index / 2
        return torch.full((height, 1), darker), torch.full((height, 1), 2 - darker)
    # two bands over the height; from frame to frame they roll by a third of a band
    phase = 2 * torch.pi * (2 * torch.arange(height)[:, None] / height + index / 5)
    before, after = (1 - depth / 2 * (1 + (phase + k).sin()) for k in (0.0, 2 * torch.pi / 3))
    return before, after


def shown(image: Tensor) -> Tensor:
    """Return an image as 8 bits keep it."""
    return (image.clamp(0, 1) * 255).round() / 255


if __name__ == "__main__":
    main()
