"""Photographs of people that packages hold, and what was labelled by eye: photographs/people.json.

They are looked for in DIR/<package>/<file>, in Python's installed packages and, for Debian's, where
apt-get installs them. What is missing is named with the command that gets it.
"""

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LIST = Path(__file__).parent / "photographs/people.json"
MODULES = {"scikit-image": "skimage"}
"""Python packages whose installed files are taken, and their modules."""

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
    content = json.loads(LIST.read_text())
    photographs, missing = [], set()
    for row in content["photographs"]:
        if split is not None and row["split"] != split:
            continue
        path = _find(row, content["packages"][row["package"]]["roots"], folder)
        if path is None:
            missing.add(row["package"])
        else:
            photographs.append(_read(row, path, content["attributes"]))
    for package in sorted(missing):
        command = content["packages"][package]["get"].replace("DIR", str(folder or "DIR"))
        print(f"without the photographs of {package}; to get them: {command}", file=sys.stderr)
    return photographs


def _find(row: dict, roots: list[str], folder: Path | None) -> Path | None:
    """Return where a photograph lies, or None."""
    places = [Path(root) for root in roots]
    if folder is not None:
        places.append(folder / row["package"])
    module = MODULES.get(row["package"], row["package"])
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parents[1])
    found = (place / row["file"] for place in places if (place / row["file"]).is_file())
    return next(found, None)


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
