"""Are attributes right on photographs? Faces that were labelled by eye, cut out by landmarks.

    python face-attributes/benchmarks/photo_attributes.py [CKPT] [--photographs DIR] [--split test]
        [--ship OUT]

The photographs are in packages of registries (photographs/portraits.json here and people.json of
synthetic_people; what is missing is named with the command that gets it). Those of the split
"development" choose which attributes are reported by default: at 75 % of balanced accuracy or more
in boxes by landmarks and 70 % in those of the finder that ships, as far as it finds the faces, with
5 faces of each kind or more. Those of "test" are measured once, at the end. CKPT is an ANet;
without one the weights that ship are measured. ``--ship OUT``
writes CKPT as weights to ship, in float16, with that choice.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from face_attributes.boxes import box_iou, enlarge_boxes, face_boxes
from face_attributes.data.layers import face_square
from face_attributes.evaluation.answers import Answers
from face_attributes.evaluation.attributes import attribute_scores
from face_attributes.finder import FaceFinder
from face_attributes.weights import SHIPPED_ANET
from vision_shared.checkpoints import read_checkpoint, write_weights
from vision_shared.photographs import find_photographs
from vision_shared.tables import Table, print_tables

HERE = Path(__file__).parent
LISTS = (
    HERE.parents[1] / "shared/people/benchmarks/photographs/people.json",
    HERE / "photographs/portraits.json",
)
SMALLEST = 30  # pixels from brows to chin: smaller faces show no expression
MIN_ACCURACY = (
    0.75  # balanced accuracy on development photographs: 70 % is promised, and they are few
)
MIN_FOUND_ACCURACY = 0.7  # the same in the boxes of the finder, which is what a user gets
BY_LANDMARKS = "by landmarks"
OWN_BOXES = "those found, the finder's boxes"
PLACES = ("root", "folder", "sets", "backgrounds")  # of the machine that trained
FEWEST = 5  # faces with an attribute, and without it, for a figure to mean something


class LabelledFace(NamedTuple):
    """An image (H, W, 3), the box (4,) of a face in it, and what was perceived clearly."""

    image: NDArray[np.uint8]
    box: Tensor
    attributes: dict[str, bool]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure attributes on photographs.")
    parser.add_argument("checkpoint", nargs="?", default=str(SHIPPED_ANET), metavar="CKPT")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="the unpacked packages")
    parser.add_argument("--split", choices=("development", "test"), default="development")
    parser.add_argument("--ship", type=Path, metavar="OUT", help="weights to write")
    options = parser.parse_args()
    if options.ship is not None and options.split != "development":
        parser.error("--ship chooses on the split development alone")
    torch.set_num_threads(1)
    finder = FaceFinder.shipped(anet=options.checkpoint, device="cpu")
    faces = load_faces(options.photographs, options.split)
    if not faces:
        parser.error("not one photograph is at hand")
    answers = answers_of(finder, faces)
    print_tables([table(answers, frozenset(finder.told), options.split)])
    if options.ship is not None:
        ship(options, choose(answers))


def tables(finder: FaceFinder, folder: Path | None, split: str) -> list[Table]:
    """Return what is right on the labelled faces of a split, in both kinds of boxes."""
    faces = load_faces(folder, split)
    return [table(answers_of(finder, faces), frozenset(finder.told), split)] if faces else []


def choose(answers: Mapping[str, tuple[Answers, list[str]]]) -> list[str]:
    """Return the attributes that are right often enough in boxes by landmarks and in found ones."""
    chosen = []
    for boxes, least in ((BY_LANDMARKS, MIN_ACCURACY), (OWN_BOXES, MIN_FOUND_ACCURACY)):
        said, names = answers[boxes]
        right = attribute_scores(said)["balanced_accuracy"].nan_to_num(0) >= least
        few = is_rare(said)
        chosen.append({n for n, r, f in zip(names, right, few, strict=True) if r and not f})
    return [name for name in names if name in chosen[0] & chosen[1]]


def answers_of(
    finder: FaceFinder, faces: list[LabelledFace]
) -> dict[str, tuple[Answers, list[str]]]:
    """Return what a network says of faces in several kinds of boxes: see `describe`."""
    boxes = found_boxes(finder, faces)
    both = [(face, box) for face, box in zip(faces, boxes, strict=True) if box is not None]
    shown = {
        BY_LANDMARKS: faces,
        "those found": [face for face, _ in both],
        OWN_BOXES: [face._replace(box=box) for face, box in both],
    }
    return {name: describe(finder, some) for name, some in shown.items() if some}


def load_faces(folder: Path | None, split: str) -> list[LabelledFace]:
    """Return the faces of a split that are at hand and large enough."""
    faces = []
    for listing in LISTS:
        attributes = json.loads(listing.read_text())["attributes"]
        for row, path in find_photographs(listing, folder, split):
            image = np.array(Image.open(path).convert("RGB"))
            for face in row["faces"]:
                square = face_square(np.array(face["landmarks"], np.float64))
                known = {n: n in face["yes"] for n in attributes if n not in face["unclear"]}
                if square[2] >= SMALLEST:
                    box = face_boxes(torch.from_numpy(square)[None])[0]
                    faces.append(LabelledFace(image, box, known))
    return faces


def found_boxes(finder: FaceFinder, faces: list[LabelledFace]) -> list[Tensor | None]:
    """Return the finder's box of each face, None without one of an IoU of 0.5."""
    seen = dict[int, Tensor]()
    boxes: list[Tensor | None] = []
    for face in faces:
        if id(face.image) not in seen:
            seen[id(face.image)] = finder.find(face.image).boxes
        found = seen[id(face.image)]
        overlap = box_iou(face.box[None], found)[0]
        is_found = len(overlap) > 0 and float(overlap.max()) >= 0.5
        boxes.append(found[int(overlap.argmax())] if is_found else None)
    return boxes


