"""Are attributes right on photographs? Faces that were labelled by eye, cut out by landmarks.

    python face-attributes/benchmarks/photo_attributes.py [CKPT] [--photographs DIR] [--split test]
        [--found] [--ship OUT]

The photographs are in packages of registries (photographs/portraits.json here and people.json of
synthetic_people; what is missing is named with the command that gets it). Those of the split
"development" choose which attributes are reported by default: at 75 % of balanced accuracy or more,
with 5 faces of each kind or more. Those of "test" are measured once, at the end. CKPT is an ANet;
without one the weights that ship are measured. ``--found`` takes the boxes that the finder that
ships gives the same faces, where it finds them, in place of those by landmarks. ``--ship OUT``
writes CKPT as weights to ship, in float16, with that choice.
"""

import argparse
import json
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
from face_attributes.finder import SHIPPED_ANET, FaceFinder
from vision_shared.checkpoints import read_checkpoint, write_weights
from vision_shared.photographs import find_photographs
from vision_shared.tables import Table, print_tables

HERE = Path(__file__).parent
LISTS = (
    HERE.parents[1] / "shared/people/benchmarks/photographs/people.json",
    HERE / "photographs/portraits.json",
)
SMALLEST = 30  # pixels from brows to chin: smaller faces show no expression
LEAST = 0.75  # balanced accuracy on development photographs: 70 % is promised, and they are few
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
    parser.add_argument("--found", action="store_true", help="boxes of the finder that ships")
    parser.add_argument("--ship", type=Path, metavar="OUT", help="weights to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = FaceFinder.from_checkpoint(options.checkpoint, device="cpu")
    faces = load_faces(options.photographs, options.split)
    if options.found:
        number = len(faces)
        faces = found(faces)
        print(f"{len(faces)} of {number} faces are found")
    answers, names = describe(finder, faces)
    scores = attribute_scores(answers)["balanced_accuracy"]
    print_tables([table(answers, names, options.split)])
    if options.ship is not None:
        reliable = scores.nan_to_num(0) >= LEAST
        few = is_rare(answers)
        ship(options, [n for n, r, f in zip(names, reliable, few, strict=True) if r and not f])


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


def found(faces: list[LabelledFace]) -> list[LabelledFace]:
    """Return the faces that the finder that ships finds at an IoU of 0.5, with its boxes."""
    finder, boxes = FaceFinder.shipped(device="cpu"), dict[int, Tensor]()
    kept = []
    for face in faces:
        if id(face.image) not in boxes:
            boxes[id(face.image)] = finder.find(face.image).boxes
        overlap = box_iou(face.box[None], boxes[id(face.image)])[0]
        if len(overlap) and overlap.max() >= 0.5:
            kept.append(face._replace(box=boxes[id(face.image)][int(overlap.argmax())]))
    return kept


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


def table(answers: Answers, names: list[str], split: str) -> Table:
    """Return each attribute's balanced accuracy; those of few faces are in brackets."""
    scores, few = attribute_scores(answers), is_rare(answers)
    rows = []
    for index, name in enumerate(names):
        has, has_not = (int((answers.labels[:, index] == value).sum()) for value in (1, -1))
        value = scores["balanced_accuracy"][index]
        cell = "-" if value.isnan() else f"{100 * float(value):.0f}"
        rows.append([name, str(has), str(has_not), f"({cell})" if few[index] else cell])
    usable = ~torch.tensor(few)
    mean = 100 * float(scores["balanced_accuracy"][usable].mean())
    rows.append(["mean of those not in brackets", "", "", f"{mean:.1f}"])
    note = f"{len(answers.labels)} faces of photographs of the split {split}, labelled by eye."
    columns = ["%", "have it", "have not", "balanced accuracy"]
    return Table("Attributes on photographs", columns, rows, note)


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
