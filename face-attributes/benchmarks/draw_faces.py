"""Draw what is found in images: the response, the box, and what is said of the face.

    python face-attributes/benchmarks/draw_faces.py IMAGE... -o docs/faces.png [--checkpoint CKPT]

Without a checkpoint by the weights of the package.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_attributes.drawing import annotate, resize, response_map
from face_attributes.finder import FaceFinder
from vision_shared import panels
from vision_shared.images import read_image
from vision_shared.inputs import new_file

SIDE, STRIP = 180, 130
"""Pixels: of an image's height, and of the width of the list of attributes."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw what is found in images.")
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if options.checkpoint is None:
        finder = FaceFinder.shipped(device="cpu")
    else:
        finder = FaceFinder.from_checkpoint(options.checkpoint, device="cpu")
    drawn = [draw(finder, read_image(path)) for path in options.images]
    rows = [drawn[i : i + 2] for i in range(0, len(drawn), 2)]
    with new_file(options.output, overwrite=True) as temporary:  # a palette: a quarter of the bytes
        Image.fromarray(panels.grid(rows)).quantize(256).save(temporary)


def draw(finder: FaceFinder, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the response, the image with its best face, and what that is said to have."""
    large = resize(_square(image), (SIDE, SIDE))
    found = finder(large)
    said = annotate(large, found.faces[:1])[:SIDE]
    parts = [said] if found.response is None else [response_map(found.response), said]
    drawn = np.concatenate(parts, 1)
    whole = np.full((SIDE, len(parts) * SIDE + STRIP, 3), 255, np.uint8)
    whole[:, : drawn.shape[1]] = drawn[:, : whole.shape[1]]
    return whole


def _square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the square in the middle of an image."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


if __name__ == "__main__":
    main()
