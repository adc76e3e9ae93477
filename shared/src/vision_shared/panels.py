"""Images of predictions, as arrays: (H, W, 3) uint8 RGB in and out, no plotting library."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw


def flow_to_color(flow: np.ndarray, reach: float | None = None) -> np.ndarray:
    """Draw a motion field: hue is direction, saturation is speed; no motion is white.

    The colour wheel is Middlebury's (Baker et al., IJCV 2011): red to the right, yellow downwards,
    cyan to the left, blue upwards.

    Args:
        flow: (H, W, 2), x (to the right) then y (downwards), any unit.
        reach: the speed that is fully saturated; None takes the field's 99th percentile, but at
            least 1 (pixel), so that noise around no motion stays pale.
    """
    u, v = flow[..., 0].astype(np.float64), flow[..., 1].astype(np.float64)
    speed = np.hypot(u, v)
    if reach is None:
        reach = max(1.0, float(np.percentile(speed, 99)))
    saturation = np.minimum(speed / reach, 1.0)[..., None]
    wheel = _color_wheel()
    position = (np.arctan2(v, u) / (2 * np.pi)) % 1.0 * len(wheel)
    first = position.astype(int) % len(wheel)
    share = (position - position.astype(int))[..., None]
    hue = (1 - share) * wheel[first] + share * wheel[(first + 1) % len(wheel)]
    return np.round(255 * (1 - saturation * (1 - hue))).astype(np.uint8)


def heat_map(values: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Draw (H, W) values from ``low`` (dark blue) over green to ``high`` (yellow)."""
    anchors = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]])
    scaled = np.clip((values - low) / (high - low), 0, 1) * (len(anchors) - 1)
    channels = [np.interp(scaled, range(len(anchors)), anchors[:, c]) for c in range(3)]
    return np.round(np.stack(channels, -1)).astype(np.uint8)


def difference_image(one: np.ndarray, other: np.ndarray, gain: float = 4.0) -> np.ndarray:
    """Draw where two images differ: ``gain`` times the difference, around mid-grey."""
    signed = one.astype(np.float64) - other.astype(np.float64)
    return np.clip(np.round(127.5 + gain * signed), 0, 255).astype(np.uint8)


def grid(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str] = ()) -> np.ndarray:
    """Set images of one size side by side, with a title above each column."""
    gap, header = 4, 18 if titles else 0
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    canvas = np.full(
        (header + len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8
    )
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = header + i * (height + gap), j * (width + gap)
            canvas[top : top + height, left : left + width] = picture
    return _write_titles(canvas, titles, width + gap)


def to_picture(image: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8, rounded."""
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def _write_titles(canvas: np.ndarray, titles: Sequence[str], pitch: int) -> np.ndarray:
    drawn = Image.fromarray(canvas)
    pen = ImageDraw.Draw(drawn)
    for j, title in enumerate(titles):
        pen.text((j * pitch + 2, 3), title, fill=(0, 0, 0))
    return np.asarray(drawn)


def _color_wheel() -> np.ndarray:
    """(55, 3) in [0, 1]: the six segments red, yellow, green, cyan, blue, magenta, red."""
    corners = np.array(
        [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]]
    )
    lengths = [15, 6, 4, 11, 13, 6]
    segments = zip(corners, corners[1:], lengths, strict=False)
    return np.concatenate([a + (b - a) * (np.arange(n) / n)[:, None] for a, b, n in segments])
