"""Garments of photographs that packages hold, drawn by eye: found or not, how well, and a sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.data.taxonomy import OCCLUDED, SLOTS, TYPES
from fashion.drawing import annotate
from fashion.garment import Garment
from fashion.recogniser import GarmentRecogniser
from synthetic_people.backgrounds import Backgrounds
from vision_shared.images import read_image
from vision_shared.photographs import find_photographs
from vision_shared.tables import Table

FOLDER = Path(__file__).parent
OVERLAP = 0.5  # intersection over union from which on a garment counts as found
HEIGHT, COLUMNS = 320, 5  # of the sheet: pixels of an image, images a row


@dataclass(frozen=True)
class Drawn:
    """A garment as it was drawn: box (4,) and landmarks (8, 2) in pixels, NaN where there is none.

    Attributes:
        types: numbers of `taxonomy.TYPES` that a reader would accept.
    """

    box: NDArray[np.float64]
    types: tuple[int, ...]
    landmarks: NDArray[np.float64]


@dataclass(frozen=True)
class Photograph:
    """A photograph with what was drawn in it, and what was found."""

    name: str
    image: NDArray[np.uint8]
    drawn: Sequence[Drawn]
    found: Sequence[Garment]


def look(
    recogniser: GarmentRecogniser, split: str | None = None, folder: Path | None = None
) -> list[Photograph]:
    """Find the garments of photographs of people.

    Args:
        recogniser: recogniser that finds them.
        split: "development" or "test"; both without it.
        folder: folder of unpacked packages (`vision_shared.photographs`); without it those that are
            installed.
    """
    out = []
    listing = FOLDER / "garments.json"
    for row, path in find_photographs(listing, folder, split, is_quiet=folder is None):
        image = read_image(path)
        size = np.array(image.shape[1::-1], np.float64)
        drawn = [_drawn(garment, size) for garment in row["garments"]]
        out.append(Photograph(path.name, image, drawn, recogniser(image)))
    return out


def _drawn(row: dict, size: NDArray[np.float64]) -> Drawn:
    landmarks = np.full((len(SLOTS), 2), np.nan)
    for name, point in row["landmarks"].items():
        landmarks[SLOTS.index(name)] = point
    kinds = tuple(TYPES.index(name) for name in row["types"])
    return Drawn(np.tile(size, 2) * row["box"], kinds, landmarks * size)


def match(photograph: Photograph) -> Iterator[tuple[Drawn, Garment | None]]:
    """Yield each drawn garment with what was found of it: the box that overlaps it most, once."""
    pairs = sorted(
        ((_overlap(drawn.box, np.array(found.box)), i, j)
         for i, drawn in enumerate(photograph.drawn)
         for j, found in enumerate(photograph.found)),
        reverse=True,
    )  # fmt: skip
    taken: dict[int, int] = {}
    for overlap, i, j in pairs:
        if overlap >= OVERLAP and i not in taken and j not in taken.values():
            taken[i] = j
    for i, drawn in enumerate(photograph.drawn):
        yield drawn, photograph.found[taken[i]] if i in taken else None


def people_table(photographs: Sequence[Photograph]) -> Table:
    """Return how many are found, in the right group, and how far their landmarks are off."""
    pairs = [pair for photograph in photographs for pair in match(photograph)]
    rows = []
    for kind, name in enumerate(TYPES):
        own = [(drawn, found) for drawn, found in pairs if drawn.types[0] == kind]
        hits = [(drawn, found) for drawn, found in own if found is not None]
        right = sum(found.type in drawn.types for drawn, found in hits)
        errors = [error for drawn, found in hits for error in _errors(drawn, found)]
        rows.append([name, f"{len(own)}", _share(len(hits), len(own)), _share(right, len(hits)),
                     f"{np.mean(errors):.3f} ({len(errors)})" if errors else ""])  # fmt: skip
    number = sum(len(photograph.found) for photograph in photographs)
    note = (
        f"{len(photographs)} photographs of packages that are at hand, {number} garments reported "
        "in all. NE in parts of the box with its context; in brackets, how many landmarks"
    )
    columns = [
        "garments",
        "drawn",
        f"found at IoU {OVERLAP}",
        "group right of those",
        "NE of those",
    ]
    return Table("Photographs of people", columns, rows, note)


def _errors(drawn: Drawn, found: Garment, context: float = 1.2) -> list[float]:
    known = np.isfinite(drawn.landmarks).all(1) & (found.states <= OCCLUDED)
    side = context * max(drawn.box[2] - drawn.box[0], drawn.box[3] - drawn.box[1])
    distances = np.linalg.norm(found.landmarks[known] - drawn.landmarks[known], axis=1)
    return (distances / side).tolist()


def background_table(
    recogniser: GarmentRecogniser, split: str = "test", folder: Path | None = None
) -> Table:
    """Return in how many photographs without people a garment is reported; arguments of `look`."""
    found = find_photographs(FOLDER / "nobody.json", folder, split, is_quiet=folder is None)
    images = [read_image(path) for _, path in found]
    backgrounds = Backgrounds(split="val" if split == "development" else "test")
    images += [backgrounds.whole(number) for number in range(len(backgrounds))]
    wrong = sum(bool(recogniser(image)) for image in images)
    rows = [[f"{len(images)}", _share(wrong, len(images))]]
    return Table("Photographs without people", ["photographs", "a garment reported in"], rows, "")


def crop_table(recogniser: GarmentRecogniser, photographs: Sequence[Photograph]) -> Table:
    """Return how often a mirrored part of a garment finds the whole of it among all."""
    parts, wholes = [], []
    for photograph in photographs:
        for drawn in photograph.drawn:
            x1, y1, x2, y2 = drawn.box
            part = (x1 + (x2 - x1) / 5, y1, x2, y2 - (y2 - y1) / 4)
            wholes.append(recogniser(photograph.image, tuple(drawn.box))[0].embedding)
            mirrored = np.ascontiguousarray(photograph.image[:, ::-1])
            width = mirrored.shape[1]
            own = (width - part[2], part[1], width - part[0], part[3])
            parts.append(recogniser(mirrored, own)[0].embedding)
    nearest = (np.stack(parts) @ np.stack(wholes).T).argsort(1)[:, ::-1]
    place = np.arange(len(nearest))[:, None]
    rows = [
        [
            f"{len(nearest)}",
            *(_share(int((nearest[:, :k] == place).any(1).sum()), len(nearest)) for k in (1, 5)),
        ]
    ]
    return Table("A mirrored part of a garment asks for the whole of it",
                 ["garments", "first", "among five"], rows, "")  # fmt: skip


def write_sheet(photographs: Sequence[Photograph], path: Path) -> None:
    """Write the photographs with the boxes, landmarks and words that were found."""
    cells = []
    for photograph in photographs:
        image = Image.fromarray(annotate(photograph.image, photograph.found))
        cells.append(image.resize((round(image.width * HEIGHT / image.height), HEIGHT)))
    lines = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    width = max(sum(cell.width for cell in line) for line in lines)
    sheet = Image.new("RGB", (width, HEIGHT * len(lines)), "white")
    for row, line in enumerate(lines):
        left = 0
        for cell in line:
            sheet.paste(cell, (left, row * HEIGHT))
            left += cell.width
    sheet.save(path, quality=85)


def _overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = (high - low).clip(0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def _share(number: int, of: int) -> str:
    return f"{100 * number / of:.0f} % ({number})" if of else ""
