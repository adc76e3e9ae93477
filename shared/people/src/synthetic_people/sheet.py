"""Contact sheets of samples, plain or with their labels drawn on them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from synthetic_people.parts import COLOURS
from synthetic_people.sample import OUTSIDE, VISIBLE, Sample

SCALE = 2  # pixels of a sheet with labels per pixel of the image


def contact_sheet(tiles: Sequence[np.ndarray], columns: int) -> Image.Image:
    """Return images of one size (H, W, 3) uint8 side by side; the last row may be shorter."""
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(Image.fromarray(tile), (column * width, row * height))
    return sheet


def labelled(sample: Sample) -> np.ndarray:
    """Return an image with its labels beside it: boxes and landmarks, parts, and flow if any.

    Boxes: people white, heads yellow, faces red, garments blue. Landmarks that are hidden are
    hollow. Parts are grey at their anti-aliased edges.
    """
    image = Image.fromarray(sample.image)
    image = image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for person in sample.people:
        _box(draw, person.box, "white")
        _box(draw, person.head_box, "yellow")
        if person.face_box is not None:
            _box(draw, person.face_box, "red")
        _points(draw, person.landmarks, person.visibility, "red")
        for garment in person.garments:
            _box(draw, garment.box, "deepskyblue")
            _points(draw, garment.landmarks, garment.visibility, "deepskyblue")
    parts = np.array(COLOURS, np.uint8)[sample.parts]
    parts[sample.edge] = 128
    panels = [np.asarray(image), _enlarged(parts)]
    if sample.flow is not None and sample.occluded is not None:
        colours = flow_colours(sample.flow)
        colours[sample.occluded] = 0
        panels.append(_enlarged(colours))
    return np.concatenate(panels, 1)


def flow_colours(flow: np.ndarray) -> np.ndarray:
    """Return optical flow (H, W, 2) as colours (H, W, 3) uint8: hue is direction, white is rest."""
    angle = np.arctan2(flow[..., 1], flow[..., 0])
    length = np.hypot(flow[..., 0], flow[..., 1])
    strength = (length / max(float(np.percentile(length, 99)), 1e-6)).clip(0, 1)
    hue = ((angle + np.pi) / (2 * np.pi) * 255).astype(np.uint8)
    hsv = np.dstack([hue, np.uint8(strength * 255), np.full_like(hue, 255)])
    return np.asarray(Image.fromarray(hsv, "HSV").convert("RGB")).copy()


def _enlarged(image: np.ndarray) -> np.ndarray:
    return image.repeat(SCALE, 0).repeat(SCALE, 1)


def _box(draw: ImageDraw.ImageDraw, box: Sequence[float], colour: str) -> None:
    x, y, width, height = (SCALE * value for value in box)
    if width > 0 and height > 0:
        draw.rectangle((x, y, x + width, y + height), outline=colour)


def _points(
    draw: ImageDraw.ImageDraw, points: np.ndarray, visibility: np.ndarray, colour: str
) -> None:
    for (x, y), seen in zip(points * SCALE, visibility, strict=True):
        if seen != OUTSIDE and np.isfinite(x):
            box = (x - 2, y - 2, x + 2, y + 2)
            draw.ellipse(box, fill=colour if seen == VISIBLE else None, outline=colour)
