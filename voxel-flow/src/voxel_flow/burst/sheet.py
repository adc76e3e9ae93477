"""The contact sheet: every frame of a burst with its scores, the best one framed."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from voxel_flow.burst.reading import shrink
from voxel_flow.burst.scores import Score

Image = np.ndarray  # uint8 RGB, (H, W, 3)

WIDTH = 240  # pixels of a thumbnail, at most
_LINE, _BORDER, _GAP = 13, 4, 6
_BEST = (20, 150, 60)


def draw_sheet(images: Sequence[Image], scores: Sequence[Score], best: int) -> Image:
    """Return (H, W, 3) RGB: thumbnails in order, under each its number and its scores."""
    thumbnails = [shrink(image, WIDTH) for image in images]
    height, width = thumbnails[0].shape[:2]
    num_lines = 4 if any(score.eyes is not None for score in scores) else 3
    cell = (width + 2 * _BORDER + _GAP, height + 2 * _BORDER + num_lines * _LINE + _GAP)
    columns = max(ceil(sqrt(len(images) * cell[1] / cell[0])), 2)
    columns = min(columns, len(images))
    rows = ceil(len(images) / columns)
    sheet = Pillow.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for k, (thumbnail, score) in enumerate(zip(thumbnails, scores, strict=True)):
        left, top = k % columns * cell[0] + _GAP, k // columns * cell[1] + _GAP
        if k == best:
            outside = (left, top, left + width + 2 * _BORDER - 1, top + height + 2 * _BORDER - 1)
            pen.rectangle(outside, fill=_BEST)
        sheet.paste(Pillow.fromarray(thumbnail), (left + _BORDER, top + _BORDER))
        words = _BEST if k == best else (40, 40, 40)
        pen.text((left + _BORDER, top + height + 2 * _BORDER), _text(k, score), fill=words)
    return np.asarray(sheet)


def _text(index: int, score: Score) -> str:
    lines = [
        f"{index + 1}: {score.total:.2f}",
        f"sharp {score.sharpness:.2f}  exposed {score.exposure:.2f}",
        f"still {score.motion:.2f}",
    ]
    if score.eyes is not None and score.smile is not None:
        lines.append(f"eyes {score.eyes:.2f}  smile {score.smile:.2f}")
    return "\n".join(lines)
