"""Scenes in exact motion cut from photographs, and people in motion: clips of five frames.

A photograph is the background, and up to six pieces of others move before it: blobs, polygons,
limbs and letters, some of them transparent, some fixed to the screen as a logo is. People are those
of `synthetic_people`, who walk before a camera that pans.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from vision_shared.inputs import new_file
from voxel_flow.data.clips import open_clip, write_header
from voxel_flow.data.moving_layers import Layer, Motion, draw_frame, draw_motion
from voxel_flow.data.recording import record

TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
MARGIN = 48  # pixels of background beyond the frame
MAX_SPEED = 60.0  # pixels from the first frame to the last, of a piece; of the background 2/3 of it
DULL = 12.0  # levels of deviation: below, a piece is an empty sky
VERSION = 1  # raise it when a cached scene would differ

Photographs = list[np.ndarray]  # uint8 RGB, of any sizes
log = logging.getLogger(__name__)


def photo_scenes(folder: Path, photographs: Photographs, number: int, size: int) -> np.ndarray:
    """Return scenes from photographs, drawn once and kept: uint8 RGB (N, 5, size, size, 3)."""
    key = hashlib.sha256(b"".join(hashlib.sha256(p.tobytes()).digest() for p in photographs))
    name = f"photo-scenes-{number}-{size}-v{VERSION}-{key.hexdigest()[:12]}.npy"
    return _kept(folder / name, number, lambda index: photo_scene(photographs, size, index))


def people_scenes(folder: Path, number: int, size: int) -> np.ndarray:
    """Return people in motion, rendered once and kept: uint8 RGB (N, 5, size, size, 3).

    People, poses and backgrounds are of the training split of `synthetic_people`.
    """
    from synthetic_people import scene  # compiles its loops: only training pays
    from synthetic_people.backgrounds import Backgrounds

    backgrounds = Backgrounds(split="train")

    def render(index: int) -> np.ndarray:
        moments = scene.motion(0, index, size, size, backgrounds, index, frames=len(TIMES))
        return np.stack([moment.image for moment in moments])

    return _kept(folder / f"people-scenes-{number}-{size}-v{VERSION}.npy", number, render)


def _kept(file: Path, number: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """Draw scenes into a file that appears when it is whole; return them, (N, 5, S, S, 3)."""
    if not file.exists():
        log.info("drawing %d scenes: %s", number, file)
        with new_file(file, overwrite=True) as part, part.open("wb") as out:
            first = draw(0)
            write_header(out, number * len(first), first.shape[1:])
            out.write(first.tobytes())
            for index in range(1, number):
                out.write(draw(index).tobytes())
    frames = open_clip(file)
    return frames.reshape(number, -1, *frames.shape[1:])


def photo_scene(photographs: Photographs, size: int, seed: int) -> np.ndarray:
    """Return a scene at `TIMES`, the same for the same seed: uint8 RGB (5, size, size, 3)."""
    rng = np.random.default_rng(seed)
    layers = draw_layers(photographs, size, rng)
    shutter = rng.uniform(0.05, 0.25) if rng.random() < 0.12 else 0.0
    frames = [expose(layers, size, time, shutter) for time in TIMES]
    if rng.random() < 0.25:  # the light changes
        gain = rng.normal(0, 0.06)
        gains = [1 + gain * (time - 0.5) for time in TIMES]
        frames = [
            cv2.convertScaleAbs(frame, alpha=g) for frame, g in zip(frames, gains, strict=True)
        ]
    return np.stack(record(frames, rng))


def expose(layers: list[Layer], size: int, time: float, shutter: float) -> np.ndarray:
    """Return a frame, blurred by what moves while the shutter is open."""
    if not shutter:
        return draw_frame(layers, size, time)
    moments = np.linspace(-shutter, shutter, 5)
    total = np.zeros((size, size, 3), np.float32)
    for moment in moments:
        cv2.accumulate(draw_frame(layers, size, time + moment), total)
    return cv2.convertScaleAbs(total, alpha=1 / len(moments))


def draw_layers(photographs: Photographs, size: int, rng: np.random.Generator) -> list[Layer]:
    """Return a random scene: the background, then what moves before it."""
    side = size + 2 * MARGIN
    camera = Motion(np.full(2, size / 2))  # stands still
    if rng.random() < 0.8:
        camera = draw_motion(rng, camera.centre, MAX_SPEED * 2 / 3, size)
    corner = rng.uniform(-0.5, 0.5, 2) - MARGIN
    layers = [Layer(texture(photographs, side, side, rng), corner, camera)]
    for _ in range(rng.integers(0 if rng.random() < 0.15 else 1, 7)):
        layers.append(draw_piece(photographs, size, camera, rng))
    return layers


def draw_piece(
    photographs: Photographs, size: int, camera: Motion, rng: np.random.Generator
) -> Layer:
    """Return a layer of random shape, textured from photographs, in a motion of its own.

    Half of them follow the background (``camera``) with a small motion of their own; some stand
    still, as logos do, have no texture, or are half transparent.
    """
    height, width = (int(s * size / 256) for s in np.exp(rng.uniform(np.log(24), np.log(200), 2)))
    place = rng.uniform(0.05, 0.95, 2) * size
    image = np.dstack([texture(photographs, height, width, rng), draw_shape(height, width, rng)])
    if rng.random() < 0.08:
        image[..., :3] = rng.integers(0, 256, 3)  # without texture
    if rng.random() < 0.08:
        image[..., 3] //= 2  # glass, smoke, a shadow
    motion = draw_motion(rng, place, MAX_SPEED, max(height, width))
    kind = rng.random()
    if kind < 0.12:  # a logo
        motion = Motion(place)
    elif kind < 0.6:  # goes with the background, and a little on its own
        vx, vy = camera.velocity(*place)
        motion.shift = motion.shift * rng.uniform(0, 0.5) + np.array([vx, vy])
        motion.linear = 0.7 * (motion.linear + camera.linear)
    corner = place - np.array([width, height]) / 2 + rng.uniform(-0.5, 0.5, 2)
    return Layer(image, corner, motion)


def texture(
    photographs: Photographs, height: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a turned, scaled and recoloured piece of a photograph, (height, width, 3) uint8."""
    piece = np.zeros((height, width, 3), np.uint8)
    for _ in range(3):
        photograph = photographs[rng.integers(len(photographs))]
        piece = crop(photograph, height, width, rng)
        if piece.std() > DULL:
            break
    if rng.random() < 0.5:
        scaled = piece * rng.uniform(0.6, 1.3) + rng.uniform(-25, 25)
        piece = scaled.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        piece = np.ascontiguousarray(piece[..., rng.permutation(3)])
    return piece


