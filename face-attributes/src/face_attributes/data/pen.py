"""Drawing in the frame of an object that has a place, a size and a tilt."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Rng = np.random.Generator

FRACTION_BITS = 4  # of the pixels in which OpenCV takes places


@dataclass(frozen=True)
class Pen:
    """Draws on an image with smooth borders.

    The frame's (0, 0) is the object's upper left corner and (1, 1) its lower right, before it is
    turned around its centre.

    Attributes:
        image: uint8 (H, W, 3), which is changed.
        centre: x and y of the object, in pixels.
        size: its width and height, in pixels.
        tilt: clockwise, in degrees.
    """

    image: NDArray[np.uint8]
    centre: tuple[float, float]
    size: tuple[float, float]
    tilt: float = 0.0

    def places(self, points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
        """Points of the frame (P, 2), in pixels of the image."""
        angle = np.deg2rad(self.tilt)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (np.array(points) - 0.5) * self.size @ turn.T + self.centre

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        corners = _fixed(self.places(points))
        cv2.fillPoly(self.image, [corners], colour, cv2.LINE_AA, FRACTION_BITS)

    def rectangle(self, u1: float, v1: float, u2: float, v2: float, colour: Colour) -> None:
        self.polygon([(u1, v1), (u2, v1), (u2, v2), (u1, v2)], colour)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float) -> None:
        """An open line; its width is a part of the object's width."""
        corners = _fixed(self.places(points))
        thickness = self._thickness(width)
        cv2.polylines(self.image, [corners], False, colour, thickness, cv2.LINE_AA, FRACTION_BITS)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        *,
        angles: tuple[float, float] = (0, 360),
        width: float | None = None,
    ) -> None:
        """An ellipse, or the part of it between two angles clockwise from the right.

        Radii and width are parts of the object's width and height; without a width it is filled.
        """
        middle = _fixed(self.places([centre]))[0]
        axes = _fixed(np.abs(np.array(radii) * self.size))
        thickness = cv2.FILLED if width is None else self._thickness(width)
        cv2.ellipse(
            self.image,
            middle.tolist(),
            axes.tolist(),
            self.tilt,
            *angles,
            colour,
            thickness,
            cv2.LINE_AA,
            FRACTION_BITS,
        )

    def disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        """A round spot; its radius is a part of the object's width."""
        self.ellipse(centre, (radius, radius * self.size[0] / self.size[1]), colour)

    def ring(
        self, centre: tuple[float, float], radius: float, colour: Colour, width: float
    ) -> None:
        """A circle; radius and width are parts of the object's width."""
        radii = (radius, radius * self.size[0] / self.size[1])
        self.ellipse(centre, radii, colour, width=width)

    def _thickness(self, width: float) -> int:
        return max(1, round(width * self.size[0]))


def any_colour(rng: Rng) -> Colour:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def near(rng: Rng, colour: Colour, spread: int = 18) -> Colour:
    """A colour that differs by at most ``spread`` in every channel."""
    red, green, blue = (np.array(colour) + rng.integers(-spread, spread + 1, 3)).clip(0, 255)
    return int(red), int(green), int(blue)


def darker(colour: Colour, factor: float = 0.6) -> Colour:
    red, green, blue = (int(factor * channel) for channel in colour)
    return red, green, blue


def _fixed(pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(pixels * 2**FRACTION_BITS).astype(np.int32)
