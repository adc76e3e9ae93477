"""Photographs of people in packages, and their labels by eye: photographs/people.json."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vision_shared.photographs import find_photographs

LIST = Path(__file__).parent / "photographs/people.json"
IGNORED = 255


@dataclass(frozen=True)
class LabelledFace:
    """A face of a photograph.

    Args:
        box: x, y, width, height in pixels.
        landmarks: (5, 2) x, y of the eyes, the nose and the corners of the mouth.
        attributes: names to whether they were perceived; unclear ones are left out.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    attributes: dict[str, bool]


@dataclass(frozen=True)
class Photograph:
    """A photograph, (H, W, 3) uint8, and its labels.

    Args:
        split: "development" (settings may be chosen on it) or "test".
        all_faces: whether each face in it has a box.
        person: (H, W) uint8, 1 for pixels of people and 255 for ignored ones; None where no one
            drew them.
    """

    name: str
    split: str
    image: np.ndarray
    faces: list[LabelledFace]
    all_faces: bool
    person: np.ndarray | None


def load_photographs(folder: Path | None = None, split: str | None = None) -> list[Photograph]:
    """Return the photographs that are there, and print how to get those that are not."""
    attributes = json.loads(LIST.read_text())["attributes"]
    return [_read(row, path, attributes) for row, path in find_photographs(LIST, folder, split)]


def _read(row: dict, path: Path, attributes: list[str]) -> Photograph:
    image = Image.open(path).convert("RGB")
    if list(image.size) != row["size"]:
        raise ValueError(f"{path}: expected {row['size']} pixels, got {list(image.size)}")
    faces = [
        LabelledFace(
            tuple(face["box"]),
            np.array(face["landmarks"], np.float32),
            {name: name in face["yes"] for name in attributes if name not in face["unclear"]},
        )
        for face in row["faces"]
    ]
    person = None
    if "polygons" in row:
        person = _draw_people(path.with_suffix(".json"), image.size)
    name = f"{row['package']}/{path.name}"
    return Photograph(name, row["split"], np.asarray(image), faces, row["all_faces"], person)


def _draw_people(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the mask of a labelme file's polygons of people, (H, W) uint8."""
    mask = Image.new("L", size)
    values = {"person": 1, "__ignore__": IGNORED}
    for shape in json.loads(path.read_text())["shapes"]:
        value = values.get(shape["label"], 0)
        ImageDraw.Draw(mask).polygon([tuple(point) for point in shape["points"]], fill=value)
    return np.asarray(mask)
