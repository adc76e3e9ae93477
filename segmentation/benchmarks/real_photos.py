"""People in real photographs: python segmentation/benchmarks/real_photos.py --photographs DIR

Person IoU, all parts together, of each photograph that is at hand, and the share of pixels taken
for people in photographs without anyone. ``--split development`` is what settings may be chosen on;
``test`` is measured at the end.

--selfie FILE measures a ready-made segmenter beside it, which was trained on photographs of people:
``package/selfie_segmentation.tflite`` of ``npm pack
@mediapipe/selfie_segmentation@0.1.1675465747`` (Apache-2.0).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from segmentation.data.photographs import Photograph, read_photographs
from segmentation.drawing import overlay
from segmentation.evaluation.person import Find, person_tables
from segmentation.predict import SHIPPED
from segmentation.segmenter import Segmenter
from vision_shared.tables import print_tables

SELFIE_SIDE = 256  # pixels that MediaPipe's network takes
TILE, COLUMNS = (480, 300), 3  # of the sheet


def main() -> None:
    parser = argparse.ArgumentParser(description="People in real photographs.")
    add = parser.add_argument
    add("--photographs", type=Path, help="DIR of the packages' commands")
    add("--split", choices=("development", "test"), default="test")
    add("--checkpoint", type=Path, nargs="+", default=[SHIPPED], help="one or several")
    add("--selfie", type=Path, help="the file of a ready-made segmenter")
    add("--sheet", type=Path, help="write an image of the photographs beside their parts")
    add("--only", nargs="+", metavar="NAME", help="photographs of the sheet")
    options = parser.parse_args()
    photographs = read_photographs(options.split, options.photographs)
    segmenters = {path.stem: Segmenter.from_checkpoint(path) for path in options.checkpoint}
    systems = {name: finder(segmenter) for name, segmenter in segmenters.items()}
    if options.selfie:
        systems["selfie segmentation"] = selfie(options.selfie)
    print_tables(person_tables(photographs, systems))
    if options.sheet:
        shown = [p for p in photographs if p.shows_people]
        shown = [p for p in shown if not options.only or p.name in options.only]
        draw_sheet(shown, next(iter(segmenters.values())), options.sheet)


def finder(segmenter: Segmenter) -> Find:
    return lambda image: segmenter(image).labels > 0


def selfie(path: Path) -> Find:
    """Return MediaPipe's selfie segmentation, which takes photographs squeezed to a square."""
    network = cv2.dnn.readNet(str(path), "", "", cv2.dnn.ENGINE_CLASSIC)

    def find(image: np.ndarray) -> np.ndarray:
        side = (SELFIE_SIDE, SELFIE_SIDE)
        network.setInput(cv2.dnn.blobFromImage(image, 1 / 255, side))
        probability = network.forward().reshape(side)
        return cv2.resize(probability, image.shape[1::-1]) > 0.5

    return find


def draw_sheet(photographs: list[Photograph], segmenter: Segmenter, path: Path) -> None:
    """Draw photographs, and their parts beside them."""
    sheet = Image.new(
        "RGB", (TILE[0] * COLUMNS, TILE[1] * -(-len(photographs) // COLUMNS)), "white"
    )
    for number, photograph in enumerate(photographs):
        labels = segmenter(photograph.image).labels
        drawn = overlay(photograph.image, labels, segmenter.classes)
        tile = Image.fromarray(np.hstack([photograph.image, drawn]))
        tile.thumbnail(TILE)
        sheet.paste(tile, (number % COLUMNS * TILE[0], number // COLUMNS * TILE[1]))
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()