def crop(photograph: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random part, turned, mirrored and scaled by 0.6 to 1.4; reflected at the border."""
    angle = np.deg2rad(rng.normal(0, 15) + (rng.integers(4) * 90 if rng.random() < 0.3 else 0))
    scale = np.exp(rng.uniform(*np.log((0.6, 1.4))))  # pixels of the photograph to one of ours
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    mirror = rng.choice([-1, 1])
    turn = np.array([[c * mirror, -s], [s * mirror, c]])
    reach = np.abs(turn) @ [width / 2, height / 2]
    size = np.array(photograph.shape[1::-1])
    slack = (size / 2 - reach).clip(0)
    middle = size / 2 + slack * rng.uniform(-1, 1, 2)
    matrix = np.c_[turn, middle - turn @ [width / 2, height / 2]]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        photograph, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )


def draw_shape(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a blob, a polygon, a limb of strokes or letters, soft at the edge: (H, W) uint8."""
    mask = np.zeros((height, width), np.uint8)
    middle, radius = np.array([width, height]) / 2, np.array([width, height]) / 2 - 4
    kind = rng.random()
    if kind < 0.45:
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        waves = [
            rng.normal(0, 0.3 / k) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(2, 7)
        ]
        fill(mask, middle, radius, angles, 1 + np.sum(waves, 0))
    elif kind < 0.75:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 10)))
        fill(mask, middle, radius, angles, rng.uniform(0.4, 1, len(angles)))
    elif kind < 0.92:
        points = middle + radius * rng.uniform(-0.9, 0.9, (rng.integers(2, 6), 2))
        thickness = int(rng.uniform(2, max(min(height, width) / 5, 3)))
        cv2.polylines(mask, [np.round(points).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    else:
        text = "".join(chr(c) for c in rng.integers(48, 123, rng.integers(2, 7)))
        scale = height / 60 * rng.uniform(0.4, 1.2)
        corner, font = (4, int(height * 0.7)), int(rng.integers(8))
        cv2.putText(mask, text, corner, font, scale, 255, max(1, int(2 * scale)), cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), rng.choice([0.4, 0.6, 0.9, 1.8]))


def fill(
    mask: np.ndarray, middle: np.ndarray, radius: np.ndarray, angles: np.ndarray, reach: np.ndarray
) -> None:
    """Fill a star-shaped outline, whose reach is a share of the radius at each angle."""
    reach = (reach / max(reach.max(), 1e-3)).clip(0.1)
    points = middle + radius * np.c_[np.cos(angles), np.sin(angles)] * reach[:, None]
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
