"""Textured sprites moving over a textured ground: frames whose flow and occlusion are known.

Every layer moves in a straight line at constant velocity, so the scene has an exact frame at any
time. Coordinates are x then y in pixels, (0, 0) the centre of the top-left pixel; time 0 and 1 are
those of the two inputs, so a velocity is in pixels per frame step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

NUM_SPRITES = (2, 4)
"""Fewest and most in a scene."""

CELL_SIZES = (40, 14, 6)
"""Pixels, of a texture's octaves of noise. Finer ones would change under bilinear reading."""


@dataclass(frozen=True)
class Layer:
    """A textured shape in uniform motion.

    Attributes:
        texture: (H + 2 M, W + 2 M, 4) float32, RGB and opacity in [0, 1]; at time 0 its element
            [M + y, M + x] lies on pixel (x, y).
        velocity: x then y, pixels per frame step.
    """

    texture: np.ndarray
    velocity: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """Layers over one another, from the ground up, seen in frames of size x size pixels.

    The ground is opaque. The textures' margin M is more than twice the largest velocity along
    either axis: one layer is also read at the places of another one.
    """

    size: int
    layers: Sequence[Layer]

    def frame(self, time: float) -> np.ndarray:
        """The image at a time in [0, 1], float32 RGB (H, W, 3) in [0, 1]."""
        image = np.zeros((self.size, self.size, 3), np.float32)
        for layer in self.layers:
            seen = read(layer.texture, -time * np.array(layer.velocity), self.size)
            image += seen[..., 3:] * (seen[..., :3] - image)
        return image

    def flow(self, time: float) -> np.ndarray:
        """Velocity of what each pixel shows at a time, float32 (H, W, 2), pixels per frame step."""
        velocities = np.array([layer.velocity for layer in self.layers], np.float32)
        return velocities[self.top_layer(time)]

    def visible(self, time: float, source: float) -> np.ndarray:
        """Whether what a pixel shows at `time` also shows in the frame at time `source`, (H, W).

        Not where it has left that frame, nor where a higher layer covers it there.
        """
        steps, top = source - time, self.top_layer(time)
        place = np.mgrid[: self.size, : self.size][::-1].transpose(1, 2, 0)  # (H, W, 2), x then y
        place = place + steps * self.flow(time)
        shown: np.ndarray = np.all((place >= 0) & (place <= self.size - 1), axis=-1)
        for index, layer in enumerate(self.layers):
            for above in self.layers[index + 1 :]:
                shift = steps * np.array(layer.velocity) - source * np.array(above.velocity)
                shown &= (top != index) | ~covers(above, shift, self.size)
        return shown

    def top_layer(self, time: float) -> np.ndarray:
        """Index of the highest layer that covers each pixel at a time, (H, W)."""
        top = np.zeros((self.size, self.size), np.int64)
        for index, layer in enumerate(self.layers[1:], start=1):
            top[covers(layer, -time * np.array(layer.velocity), self.size)] = index
        return top


def covers(layer: Layer, shift: np.ndarray, size: int) -> np.ndarray:
    """Whether the layer is more than half opaque at every pixel plus `shift`, (size, size)."""
    return read(layer.texture[..., 3], shift, size) > 0.5


def read(texture: np.ndarray, shift: np.ndarray, size: int) -> np.ndarray:
    """The texture at every pixel plus `shift` (x, y), bilinear: (size, size, ...)."""
    margin = (texture.shape[0] - size) // 2
    left, up = int(np.floor(shift[0])), int(np.floor(shift[1]))
    window = texture[margin + up :, margin + left :][: size + 1, : size + 1]
    right_weight, low_weight = np.float32(shift[0] - left), np.float32(shift[1] - up)
    rows = (1 - low_weight) * window[:-1] + low_weight * window[1:]
    return (1 - right_weight) * rows[:, :-1] + right_weight * rows[:, 1:]


def draw_scene(seed: tuple[int, ...], size: int, max_velocity: float) -> Scene:
    """A random scene, the same for the same arguments.

    Args:
        seed: not negative.
        size: size of the frames, in pixels.
        max_velocity: largest velocity of every layer along either axis, in pixels per frame step.
    """
    rng = np.random.default_rng(seed)
    margin = ceil(2 * max_velocity) + 1
    canvas = size + 2 * margin
    opacities = [np.ones((canvas, canvas), np.float32)]
    num_sprites = rng.integers(NUM_SPRITES[0], NUM_SPRITES[1] + 1)
    opacities += [draw_sprite(rng, size, margin) for _ in range(num_sprites)]
    layers = []
    for opacity in opacities:
        across, down = rng.uniform(-max_velocity, max_velocity, size=2)
        texture = np.dstack([draw_texture(rng, canvas), opacity])
        layers.append(Layer(texture, (float(across), float(down))))
    return Scene(size, layers)


