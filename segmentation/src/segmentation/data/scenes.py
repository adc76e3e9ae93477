"""Rendered street scenes with their masks: small, made from a seed, with rules of context.

Nothing here was photographed. What makes a rider of a person and a bottle of a bollard stands in
`segmentation.data.groups`; each pair shares its shapes, sizes and colours, so only what is below
tells them apart. About two scenes in five are easy: few large objects, plain colours, wide flat
areas. The others are hard: small objects, camouflage, thin clutter, hedges that hide legs, shade,
noise and blur.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segmentation.data.groups import Rng, Thing, draw_groups, draw_surroundings
from segmentation.data.labels import IGNORE, with_voc_colours
from segmentation.data.sprites import Part

SCENE_CLASSES = with_voc_colours(
    (
        *("background", "bicycle", "rider", "person", "table", "bottle", "bollard"),
        *("car", "cat", "dog"),
    )
)

ANY: tuple[tuple[float, float, float], ...] = ()
SKIN = ((0.95, 0.78, 0.65), (0.75, 0.52, 0.38), (0.4, 0.26, 0.18))
CLOTH = ((0.2, 0.28, 0.5), (0.15, 0.15, 0.18), (0.6, 0.52, 0.38))
DARK = ((0.08, 0.08, 0.1), (0.2, 0.2, 0.22))
WOOD = ((0.5, 0.32, 0.18), (0.7, 0.5, 0.3), (0.85, 0.82, 0.75))
GLASS = ((0.1, 0.45, 0.2), (0.4, 0.2, 0.08), (0.75, 0.12, 0.1))
LIGHT = ((0.92, 0.92, 0.9), (0.9, 0.8, 0.3))
WINDOW = ((0.6, 0.75, 0.85), (0.2, 0.25, 0.3))
FUR = ((0.12, 0.1, 0.1), (0.8, 0.5, 0.22), (0.45, 0.32, 0.22), (0.9, 0.88, 0.82), (0.5, 0.5, 0.5))
SKY = ((0.5, 0.7, 0.95), (0.75, 0.82, 0.9), (0.6, 0.62, 0.66), (0.95, 0.75, 0.55))
GROUND = ((0.5, 0.5, 0.5), (0.35, 0.55, 0.25), (0.62, 0.55, 0.42), (0.8, 0.75, 0.6))

COLOURS = {
    "background": (ANY, ANY, ANY),
    "bicycle": (ANY, DARK, DARK),
    "rider": (ANY, CLOTH, SKIN),
    "person": (ANY, CLOTH, SKIN),
    "table": (WOOD, WOOD, WOOD),
    "bottle": (GLASS, LIGHT, LIGHT),
    "bollard": (GLASS, LIGHT, LIGHT),
    "car": (ANY, WINDOW, DARK),
    "cat": (FUR, FUR, FUR),
    "dog": (FUR, FUR, FUR),
}
"""Typical colours of the parts by `Part.colour`, RGB in [0, 1]; those that context tells apart
have the same."""

EASY = 0.4  # of the scenes
FRACTION_BITS = 4  # of the pixels in which OpenCV takes a polygon's corners


def draw_scene(seed: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """A random scene, the same for the same arguments.

    Args:
        seed: not negative.
        size: S, in pixels.

    Returns:
        The image, uint8 RGB (S, S, 3), and its mask, uint8 (S, S): numbers of `SCENE_CLASSES`, and
        255 on a border of 1 px around every object, on its outer side.
    """
    rng = np.random.default_rng(seed)
    hardness = rng.uniform(0, 0.2) if rng.random() < EASY else rng.uniform(0.5, 1)
    horizon = rng.uniform(0.2, 0.45) * size
    ground_colour, image = draw_background(rng, size, horizon, hardness)
    painting = Painting(image)
    things = draw_surroundings(rng, size, horizon, hardness)
    for group in draw_groups(rng, size, horizon, hardness):
        things += group.things
    for thing in things:
        painting.add(thing, draw_look(rng, thing.label, size, ground_colour, hardness))
    return photograph(rng, painting.image, hardness), painting.mask()


@dataclass(frozen=True)
class Look:
    """How an object is painted.

    Attributes:
        colours: RGB, (3, 3), of its parts.
        pattern: (S, S), added to all of them.
    """

    colours: np.ndarray
    pattern: np.ndarray


class Painting:
    """An image under way, and what is seen where.

    Attributes:
        image: float32 RGB (S, S, 3), about [0, 1].
        classes: uint8 (S, S).
        layers: uint8 (S, S), numbers of the objects in the order of painting, 0 for background.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.classes = np.zeros(image.shape[:2], np.uint8)
        self.layers = np.zeros(image.shape[:2], np.uint8)
        self.num_things = 0

    def add(self, thing: Thing, look: Look) -> None:
        """Paint over what is there."""
        self.num_things += 1
        label = SCENE_CLASSES.names.index(thing.label)
        layer = 0 if label == 0 else self.num_things
        for part in thing.parts:
            cover = draw_cover(part, len(self.image))
            box = bounding_box(part, len(self.image))
            colour = look.colours[part.colour] + look.pattern[box][..., None]
            opacity = cover[box][..., None] / np.float32(255)
            self.image[box] += opacity * (colour - self.image[box])
            self.classes[cover > 127] = label
            self.layers[cover > 127] = layer

    def mask(self) -> np.ndarray:
        """The classes, and 255 wherever a neighbour shows a higher object."""
        highest = cv2.dilate(self.layers, np.ones((3, 3), np.uint8))
        return np.where(highest > self.layers, np.uint8(IGNORE), self.classes)


