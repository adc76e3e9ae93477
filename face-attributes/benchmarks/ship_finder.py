"""Where is the face, from which score on? Set both, and write a finder's weights.

    python face-attributes/benchmarks/ship_finder.py CKPT --photos DIR --people DATA [--out OUT]

Three numbers say how much lower, further right and smaller faces are than what was found, in the
median of rendered people of validation (a folder of `data=people`). Of the thresholds that keep
false boxes and photographs without people below their bounds the lowest is taken, which finds most,
on development photographs. Test photographs are not looked at: see real_photos.py.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from photo_attributes import PLACES  # pyrefly: ignore[missing-import]
from real_photos import Photographs, matched, photographs_of  # pyrefly: ignore[missing-import]

from face_attributes.boxes import box_iou, face_boxes
from face_attributes.data.celeba import celeba_faces
from face_attributes.data.layers import face_square
from face_attributes.data.samples import to_tensor
from face_attributes.finder import FaceFinder
from face_attributes.localize import Localisation, PyramidSearch
from vision_shared.checkpoints import read_checkpoint, write_weights
from vision_shared.tables import Table, print_tables

THRESHOLDS = np.arange(1.0, 8.01, 0.25)
SMALLEST = 26.0  # pixels of a face's side whose place is measured
NEAR = 0.3  # intersection over union of what is found with it
FALSE_BOXES = 0.15  # an image; .2 is promised, and development photographs are few
EMPTY = 0.05  # of the photographs without people that have a "face": 2 of 46

Found = dict[str, list[Localisation]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Set a finder's threshold; write its weights.")
    parser.add_argument("checkpoint", metavar="CKPT")
    parser.add_argument("--photos", type=Path, help="DIR of the packages")
    parser.add_argument("--people", type=Path, required=True, help="folder of rendered people")
    parser.add_argument("--out", type=Path, help="weights to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = photographs_of(options.photos, "development")
    finder = FaceFinder.from_checkpoint(options.checkpoint, device="cpu")
    assert isinstance(finder.localizer, PyramidSearch)
    correction = fit_correction(finder.localizer, options.people)
    print("right, down, times as large: " + ", ".join(f"{value:.3f}" for value in correction))
    finder.localizer.correction = correction
    found = search(finder, sets)
    rows = {float(t): figures(found, sets, float(t)) for t in THRESHOLDS}
    chosen = choose(rows)
    print_tables([table(rows, sets, chosen)])
    if options.out is not None:
        ship(options.checkpoint, options.out, chosen, correction)
        print(f"{options.out}: a face from a score of {chosen:g} on")


def fit_correction(search: PyramidSearch, folder: Path) -> list[float]:
    """Return how much further right and down faces are than what is found, and how much larger."""
    with TemporaryDirectory() as cache:
        faces = celeba_faces(folder, "wild", Path(cache)).part("val")
    squares = torch.from_numpy(np.stack([face_square(points) for points in faces.landmarks]))
    search.correction, search.threshold = (0.0, 0.0, 1.0), -torch.inf
    rows = []
    for index in range(len(faces)):
        if float(squares[index, 2]) < SMALLEST:
            continue
        found = search.find(to_tensor(faces.read_image(index))[None])[0][0][:1]
        overlap = box_iou(face_boxes(found), face_boxes(squares[index, None]))
        if float(overlap) >= NEAR:
            x, y, side = (squares[index] - found[0]).tolist()
            size = float(found[0, 2])
            rows.append([x / size, y / size, 1 + side / size])
    return np.median(rows, 0).round(3).tolist()


def search(finder: FaceFinder, sets: dict[str, Photographs]) -> Found:
    """Return all that could be a face, with its score: no score changes another's box."""
    assert finder.localizer is not None
    finder.localizer.threshold = float(THRESHOLDS[0])
    return {kind: [finder.find(i) for i in photos.images] for kind, photos in sets.items()}


def figures(found: Found, sets: dict[str, Photographs], threshold: float) -> list[float]:
    """Return faces found, false boxes an image, tight portraits found, and empty photographs' share
    that have a "face"."""
    boxes = {
        kind: [each.boxes[each.scores >= threshold].double().numpy() for each in of_kind]
        for kind, of_kind in found.items()
    }
    hits, false = matched(boxes["photographs"], sets["photographs"])
    close, _ = matched(boxes["tight portraits"], sets["tight portraits"])
    empty = np.mean([len(each) > 0 for each in boxes["without people"]])
    return [hits, false / max(1, len(boxes["photographs"])), close, float(empty)]


def choose(rows: dict[float, list[float]]) -> float:
    """Return the lowest threshold within both bounds; the highest where there is none."""
    good = [t for t, row in rows.items() if row[1] <= FALSE_BOXES and row[3] <= EMPTY]
    return min(good, default=max(rows))


def table(rows: dict[float, list[float]], sets: dict[str, Photographs], chosen: float) -> Table:
    faces = sum(map(len, sets["photographs"].boxes))
    cells = [
        [f"{t:g}{' *' if t == chosen else ''}", f"{hits:.0f}", f"{false:.2f}", f"{close:.0f}",
         f"{100 * empty:.1f}"]
        for t, (hits, false, close, empty) in rows.items()
    ]  # fmt: skip
    columns = ["score", f"faces of {faces}", "false boxes an image", f"tight portraits of {faces}",
               "without people: a face, %"]  # fmt: skip
    return Table("Thresholds on development photographs", columns, cells, "*: chosen.")


def ship(path: str, out: Path, threshold: float, correction: list[float]) -> None:
    checkpoint = read_checkpoint(path)
    settings = {**checkpoint.hyper_parameters}
    settings["localizer"] = {**settings["localizer"], "correction": correction}
    state = {**checkpoint.state_dict, "net.threshold": torch.tensor(threshold)}
    values = {k: v for k, v in checkpoint.data.get("values", {}).items() if k not in PLACES}
    data = {**checkpoint.data, "values": values}
    shipped = replace(checkpoint, state_dict=state, data=data, hyper_parameters=settings)
    write_weights(out, shipped, overwrite=True)


if __name__ == "__main__":
    main()
