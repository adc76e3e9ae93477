"""People in real photographs: python segmentation/benchmarks/real_photos.py --photographs DIR

Person IoU (all parts together) of each photograph in photographs/people.json, and the share of
pixels taken for people in photographs without anyone: those that the list has, and the packaged
backgrounds of the split that no training and no choice has seen. ``--split development`` is what
settings may be chosen on; ``test`` is measured at the end.

--selfie FILE measures a ready-made segmenter beside it: ``package/selfie_segmentation.tflite`` of
``npm pack @mediapipe/selfie_segmentation@0.1.1675465747`` (Apache-2.0), which was trained on
photographs of people.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segmentation.drawing import overlay
from segmentation.predict import SHIPPED
from segmentation.segmenter import Segmenter
from synthetic_people.backgrounds import Backgrounds
from vision_shared.photographs import find_photographs
from vision_shared.tables import Table, print_tables

LIST = Path(__file__).parent / "photographs/people.json"
IGNORED = 255
SELFIE_SIDE = 256  # pixels that MediaPipe's network takes
LARGEST = 1000  # pixels to a side that photographs are reduced to, so that a test takes seconds

Image8 = NDArray[np.uint8]
Find = Callable[[Image8], NDArray[np.bool_]]


@dataclass(frozen=True)
class Photograph:
    """A photograph (H, W, 3) and where people are: (H, W) of 0, 1 and 255, which counts for none.

    `person` is all 0 where no one is.
    """

    name: str
    image: Image8
    person: Image8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, help="DIR of the packages' commands")
    parser.add_argument("--split", choices=("development", "test"), default="test")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--selfie", type=Path, help="a ready-made segmenter, see above")
    parser.add_argument("--sheet", type=Path, help="picture of all photographs with their parts")
    options = parser.parse_args()
    photographs = read_photographs(options.photographs, options.split)
    segmenter = Segmenter.from_checkpoint(options.checkpoint)
    systems: dict[str, Find] = {"ours": lambda image: segmenter(image).labels > 0}
    if options.selfie:
        systems["selfie segmentation"] = selfie(options.selfie)
    print_tables(tables(photographs, systems))
    if options.sheet:
        draw_sheet(photographs, segmenter, options.sheet)


def read_photographs(folder: Path | None, split: str) -> list[Photograph]:
    """Return the photographs of a split that are there, those without anyone last."""
    found = [read_photograph(row, path) for row, path in find_photographs(LIST, folder, split)]
    backgrounds = Backgrounds(split={"development": "val", "test": "test"}[split])
    for index, path in enumerate(backgrounds.paths):
        image = backgrounds.whole(index)
        found.append(Photograph(path.stem, image, np.zeros(image.shape[:2], np.uint8)))
    return found


def read_photograph(row: dict, path: Path) -> Photograph:
    with Image.open(path) as file:
        image = file.convert("RGB")
    if list(image.size) != row["size"]:
        raise SystemExit(f"{path}: expected {row['size']} pixels, got {list(image.size)}")
    mask = Image.new("L", image.size)
    for value, outline in labelme(path) if "masks" in row else outlines(row):
        ImageDraw.Draw(mask).polygon([tuple(point) for point in outline], fill=value)
    factor = min(LARGEST / max(image.size), 1)
    size = (round(image.width * factor), round(image.height * factor))
    image, mask = (
        image.resize(size, Image.Resampling.BOX),
        mask.resize(size, Image.Resampling.NEAREST),
    )
    return Photograph(path.stem, np.asarray(image), np.asarray(mask))


def outlines(row: dict) -> list[tuple[int, list]]:
    values = {"people": 1, "holes": 0, "ignore": IGNORED}
    return [(value, outline) for key, value in values.items() for outline in row.get(key, [])]


def labelme(path: Path) -> list[tuple[int, list]]:
    """Return the outlines that the package itself has of its photograph."""
    shapes = json.loads(path.with_suffix(".json").read_text())["shapes"]
    values = {"person": 1, "__ignore__": IGNORED}
    return [(values.get(shape["label"], 0), shape["points"]) for shape in shapes]


def tables(photographs: list[Photograph], systems: dict[str, Find]) -> list[Table]:
    rows: dict[str, list[list[str]]] = {"people": [], "nobody": []}
    values: dict[tuple[str, str], list[float]] = {}
    for photo in photographs:
        kind = "people" if (photo.person == 1).any() else "nobody"
        scores = {name: score(find(photo.image), photo.person) for name, find in systems.items()}
        for name, value in scores.items():
            values.setdefault((kind, name), []).append(value)
        rows[kind].append([photo.name, *(f"{value:.3f}" for value in scores.values())])
    for kind in rows:
        means = [statistics.fmean(values[kind, name]) for name in systems]
        rows[kind].append([f"mean of {len(rows[kind])}", *(f"{mean:.3f}" for mean in means)])
    found, false = rows["people"], rows["nobody"]
    worst = sorted(false[:-1], key=lambda row: -float(row[1]))[:5]
    return [
        Table("Person IoU", ["photograph", *systems], found),
        Table(
            "Pixels taken for people where no one is, as a share: the worst, and the mean",
            ["photograph", *systems],
            [*worst, false[-1]],
        ),
    ]


def score(found: NDArray[np.bool_], person: Image8) -> float:
    """Return the IoU of people; where no one is, the share of pixels that are taken for people."""
    counts, truth = person != IGNORED, person == 1
    if not truth.any():
        return float(found[counts].mean())
    return float((found & truth)[counts].sum() / (found | truth)[counts].sum())


def selfie(path: Path) -> Find:
    """Return MediaPipe's selfie segmentation, which takes photographs squeezed to a square."""
    network = cv2.dnn.readNet(str(path), "", "", cv2.dnn.ENGINE_CLASSIC)

    def find(image: Image8) -> NDArray[np.bool_]:
        side = (SELFIE_SIDE, SELFIE_SIDE)
        network.setInput(cv2.dnn.blobFromImage(image, 1 / 255, side))
        probability = network.forward().reshape(side)
        return cv2.resize(probability, image.shape[1::-1]) > 0.5

    return find


def draw_sheet(photographs: list[Photograph], segmenter: Segmenter, path: Path) -> None:
    """Draw every photograph with people, and its parts beside it."""
    tiles = []
    for photo in photographs:
        if not (photo.person == 1).any():
            continue
        pair = np.hstack(
            [photo.image, overlay(photo.image, segmenter(photo.image).labels, segmenter.classes)]
        )
        tile = Image.fromarray(pair)
        tile.thumbnail((480, 320))
        tiles.append(tile)
    columns = 3
    sheet = Image.new("RGB", (480 * columns, 320 * -(-len(tiles) // columns)), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * 480, number // columns * 320))
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()
