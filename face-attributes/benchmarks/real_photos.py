"""Does LNet, which was never shown a box, agree with a detector on photographs?

    python face-attributes/benchmarks/real_photos.py CKPT [PHOTO or FOLDER ...]

The photographs are scikit-image's, one with a face and some without, and whatever is named. The
detector is MTCNN of facenet-pytorch (pip install --no-deps facenet-pytorch), or, where that is not
installed, the cascade of local binary patterns that scikit-image ships. It is no truth: it misses
faces, and it takes other things for faces. What comes out is reported as it is: a network that
learnt from rendered portraits has seen no photograph.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data, feature
from torch import Tensor

from face_attributes.boxes import box_iou, contains
from face_attributes.finder import FaceFinder
from face_attributes.localize import fit_threshold
from vision_shared.folders import find_files
from vision_shared.images import READABLE, read_image
from vision_shared.tables import Table, print_tables

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field")
"""Of scikit-image; there is a face in the first."""

Detector = Callable[[NDArray[np.uint8]], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare LNet with a detector on photographs.")
    parser.add_argument("checkpoint", help="of LNet, or of the whole method")
    parser.add_argument("photos", nargs="*", type=Path, help="photographs and folders of them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = FaceFinder.from_checkpoint(options.checkpoint, device="cpu")
    if finder.localizer is None:
        parser.error(f"{options.checkpoint}: an ANet, which finds no faces")
    name, detect = load_detector()
    photos = {each: getattr(data, each)() for each in PHOTOS}
    for named in options.photos:
        files = find_files(named, READABLE).files if named.is_dir() else [named]
        photos |= {path.name: read_image(path) for path in files}
    print_tables([compare(finder, name, detect, photos), tell_crops(finder)])


def load_detector() -> tuple[str, Detector]:
    """Return a detector: (H, W, 3) -> boxes (N, 4), left, top, right, bottom."""
    if find_spec("facenet_pytorch") is not None:
        net = import_module("facenet_pytorch").MTCNN(keep_all=True, device="cpu")
        return "MTCNN", lambda photo: as_boxes(net.detect(Image.fromarray(photo))[0])
    cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())

    def detect(photo: NDArray[np.uint8]) -> Tensor:
        sizes = {"min_size": (40, 40), "max_size": photo.shape[:2]}
        found = cascade.detect_multi_scale(photo, scale_factor=1.2, step_ratio=1, **sizes)
        boxes = [[f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]] for f in found]
        return as_boxes(boxes)

    return "LBP cascade", detect


def compare(
    finder: FaceFinder, name: str, detect: Detector, photos: dict[str, NDArray[np.uint8]]
) -> Table:
    rows = []
    for photo, picture in photos.items():
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        assert finder.localizer is not None
        found, theirs = finder.localizer(pixels), detect(picture)
        overlap = box_iou(found.boxes, theirs)
        has_both = overlap.numel() > 0
        cells = [
            str(len(found.boxes)),
            str(len(theirs)),
            f"{float(overlap[0].max()):.2f}" if has_both else "-",
            f"{float(overlap.max()):.2f}" if has_both else "-",
            "-" if not len(theirs) else str(bool(contains(theirs, found.peak[None]).any())),
        ]
        rows.append([photo, *cells])
    columns = ["", "faces of LNet", f"of {name}", "IoU of the best", "best IoU", "peak in a face"]
    note = f"IoU and peak against {name}'s boxes, which are no truth."
    return Table("Agreement on photographs", columns, rows, note)


def tell_crops(finder: FaceFinder) -> Table:
    """The image scores of 100 grey crops of faces and 100 of what is around faces."""
    assert finder.localizer is not None
    grey = torch.from_numpy(np.array(data.lfw_subset())).float()
    scores = finder.localizer.best_regions(grey[:, None].repeat(1, 3, 1, 1))[1]
    decision = fit_threshold(scores[:100], scores[100:])
    said = [
        float((part >= finder.localizer.threshold).float().mean()) for part in scores.split(100)
    ]
    cells = [f"{decision.auc:.3f}", *(f"{100 * share:.0f} %" for share in said)]
    columns = ["", "AUC", "faces: yes", "backgrounds: yes"]
    note = "scikit-image's lfw_subset, 25x25 pixels, filled by a face or by something else."
    return Table("Is there a face?", columns, [["LNet's score", *cells]], note)


def as_boxes(found: object) -> Tensor:
    boxes = [] if found is None else np.asarray(found, float).tolist()
    return torch.tensor(boxes).view(-1, 4)


if __name__ == "__main__":
    main()
