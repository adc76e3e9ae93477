"""Images composed of people and photographs, with tags of the whole image, to train a finder.

Faces of one canonical size stand anywhere on crops of photographs; so do, as negatives, heads from
behind, shoulders whose chin is out of the frame, headless bodies and faces of other sizes. Pieces
of other photographs lie among them, so that a pasted edge tells nothing, and some canvases are
framed in grey, as images are whose border a face touches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face_attributes.boxes import FACE_SIZE
from face_attributes.data.framing import PADDING
from face_attributes.data.layers import Layer, Layers

SIZES = (0.72, 1.28)  # of faces that count, over the canonical size
TOO_SMALL, TOO_LARGE = (0.22, 0.4), (2.4, 5.5)  # of faces that do not count
CROWD = (0.67, 0.22, 0.11)  # shares of canvases with one, two and three people
DISTRACTORS = (0.45, 0.4, 0.15)  # shares of canvases without a face that have none, one and two
MIXED = 0.35  # share of canvases with a face that have a distractor, too
WRONG_SIZE = 0.35  # share of canvases without a face that have one of another size
FRAMED = 0.3  # share of canvases with a grey border
TIGHT = 0.4  # share of these that are cut close around the faces, as portraits are
TILT = 0.12  # radians, standard deviation
SMALLEST_CROP = 0.12  # of a photograph's shorter side


@dataclass(frozen=True)
class Canvas:
    """An image and what is in it.

    Attributes:
        image: (S, S, 3) uint8.
        attributes: (A,) bool, whether any of its faces has them.
        squares: (N, 3) float32, centre x, y and side of the faces that count.
    """

    image: NDArray[np.uint8]
    attributes: NDArray[np.bool_]
    squares: NDArray[np.float32]


class Composer:
    """Composes canvases; each follows from its random generator alone.

    Args:
        layers: people.
        photographs: (H, W, 3) uint8 each, without anyone.
        side: side of a canvas, in pixels.
        face_size: pixels a side of the square of a face that counts.
    """

    def __init__(
        self,
        layers: Layers,
        photographs: Sequence[NDArray[np.uint8]],
        side: int,
        face_size: float = FACE_SIZE,
    ) -> None:
        self.layers = layers
        self.photographs = photographs
        self.side = side
        self.face_size = face_size

    def __call__(self, rng: np.random.Generator, *, has_face: bool) -> Canvas:
        """Compose a canvas with one to three faces that count, or with none."""
        canvas = self._clutter(rng, self.crop(rng, self.side)).astype(np.float32)
        if not has_face:
            return self._finish(rng, self._without_face(rng, canvas), [], [])
        if rng.random() < MIXED:
            canvas = self._distract(rng, canvas)
        people: list[Layer] = []
        squares: list[NDArray[np.float32]] = []
        for _ in range(1 + rng.choice(len(CROWD), p=CROWD)):
            side = self._size(rng, SIZES)
            margin = min(0.45 * side, self.side / 2)
            at = rng.uniform(margin, self.side - margin, 2)
            if all(np.abs(at - s[:2]).max() >= 0.4 * (side + s[2]) for s in squares):
                people.append(_any(rng, self.layers.faces))
                squares.append(np.array([*at, side], np.float32))
                canvas = _paste_face(rng, canvas, people[-1], at, side)
        return self._finish(rng, canvas, people, squares)

    def crop(self, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
        """Return a random square of a random photograph, mirrored half of the time."""
        photograph = self.photographs[int(rng.integers(len(self.photographs)))]
        height, width = photograph.shape[:2]
        share = math.exp(rng.uniform(math.log(SMALLEST_CROP), 0))
        span = max(16, int(min(height, width) * share))
        y, x = rng.integers(height - span + 1), rng.integers(width - span + 1)
        piece = photograph[y : y + span, x : x + span]
        if rng.random() < 0.5:
            piece = np.ascontiguousarray(piece[:, ::-1])
        how = cv2.INTER_AREA if span > side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(piece, (side, side), interpolation=how), np.uint8)

    def _clutter(self, rng: np.random.Generator, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay up to two pieces of other photographs on a canvas."""
        for _ in range(rng.integers(0, 3)):
            height, width = (rng.uniform(0.15, 0.6, 2) * self.side).astype(int)
            y = rng.integers(-height // 2, self.side - height // 2)
            x = rng.integers(-width // 2, self.side - width // 2)
            piece = self.crop(rng, max(height, width))[:height, :width]
            top, left = max(y, 0), max(x, 0)
            onto = canvas[top : y + height, left : x + width]
            onto[:] = piece[top - y :, left - x :][: len(onto), : onto.shape[1]]
        return canvas

    def _without_face(
        self, rng: np.random.Generator, canvas: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        for _ in range(rng.choice(len(DISTRACTORS), p=DISTRACTORS)):
            canvas = self._distract(rng, canvas)
        if rng.random() < WRONG_SIZE:
            side = self._size(rng, TOO_SMALL if rng.random() < 0.5 else TOO_LARGE)
            at = rng.uniform(0.1, 0.9, 2) * self.side
            canvas = _paste_face(rng, canvas, _any(rng, self.layers.faces), at, side)
        return canvas

    def _distract(
        self, rng: np.random.Generator, canvas: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Add a head from behind, shoulders below their head, or a body without one."""
        kind, side = rng.random(), self._size(rng, SIZES)
        if kind < 0.4 and self.layers.backs:
            at = rng.uniform(0.05, 0.95, 2) * self.side
            return _paste_face(rng, canvas, _any(rng, self.layers.backs), at, side)
        x = rng.uniform(0, 1) * self.side
        if kind < 0.6 or not self.layers.bodies:
            face = _any(rng, self.layers.faces)
            at = np.array([x, -side * rng.uniform(0.62, 1.0)])
            return paste(canvas, face, side / face.square[2], at, flip=rng.random() < 0.5)
        body = _any(rng, self.layers.bodies)
        width = self.side * math.exp(rng.uniform(math.log(0.2), math.log(1.6)))
        at = np.array([x, -rng.uniform(0, 10)])
        return paste(canvas, body, width / body.square[2], at, flip=rng.random() < 0.5)

    def _size(self, rng: np.random.Generator, sizes: tuple[float, float]) -> float:
        low, high = sizes
        return self.face_size * math.exp(rng.uniform(math.log(low), math.log(high)))

    def _finish(
        self,
        rng: np.random.Generator,
        canvas: NDArray[np.float32],
        people: Sequence[Layer],
        squares: Sequence[NDArray[np.float32]],
    ) -> Canvas:
        image = canvas.clip(0, 255).astype(np.uint8)
        if rng.random() < FRAMED:
            _frame(rng, image, squares)
        none = np.zeros_like(self.layers.faces[0].attributes)
        attributes = np.any([none, *(person.attributes for person in people)], 0)
        return Canvas(image, attributes, np.array(squares, np.float32).reshape(-1, 3))


def paste(
    canvas: NDArray[np.float32],
    layer: Layer,
    scale: float,
    at: NDArray[np.floating],
    angle: float = 0.0,
    *,
    flip: bool = False,
) -> NDArray[np.float32]:
    """Return a canvas with a layer on it, whose square's centre comes to ``at`` (x, y)."""
    rgba, anchor = layer.rgba, layer.square[:2]
    if flip:
        rgba, anchor = rgba[:, ::-1], np.array([rgba.shape[1] - anchor[0], anchor[1]], np.float32)
    pixels = rgba.astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    if scale < 0.7:  # averaged, lest it alias
        size = max(4, round(pixels.shape[1] * scale)), max(4, round(pixels.shape[0] * scale))
        share = size[0] / pixels.shape[1], size[1] / pixels.shape[0]
        anchor = anchor * np.array(share, np.float32)
        pixels, scale = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), 1.0
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    x, y = anchor - 0.5  # OpenCV's pixel 0 is centred at 0
    to_x, to_y = at - 0.5
    move = np.array([[c, -s, to_x - c * x + s * y], [s, c, to_y - s * x - c * y]], np.float32)
    moved = cv2.warpAffine(pixels, move, canvas.shape[1::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(canvas * (1 - moved[..., 3:] / 255) + moved[..., :3], np.float32)


def _paste_face(
    rng: np.random.Generator,
    canvas: NDArray[np.float32],
    layer: Layer,
    at: NDArray[np.floating],
    side: float,
) -> NDArray[np.float32]:
    scale, angle = side / float(layer.square[2]), rng.normal(0, TILT)
    return paste(canvas, layer, scale, at, angle, flip=rng.random() < 0.5)


def _frame(
    rng: np.random.Generator, image: NDArray[np.uint8], squares: Sequence[NDArray[np.float32]]
) -> None:
    """Paint some sides of an image grey, up to the faces that it has, or to any place."""
    side = len(image)
    low, high = np.full(2, 1.0 * side), np.zeros(2)
    anywhere = np.array([*rng.uniform(0.2, 0.8, 2) * side, 0.3 * side], np.float32)
    for x, y, size in squares or [anywhere]:
        low = np.minimum(low, np.array([x, y]) - 0.5 * size)
        high = np.maximum(high, np.array([x, y]) + 0.5 * size)
    room = np.maximum([low[0], low[1], side - high[0], side - high[1]], 0)
    depth = room * rng.random(4).clip(0, 0.7) / 0.7 * (rng.random(4) < 0.6)
    if rng.random() < TIGHT:
        depth = room * rng.uniform(0.85, 1, 4)
    left, top, right, bottom = depth.astype(int)
    image[:top] = image[side - bottom :] = image[:, :left] = image[:, side - right :] = PADDING


def _any(rng: np.random.Generator, layers: Sequence[Layer]) -> Layer:
    return layers[int(rng.integers(len(layers)))]
