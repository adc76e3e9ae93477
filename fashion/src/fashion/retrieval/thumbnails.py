"""Small images of garments, and sheets of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from fashion.garment import Box, Picture

SIDE = 160
"""Of a small image, pixels of its longer side."""

SURROUNDINGS = 0.05
"""What is shown around a garment on each side, as a share of its box."""

LABEL = 18
GAP = 6


def crop_box(image: Picture, box: Box) -> Picture:
    """Return a garment and a little around it, (h, w, 3), its longer side `SIDE`."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    x, y = SURROUNDINGS * (right - left), SURROUNDINGS * (bottom - top)
    x0, y0 = (int(np.clip(v, 0, m - 1)) for v, m in ((left - x, width), (top - y, height)))
    x1, y1 = (int(np.ceil(np.clip(v, 1, m))) for v, m in ((right + x, width), (bottom + y, height)))
    garment = Image.fromarray(image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)])
    return np.asarray(ImageOps.contain(garment, (SIDE, SIDE)))


def sheet(rows: Sequence[Sequence[tuple[Picture, str]]], columns: int = 7) -> Picture:
    """Set small images side by side on white, each with a line below; a row wraps.

    Args:
        rows: rows of images and lines; each begins on the left.
        columns: largest number that stand beside each other.
    """
    cells = [row[i : i + columns] for row in rows for i in range(0, len(row), columns)]
    width = max(len(row) for row in cells)
    pitch = (SIDE + GAP, SIDE + LABEL + GAP)
    canvas = Image.new("RGB", (width * pitch[0] - GAP, len(cells) * pitch[1] - GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    for i, row in enumerate(cells):
        for j, (picture, line) in enumerate(row):
            small = Image.fromarray(picture)
            x, y = j * pitch[0], i * pitch[1]
            canvas.paste(small, (x + (SIDE - small.width) // 2, y + (SIDE - small.height) // 2))
            pen.text((x + 2, y + SIDE + 2), _fit(line, font), font=font, fill="black")
    return np.asarray(canvas)


def _fit(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(line) <= SIDE - 4:
        return line
    while line and font.getlength(line + "...") > SIDE - 4:
        line = line[:-1]
    return line + "..."
