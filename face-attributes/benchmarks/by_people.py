"""Who pays for the mistakes? Rendered people of the test, whose sex and tone are known."""

from pathlib import Path

import numpy as np
import torch
from photo_attributes import LabelledFace, describe, found_boxes  # pyrefly: ignore[missing-import]

from face_attributes.boxes import face_boxes
from face_attributes.data.celeba import celeba_faces
from face_attributes.data.layers import face_square
from face_attributes.data.people import groups
from face_attributes.evaluation.subgroups import MIN_SUPPORT, people_table
from face_attributes.finder import FaceFinder
from vision_shared.tables import Table

MOST = 400  # images


def by_people(finder: FaceFinder, folder: Path) -> list[Table]:
    """Return recall of faces, and recall and balanced accuracy of attributes in true boxes.

    Args:
        finder: with an ANet.
        folder: of `data=people`.
    """
    faces = celeba_faces(folder, "wild", folder.parent / "cache").part("test")
    faces = faces.take(np.unique(np.linspace(0, len(faces) - 1, min(MOST, len(faces)), dtype=int)))
    known = {name: torch.from_numpy(m) for name, m in groups(folder, faces.names).items()}
    squares = np.stack([face_square(points) for points in faces.landmarks])
    boxes = face_boxes(torch.from_numpy(squares))
    shown = [
        LabelledFace(
            faces.read_image(index),
            boxes[index],
            {name: bool(faces.labels[index, n] > 0) for n, name in enumerate(faces.attributes)},
        )
        for index in range(len(faces))
    ]
    is_found = torch.tensor([box is not None for box in found_boxes(finder, shown)])
    answers, names = describe(finder, shown)
    return [recall_table(is_found, known), people_table(answers, names, known)]


def recall_table(is_found: torch.Tensor, groups: dict[str, torch.Tensor]) -> Table:
    """Return the share of faces (N,) that are found in each group, and the largest gap."""
    sizes = {name: int(members.sum()) for name, members in groups.items()}
    rates = {name: 100 * float(is_found[m].double().mean()) for name, m in groups.items()}
    rows = [[name, str(sizes[name]), f"{rate:.1f}"] for name, rate in rates.items()]
    rows.append(["all", str(len(is_found)), f"{100 * float(is_found.double().mean()):.1f}"])
    large = [name for name in rates if sizes[name] >= MIN_SUPPORT]
    low, high = (choose(large, key=rates.__getitem__) for choose in (min, max))
    note = (
        "Faces of rendered people, turned and covered ones too, with a box of an IoU of 0.5. "
        f"Largest gap: {rates[high] - rates[low]:.1f} points between {high} and {low}."
    )
    return Table("Faces found, by people", ["%", "faces", "found"], rows, note)
