"""A shop of coloured rectangles, and a recogniser that knows garments by their colours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fashion.garment import Box, Garment, Picture
from fashion.retrieval.storage import IndexFiles

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 40, 220), "black": (9, 9, 9)}
TEE: Box = (10, 10, 40, 40)
DRESS: Box = (50, 5, 70, 55)


class ColourRecogniser:
    """Garments are what is not white; they look as the histogram of their colours does."""

    def __init__(self, bins: int = 4) -> None:
        self.bins = bins

    @property
    def transform(self) -> Mapping[str, Any]:
        return {"bins": self.bins, "size": (8, 8)}

    def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
        if box is not None:
            return [self._describe(image, box, 1.0)]
        coloured = (image.min(2) < 200).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(coloured)
        found = [s for s in stats[1:] if s[4] >= 50]
        found.sort(key=lambda s: -s[4])
        return [
            self._describe(image, (float(x), float(y), float(x + w), float(y + h)), area / (w * h))
            for x, y, w, h, area in found
        ]

    def _describe(self, image: Picture, box: Box, score: float) -> Garment:
        left, top, right, bottom = map(int, box)
        pixels = image[top:bottom, left:right].reshape(-1, 3)
        levels = (pixels.astype(int) * self.bins // 256) @ [1, self.bins, self.bins**2]
        histogram = np.sqrt(np.bincount(levels, minlength=self.bins**3).astype(np.float32))
        near = {n: np.abs(pixels.astype(int) - c).max(1) < 60 for n, c in COLOURS.items()}
        return Garment(
            box=box,
            type=2 if bottom - top > 1.5 * (right - left) else 0,
            score=float(score),
            landmarks=np.zeros((8, 2), np.float32),
            states=np.full(8, 3),
            category="Dress" if bottom - top > 1.5 * (right - left) else "Tee",
            probability=1.0,
            attributes={name: float(flags.mean()) for name, flags in near.items()},
            embedding=histogram / np.linalg.norm(histogram),
        )


def load(checkpoint: str, device: str) -> ColourRecogniser:
    return ColourRecogniser()


def photo(path: Path, *garments: tuple[str, Box]) -> Path:
    image = np.full((60, 80, 3), 255, np.uint8)
    for colour, (left, top, right, bottom) in garments:
        image[int(top) : int(bottom), int(left) : int(right)] = COLOURS[colour]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def run(command: Any, *arguments: object) -> int:
    return command.main([str(a) for a in arguments], load)


def lines(folder: Path) -> list[dict[str, Any]]:
    return list(IndexFiles(folder).all_lines())
