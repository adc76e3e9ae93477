"""Drawing with smooth borders, at places between the pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Image = NDArray[np.uint8]

FRACTION_BITS = 4  # of the pixels in which OpenCV takes places


def fill(image: Image, pixels: NDArray[np.floating], colour: Colour | int) -> None:
    cv2.fillPoly(image, [_fixed(pixels)], colour, cv2.LINE_AA, FRACTION_BITS)


def line(image: Image, pixels: NDArray[np.floating], colour: Colour, width: float) -> None:
    thickness = max(1, round(width))
    cv2.polylines(image, [_fixed(pixels)], False, colour, thickness, cv2.LINE_AA, FRACTION_BITS)


def disc(image: Image, centre: NDArray[np.floating], radius: float, colour: Colour) -> None:
    x, y = _fixed(np.asarray(centre)).tolist()
    r = max(1, round(radius * 2**FRACTION_BITS))
    cv2.circle(image, (x, y), r, colour, cv2.FILLED, cv2.LINE_AA, FRACTION_BITS)


def shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(int(factor * channel), 255) for channel in colour)
    return red, green, blue


def _fixed(pixels: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.rint(pixels * 2**FRACTION_BITS).astype(np.int32)