def draw_cover(part: Part, size: int) -> np.ndarray:
    """How much of each pixel a part covers, uint8 (S, S), 255 for all of it."""
    corners = [np.rint(c * 2**FRACTION_BITS).astype(np.int32) for c in part.contours]
    cover = np.zeros((size, size), np.uint8)
    return cv2.fillPoly(cover, corners, 255, cv2.LINE_AA, FRACTION_BITS)


def bounding_box(part: Part, size: int) -> tuple[slice, slice]:
    """Rows and columns of an image that a part may touch."""
    points = np.concatenate(part.contours)
    first = np.clip(np.floor(points.min(axis=0)).astype(int) - 1, 0, size)
    last = np.clip(np.ceil(points.max(axis=0)).astype(int) + 2, 0, size)
    return slice(first[1], last[1]), slice(first[0], last[0])


def draw_background(
    rng: Rng, size: int, horizon: float, hardness: float
) -> tuple[np.ndarray, np.ndarray]:
    """The ground's colour (3,), and sky over ground, float32 (S, S, 3)."""
    sky, low_sky, ground = (draw_colour(rng, typical) for typical in (SKY, SKY, GROUND))
    y = np.arange(size, dtype=np.float32)[:, None, None]
    image = sky + 0.5 * (low_sky - sky) * np.minimum(y / np.float32(horizon), 1)
    strength = np.where(y < horizon, 0.3, 1) * (0.02 + 0.1 * hardness)
    image = np.where(y < horizon, image, ground) + strength * draw_pattern(rng, size)[..., None]
    return ground, image.astype(np.float32)


def draw_look(rng: Rng, label: str, size: int, ground_colour: np.ndarray, hardness: float) -> Look:
    """Colours of a class and a pattern; where it is hard, often nearly the colour of the ground."""
    colours = np.stack([draw_colour(rng, typical) for typical in COLOURS[label]])
    if rng.random() < 0.4 * hardness:
        colours[:2] = ground_colour + rng.normal(0, 0.12, size=(2, 3))
    strength = np.float32(hardness * rng.uniform(0.02, 0.12))
    return Look(colours, strength * draw_pattern(rng, size))


def draw_colour(rng: Rng, typical: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """A colour near one of those given, or any if none is, (3,) in [0, 1]."""
    if not typical:
        return rng.uniform(0.05, 0.95, size=3).astype(np.float32)
    colour = np.array(typical[int(rng.integers(len(typical)))]) + rng.normal(0, 0.06, size=3)
    return colour.clip(0, 1).astype(np.float32)


def draw_pattern(rng: Rng, size: int) -> np.ndarray:
    """Noise or stripes of 2 to 16 px, float32 (S, S), about [-1, 1]."""
    cell = 2 ** rng.uniform(1, 4)
    if rng.random() < 0.35:
        angle = rng.uniform(0, np.pi)
        place = np.arange(size, dtype=np.float32) * np.float32(np.pi / cell)
        across, down = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return np.sin(across * place + down * place[:, None])
    cells = round(size / cell) + 2
    grid = rng.uniform(-1, 1, size=(cells, cells)).astype(np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)


def photograph(rng: Rng, image: np.ndarray, hardness: float) -> np.ndarray:
    """Light from one side, a colour cast, blur and noise: uint8 (S, S, 3)."""
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.2 + 0.6 * hardness)
    place = np.linspace(-0.5, 0.5, len(image), dtype=np.float32)
    light = 1 + strength * (np.cos(angle) * place + np.sin(angle) * place[:, None])
    cast = rng.uniform(0.85, 1.1, size=3).astype(np.float32)
    image = image * light[..., None].astype(np.float32) * cast
    if rng.random() < hardness:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.9))
    noise = rng.standard_normal(image.shape, np.float32)
    image = image + np.float32(0.01 + 0.03 * hardness) * noise
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8)
