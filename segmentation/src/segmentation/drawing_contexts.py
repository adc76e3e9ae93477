"""The image of the label contexts that a Deep Parsing Network has learned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vision_shared import panels

FAVOUR, PENALTY = (33, 102, 172), (178, 24, 43)  # blue and red, white between them


def draw_label_contexts(
    kernels: NDArray[np.floating], names: Sequence[str], tap: int = 3
) -> NDArray[np.uint8]:
    """Draw a cell for every pair of classes, as the authors' talk does.

    The cell in row u and column v shows what it costs class u to have v around it: blue where v is
    favoured, red where it is penalised, at the place where v lies as seen from u in the middle. The
    deepest colour is the largest weight around the middle, and any in it that is larger: there the
    Potts penalty stands that training starts from.

    Args:
        kernels: (L, L, rows, columns), of `LabelContexts.matrices`: [u, v, dy, dx].
        names: names of the L classes.
        tap: the size of a weight, pixels.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the kernels are not for that many classes.
    """
    count = len(names)
    if kernels.ndim != 4 or kernels.shape[:2] != (count, count):
        raise ValueError(f"expected kernels ({count}, {count}, rows, columns), got {kernels.shape}")
    large = kernels.repeat(tap, 2).repeat(tap, 3)
    reach = _largest_around(kernels)
    colours = _diverge(large, reach or 1.0)
    framed = np.pad(colours, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=220)
    return _frame(panels.grid(list(framed)), names, f"penalty, at most {reach:.2g}")


def _largest_around(kernels: NDArray[np.floating]) -> float:
    """Return the largest weight that is not in the middle, unless that is all there is."""
    sizes = np.abs(kernels)
    if sizes.shape[2:] != (1, 1):
        sizes = sizes.copy()
        sizes[..., sizes.shape[2] // 2, sizes.shape[3] // 2] = 0
    return float(sizes.max())


def _diverge(values: NDArray[np.floating], reach: float) -> NDArray[np.uint8]:
    """Colour values from -reach (favour) over 0 (white) to reach (penalty)."""
    share = np.clip(values / reach, -1, 1)[..., None]
    colour = np.where(share < 0, np.array(FAVOUR), np.array(PENALTY))
    return np.round(255 + np.abs(share) * (colour - 255.0)).astype(np.uint8)


def _frame(cells: NDArray[np.uint8], names: Sequence[str], penalty: str) -> NDArray[np.uint8]:
    """Write the names to the left and above, and the legend below."""
    length = max(_width(name) for name in names) + 8
    height, width = cells.shape[:2]
    legend = "favour", penalty
    wide = max(length + width, _width(legend[0]) + 12 + _width(legend[1]) + 8)
    picture = Image.new("RGB", (wide, length + height + 20), (255, 255, 255))
    picture.paste(
        (200, 200, 200), (length - 1, length - 1, length + width + 1, length + height + 1)
    )
    picture.paste(Image.fromarray(cells), (length, length))
    pitch = (height + 4) / len(names)  # `panels.grid` leaves 4 pixels between cells
    above = Image.new("RGB", (width, length - 2), (255, 255, 255))
    for i, name in enumerate(names):
        middle = round((i + 0.5) * pitch) - 8
        ImageDraw.Draw(picture).text((4, length + middle), name, fill=(0, 0, 0))
        above.paste(_upright(name), (middle, above.height - _width(name) - 4))
    picture.paste(above, (length, 0))
    pen = ImageDraw.Draw(picture)
    pen.text((4, length + height + 4), legend[0], fill=FAVOUR)
    pen.text((16 + _width(legend[0]), length + height + 4), legend[1], fill=PENALTY)
    return np.asarray(picture)


def _upright(name: str) -> Image.Image:
    """Return a name as it reads from below upwards."""
    picture = Image.new("RGB", (_width(name) + 2, 14), (255, 255, 255))
    ImageDraw.Draw(picture).text((1, 1), name, fill=(0, 0, 0))
    return picture.rotate(90, expand=True)


def _width(text: str) -> int:
    return int(ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength(text)) + 1
