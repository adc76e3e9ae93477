"""How many images a second are searched: one by one, and in batches, as a data set is.

    python face-attributes/benchmarks/bench_finding.py DATA [--side 128]

DATA is a folder of rendered people (`data=people`). Both kinds take their turns in one process, on
one thread and its own clock; the figures are medians. A search alone looks for all faces of an
image of any size; that of a data set for the best one of each image (`PyramidSearch.best_boxes`).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from bench_patches import take_turns  # pyrefly: ignore[missing-import]
from torch import Tensor

from face_attributes.boxes import box_iou, face_boxes
from face_attributes.data.celeba import celeba_faces
from face_attributes.data.found import BATCH
from face_attributes.data.layers import face_square
from face_attributes.data.samples import to_tensor
from face_attributes.finder import FaceFinder
from face_attributes.localize import PyramidSearch
from vision_shared.tables import Table, print_tables

BAR = 3.0  # times as many images a second


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the search of a data set; print a table.")
    parser.add_argument("data", type=Path, help="folder of rendered people")
    parser.add_argument("--side", type=int, help="pixels to which images are enlarged")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each contender")
    options = parser.parse_args()
    torch.set_num_threads(1)
    search = FaceFinder.shipped(device="cpu").localizer
    assert isinstance(search, PyramidSearch)
    search.threshold = -torch.inf
    images, truth = load(options.data, options.side)
    runs = {
        "one by one": lambda: alone(search, images),
        "in batches": lambda: search.best_boxes(images),
    }
    times = take_turns(runs, options.repeats)
    rows = [
        [name, f"{len(images) / times[name]:.1f}", f"{100 * share_found(run(), truth):.0f}"]
        for name, run in runs.items()
    ]
    gain = times["one by one"] / times["in batches"]
    note = (
        f"{len(images)} images of {images[0].shape[2]} pixels, one thread, PyTorch "
        f"{torch.__version__}: {gain:.1f} times "
        f"({'reaches' if gain >= BAR else 'MISSES'} {BAR:g}). "
        "Found: the best box has an IoU of 0.5."
    )
    print_tables([Table("Searching a data set", ["", "images a second", "found, %"], rows, note)])


def load(folder: Path, side: int | None) -> tuple[list[Tensor], Tensor]:
    """Return a batch of images and the boxes (N, 4) of their faces."""
    faces = celeba_faces(folder, "wild", folder.parent / "cache").part("test")
    rows = np.linspace(0, len(faces) - 1, BATCH).astype(int)
    images = [to_tensor(faces.read_image(index)) for index in rows]
    squares = np.stack([face_square(faces.landmarks[index]) for index in rows])
    boxes = face_boxes(torch.from_numpy(squares))
    if side is None:
        return images, boxes
    scale = side / images[0].shape[2]
    return [F.interpolate(i[None], size=[side, side], mode="bilinear")[0] for i in images], (
        boxes * scale
    )


def alone(search: PyramidSearch, images: list[Tensor]) -> Tensor:
    return torch.cat([search(image).boxes[:1] for image in images])


def share_found(boxes: Tensor, truth: Tensor) -> float:
    return float((box_iou(boxes, truth).diagonal() >= 0.5).double().mean())


if __name__ == "__main__":
    main()
