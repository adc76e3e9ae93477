"""What the encoder learned from video alone: ``python voxel-flow/benchmarks/linear_probe.py``

A linear classifier (`voxel_flow.backbone.linear_probe`) on frozen features tells rendered actions
apart. An action is a motion: every clip shows a random texture of its own, at a random speed, so
that no appearance gives the class away. Each seed renders its clips and draws its untrained
network.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.checkpoints import read_checkpoint
from vision_shared.tables import Table, print_tables
from voxel_flow.backbone import Backbone, colour_statistics, linear_probe, read_pairs
from voxel_flow.data.rendered import draw_texture
from voxel_flow.evaluation.baselines import dis_flow
from voxel_flow.evaluation.comparison import to_pictures
from voxel_flow.features import find_actions
from voxel_flow.models import build_network
from voxel_flow.predict import SHIPPED

ACTIONS = ("left", "right", "up", "down", "clockwise", "anticlockwise", "closer", "away", "shake")
HEIGHT, WIDTH, CANVAS = 128, 160, 320  # pixels
NUM_FRAMES, NUM_PAIRS, NUM_SPLITS = 9, 4, 5
SPEEDS = (1.0, 4.0)  # pixels per frame; of a turn and of an approach, at TYPICAL_RADIUS
TYPICAL_RADIUS = 50
COARSE = 16  # pixels to a side of what raw pixels and differences are shrunk to

Describe = Callable[[Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description="Linear probe of features on rendered actions.")
    parser.add_argument("--checkpoint", default=SHIPPED, help="default: the shipped weights")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=20, help="of each action")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [probe(options.checkpoint, seed, options.clips) for seed in range(options.seeds)]
    rows = [[name, *summary([part[name] for part in found])] for name in found[0]]
    rows.append(["chance", f"{100 / len(ACTIONS):.1f} %", ""])
    note = (
        f"{options.clips} rendered clips of each of {len(ACTIONS)} actions ({', '.join(ACTIONS)}), "
        f"{WIDTH}x{HEIGHT}, {NUM_PAIRS} pairs of frames a clip; one half trains, the other tests, "
        f"{NUM_SPLITS} halvings a seed, {options.seeds} seeds"
    )
    columns = ["features", "accuracy", "least-greatest seed"]
    print_tables([Table("Linear probe on rendered actions", columns, rows, note)])


def probe(checkpoint: str | Path, seed: int, clips_per_action: int) -> dict[str, float]:
    """Render actions; return the mean accuracy of every kind of features."""
    read = read_checkpoint(checkpoint, task="voxel-flow")
    torch.manual_seed(seed)
    untrained = Backbone(build_network(**read.hyper_parameters["network"]))
    methods: dict[str, Describe] = {
        "ours": Backbone.from_checkpoint(read).describe,
        "untrained network": untrained.describe,
        "raw pixels": raw_pixels,
        "frame difference": frame_difference,
        "colour statistics": colour_statistics,
        "DIS flow, mean and deviation": flow_statistics,
    }
    with tempfile.TemporaryDirectory() as folder:
        render_actions(Path(folder), seed, clips_per_action)
        paths, labels = find_actions(Path(folder))
        clips = [read_pairs(path, NUM_PAIRS) for path in paths]
    target = torch.tensor(labels)
    return {
        name: float(
            linear_probe(torch.stack(list(map(describe, clips))), target, NUM_SPLITS).mean()
        )
        for name, describe in methods.items()
    }


def summary(accuracies: list[float]) -> list[str]:
    percent = 100 * np.array(accuracies)
    return [f"{percent.mean():.1f} %", f"{percent.min():.1f}-{percent.max():.1f} %"]


def raw_pixels(pairs: Tensor) -> Tensor:
    """Both frames at 16x16, the mean over the pairs: (2 * 3 * 16 * 16,)."""
    return F.adaptive_avg_pool2d(pairs.flatten(1, 2), COARSE).mean(0).flatten()


def frame_difference(pairs: Tensor) -> Tensor:
    """The difference of the frames and its size, likewise."""
    change = pairs[:, 1] - pairs[:, 0]
    return F.adaptive_avg_pool2d(torch.cat([change, change.abs()], 1), COARSE).mean(0).flatten()


def flow_statistics(pairs: Tensor) -> Tensor:
    """Mean and deviation of the DIS flow's x and y: (4,)."""
    flows = np.stack([dis_flow(*to_pictures(pair)) for pair in pairs])  # (N, H, W, 2)
    return torch.from_numpy(np.concatenate([flows.mean((0, 1, 2)), flows.std((1, 2)).mean(0)]))


def render_actions(folder: Path, seed: int, clips_per_action: int) -> None:
    """Write ``ACTION/NUMBER.mkv``, lossless."""
    for index, action in enumerate(ACTIONS):
        (folder / action).mkdir()
        for number in range(clips_per_action):
            rng = np.random.default_rng((seed, index, number))
            write_clip(folder / action / f"{number:02d}.mkv", render(action, rng))


def render(action: str, rng: np.random.Generator) -> list[np.ndarray]:
    """A texture in motion: uint8 RGB (HEIGHT, WIDTH, 3) each."""
    texture = (255 * draw_texture(rng, CANVAS)).astype(np.uint8)
    speed = rng.uniform(*SPEEDS)
    frames = []
    for time in range(NUM_FRAMES):
        matrix = motion(action, speed * (time - NUM_FRAMES // 2), speed * (-1) ** time)
        matrix[:, 2] += (WIDTH / 2, HEIGHT / 2) - matrix[:, :2] @ (CANVAS / 2, CANVAS / 2)
        frames.append(cv2.warpAffine(texture, matrix, (WIDTH, HEIGHT)))
    return frames


def motion(action: str, way: float, swing: float) -> np.ndarray:
    """Where the texture is after ``way`` pixels: (2, 3), about its centre; y points down."""
    angle, growth = 0.0, 1.0
    x, y = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.get(action, (0, 0))
    if action in ("clockwise", "anticlockwise"):
        angle = way / TYPICAL_RADIUS * (1 if action == "clockwise" else -1)
    if action in ("closer", "away"):
        growth = np.exp(way / TYPICAL_RADIUS * (1 if action == "closer" else -1))
    shift = np.array([x * way + swing / 2 * (action == "shake"), y * way])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([growth * turn, shift])


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, "rgb24")
            container.mux(stream.encode(picture.reformat(format="bgr0")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
