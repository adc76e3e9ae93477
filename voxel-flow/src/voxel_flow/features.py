"""What a network learned from video alone, as features for another task.

    python -m voxel_flow.features CHECKPOINT ACTIONS [--pairs 8] [--splits 5]

ACTIONS holds a folder of videos for each class. The features are frozen and a linear classifier is
trained on them (a linear probe); beside it stand the same network untrained, colour statistics, and
chance. To fine-tune instead, build on `Backbone`, whose parameters take gradients.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.commands import run_command
from vision_shared.inputs import VIDEO_SUFFIXES, CommandParser, ExitCode, InputError
from vision_shared.prediction import answer, find_checkpoint

if TYPE_CHECKING:
    from vision_shared.tables import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, probe, print the table; return the exit code."""
    parser = CommandParser(
        prog="python -m voxel_flow.features",
        description="Linear probe of a checkpoint's features on action clips.",
    )
    parser.add_argument(
        "checkpoint", help="a checkpoint, its address, or `last`: the newest under ./runs"
    )
    parser.add_argument("actions", type=Path, help="a folder with a folder of videos per class")
    parser.add_argument("--pairs", type=int, default=8, help="pairs of frames taken of each clip")
    parser.add_argument("--splits", type=int, default=5, help="random halves to train and test on")
    options = parser.parse_args(arguments)

    def work() -> ExitCode:
        clips, labels = find_actions(options.actions)
        table = _probe(options.checkpoint, clips, labels, options.pairs, options.splits)
        from vision_shared.tables import print_tables

        print_tables([table])
        return ExitCode.DONE

    return answer(work, lambda line: print(f"features: {line}", file=sys.stderr))


def find_actions(folder: Path) -> tuple[list[Path], list[int]]:
    """Return the clips of every class and their labels, classes in the order of their names.

    Raises:
        InputError: not a folder of at least two classes with two clips each.
    """
    classes = sorted(p for p in folder.glob("*") if p.is_dir()) if folder.is_dir() else []
    clips: list[Path] = []
    labels: list[int] = []
    for label, place in enumerate(classes):
        found = sorted(p for p in place.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        if len(found) < 2:
            raise InputError(f"{place}: expected at least two videos of this class")
        clips += found
        labels += [label] * len(found)
    if len(classes) < 2:
        raise InputError(f"{folder}: expected a folder of videos for each of two or more classes")
    return clips, labels


def _probe(
    checkpoint: str, paths: list[Path], labels: list[int], num_pairs: int, num_splits: int
) -> Table:
    import torch

    from vision_shared.checkpoints import read_checkpoint
    from vision_shared.tables import Table
    from voxel_flow.backbone import Backbone, colour_statistics, linear_probe, read_pairs
    from voxel_flow.models import build_network

    path = find_checkpoint(checkpoint, "voxel-flow")
    read = read_checkpoint(path, task="voxel-flow")
    trained = Backbone.from_checkpoint(read)
    torch.manual_seed(0)
    untrained = Backbone(build_network(**read.hyper_parameters["network"]))
    clips = [read_pairs(clip, num_pairs) for clip in paths]
    target = torch.tensor(labels)
    methods: dict[str, Callable] = {
        "ours": trained.describe,
        "untrained network": untrained.describe,
        "colour statistics": colour_statistics,
    }
    rows = []
    for name, describe in methods.items():
        scores = linear_probe(torch.stack([describe(clip) for clip in clips]), target, num_splits)
        rows.append([name, f"{100 * scores.mean():.1f} % +- {100 * scores.std():.1f}"])
    rows.append(["chance", f"{100 / len(set(labels)):.1f} %"])
    note = (
        f"{len(paths)} clips, {len(set(labels))} classes; frozen features of {num_pairs} pairs of "
        f"frames a clip; mean and deviation over {num_splits} random halves; network: {path}"
    )
    return Table("Linear probe: accuracy on clips not trained on", ["", "accuracy"], rows, note)


if __name__ == "__main__":
    run_command(main)
