"""Contact sheets of neurons: what is lowest, what is highest, and the mean faces of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face_attributes.drawing import PLAIN, WHITE, resize
from vision_shared.panels import to_picture

Picture = NDArray[np.uint8]

TILE = 72
"""Pixels from the top to the bottom of a face."""

GAP, WIDE_GAP, STRIP, LINE = 2, 14, 170, 14


@dataclass(frozen=True)
class NeuronRow:
    """What a sheet shows of a neuron; images are (3, H, W) in [0, 1].

    Attributes:
        lines: lines of text, at the left.
        lowest: the images of the lowest responses, the lowest first.
        mean_low: the mean of the third of all images with the lowest.
        mean_high: mean of that with the highest.
        highest: the images of the highest responses, the highest last.
    """

    lines: Sequence[str]
    lowest: Sequence[NDArray[np.floating]]
    mean_low: NDArray[np.floating]
    mean_high: NDArray[np.floating]
    highest: Sequence[NDArray[np.floating]]


def contact_sheet(rows: Sequence[NeuronRow]) -> Picture:
    """Draw one row a neuron: text, lowest images, the two means, highest images."""
    drawn = [_draw_row(row) for row in rows]
    height, width = drawn[0].shape[:2]
    canvas = np.full((LINE + 4 + len(rows) * (height + GAP), width, 3), 255, np.uint8)
    for i, picture in enumerate(drawn):
        top = LINE + 4 + i * (height + GAP)
        canvas[top : top + height] = picture
    return _title(canvas, rows[0])


def _draw_row(row: NeuronRow) -> Picture:
    groups = [row.lowest, [row.mean_low], [row.mean_high], row.highest]
    white = np.full((TILE, 1, 3), 255, np.uint8)
    parts = [_text(row.lines)]
    for group in groups:
        parts.append(white.repeat(WIDE_GAP - GAP, 1))
        for picture in group:
            parts += [white.repeat(GAP, 1), _tile(picture)]
    return np.concatenate(parts, 1)


def _tile(picture: NDArray[np.floating]) -> Picture:
    height, width = picture.shape[1:]
    return resize(to_picture(picture), (TILE, max(1, round(TILE * width / height))))


def _text(lines: Sequence[str]) -> Picture:
    drawn = Image.new("RGB", (STRIP, TILE), WHITE)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(LINE - 3)
    for i, line in enumerate(lines):
        pen.text((2, 6 + i * LINE), line, font=font, fill=PLAIN)
    return np.asarray(drawn)


def _title(canvas: Picture, row: NeuronRow) -> Picture:
    drawn = Image.fromarray(canvas)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(LINE - 3)
    left = STRIP
    titles = ["lowest responses", "mean", "mean", "highest responses"]
    for title, group in zip(titles, (row.lowest, [0], [0], row.highest), strict=True):
        left += WIDE_GAP
        pen.text((left, 2), title, font=font, fill=PLAIN)
        left += len(group) * (_tile(row.mean_low).shape[1] + GAP) - GAP
    return np.asarray(drawn)