def draw_texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise of several octaves over two colours with soft edges between, (size, size, 3)."""
    image = np.full((size, size, 3), rng.uniform(0.2, 0.8, size=3), np.float32)
    edges = np.tanh(8 * draw_noise(rng, size, CELL_SIZES[0], 1))  # about 2 px wide
    image += 0.25 * rng.uniform(-1, 1, size=3).astype(np.float32) * edges[..., None]
    for octave, cell_size in enumerate(CELL_SIZES):
        image += 0.2 * 0.7**octave * draw_noise(rng, size, cell_size, 3)
    return image.clip(0, 1)


def draw_noise(rng: np.random.Generator, size: int, cell_size: int, channels: int) -> np.ndarray:
    """Smooth noise, about [-1, 1]: (size, size, channels), without the last axis if it is 1."""
    cells = ceil(size / cell_size) + 1
    grid = rng.uniform(-1, 1, size=(cells, cells, channels)).astype(np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)


def draw_sprite(rng: np.random.Generator, size: int, margin: int) -> np.ndarray:
    """Opacity of a random ellipse or rectangle with a border 1 px wide, a whole texture's."""
    centre = margin + rng.uniform(0.15, 0.85, size=2) * size
    radii = rng.uniform(0.08, 0.25, size=2) * size
    angle = rng.uniform(0, np.pi)
    place = np.arange(size + 2 * margin, dtype=np.float32)
    x, y = np.meshgrid(place - centre[0], place - centre[1])
    along = abs(x * np.cos(angle) + y * np.sin(angle)) / radii[0]
    across = abs(y * np.cos(angle) - x * np.sin(angle)) / radii[1]
    distance = np.hypot(along, across) if rng.random() < 0.5 else np.maximum(along, across)
    return ((1 - distance) * radii.min() + 0.5).clip(0, 1).astype(np.float32)


class RenderedTriplets(Dataset[dict[str, Any]]):
    """Scenes rendered on the fly: two frames, the one between, its exact flow and visibility.

    A sample is `frames` (2, 3, S, S) and `target` (3, S, S), float32 RGB in [0, 1], `time` (),
    `flow` (2, S, S) in pixels per frame step at the target's pixels, `visible` (2, S, S) bool,
    whether a target pixel shows in each frame, and `clip`, always 0.

    Args:
        numbers: numbers of the scenes; data sets without a number in common share no scene.
        size: S, in pixels.
        max_velocity: along either axis, in pixels per frame step.
        off_centre: fraction of the scenes with a target at a random time, not 1/2.
        seed: seed of all scenes.
    """

    def __init__(
        self,
        numbers: range,
        *,
        size: int,
        max_velocity: float,
        off_centre: float,
        seed: int,
    ) -> None:
        self.numbers = numbers
        self.size = size
        self.max_velocity = max_velocity
        self.off_centre = off_centre
        self.seed = seed

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def clip_indices(self) -> list[int]:
        """The clip of every sample."""
        return [0] * len(self)

    def __getitem__(self, index: int | tuple[int, int]) -> dict[str, Any]:
        # A sampler may add a seed, but there is nothing left to draw.
        number = self.numbers[index[0] if isinstance(index, tuple) else index]
        scene = draw_scene((self.seed, number), self.size, self.max_velocity)
        rng = np.random.default_rng((self.seed, number, 1))
        time = rng.uniform(0.1, 0.9) if rng.random() < self.off_centre else 0.5
        images = [torch.from_numpy(scene.frame(t)).permute(2, 0, 1) for t in (0.0, 1.0, time)]
        visible = [torch.from_numpy(scene.visible(time, source)) for source in (0.0, 1.0)]
        return {
            "frames": torch.stack(images[:2]),
            "target": images[2].contiguous(),
            "time": torch.tensor(time, dtype=torch.float32),
            "flow": torch.from_numpy(scene.flow(time)).permute(2, 0, 1).contiguous(),
            "visible": torch.stack(visible),
            "clip": 0,
        }