@torch.no_grad()
def describe(finder: FaceFinder, faces: list[LabelledFace]) -> tuple[Answers, list[str]]:
    """Return what a network says of faces, beside the labels of the attributes that both know."""
    assert finder.tagger is not None
    names = [n for n in finder.tagger.names if any(n in face.attributes for face in faces)]
    columns = [list(finder.tagger.names).index(name) for name in names]
    said = []
    for face in faces:
        pixels = torch.from_numpy(face.image).permute(2, 0, 1).float() / 255
        region = enlarge_boxes(face.box[None], finder.tagger.context)
        said.append(finder.tagger(pixels, region)[0, columns])
    labels = [[2 * face.attributes[n] - 1 if n in face.attributes else 0 for n in names]
              for face in faces]  # fmt: skip
    return Answers(torch.stack(said), torch.tensor(labels, dtype=torch.int8)), names


def is_rare(answers: Answers) -> list[bool]:
    """Return of each attribute whether too few faces have it, or have it not."""
    kinds = torch.stack([(answers.labels == value).sum(0) for value in (1, -1)])
    return (kinds.min(0).values < FEWEST).tolist()


def table(
    answers: Mapping[str, tuple[Answers, list[str]]], told: frozenset[str], split: str
) -> Table:
    """Return each attribute's balanced accuracy in several kinds of boxes.

    Those of few faces are in brackets, those that are reported by default have a star.
    """
    first, names = next(iter(answers.values()))
    scores = {
        kind: (attribute_scores(said)["balanced_accuracy"], is_rare(said))
        for kind, (said, _) in answers.items()
    }
    rows = []
    for index, name in enumerate(names):
        counts = [str(int((first.labels[:, index] == value).sum())) for value in (1, -1)]
        cells = [_cell(float(values[index]), few[index]) for values, few in scores.values()]
        rows.append([f"{name} *" if name in told else name, *counts, *cells])
    means = []
    for values, few in scores.values():
        usable = [n in told and not f for n, f in zip(names, few, strict=True)]
        means.append(f"{100 * float(values[usable].mean()):.1f}")
    rows.append(["mean of *", "", "", *means])
    numbers = ", ".join(f"{kind}: {len(said.labels)}" for kind, (said, _) in answers.items())
    note = (
        f"Balanced accuracy on photographs of the split {split}, labelled by eye; faces {numbers}. "
        "*: reported by default, which the split development chose."
    )
    columns = ["%", "have it", "have not", *answers]
    return Table("Attributes on photographs", columns, rows, note)


def _cell(value: float, is_few: bool) -> str:
    if value != value:
        return "-"
    return f"({100 * value:.0f})" if is_few else f"{100 * value:.0f}"


def ship(options: argparse.Namespace, reliable: list[str]) -> None:
    """Write a checkpoint as weights to ship."""
    checkpoint = read_checkpoint(options.checkpoint)
    halves = {name: v.half() if v.is_floating_point() else v
              for name, v in checkpoint.state_dict.items()}  # fmt: skip
    values = {k: v for k, v in checkpoint.data["values"].items() if k not in PLACES}
    data = {**checkpoint.data, "values": values, "reliable": reliable}
    write_weights(options.ship, replace(checkpoint, state_dict=halves, data=data), overwrite=True)
    print(f"{options.ship}: reports {', '.join(reliable)}")


if __name__ == "__main__":
    main()
