"""A burst: the few frames that a camera takes around a moment, or a clip as short."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from vision_shared.inputs import InputError
from vision_shared.video.animation import open_video
from vision_shared.video.annotation import upright
from voxel_flow.interpolation.scene_cuts import mark_cuts
from voxel_flow.interpolation.stills import ImageSequence

LONGEST = 120
"""Frames: 4 seconds at 30 per second. All are held in memory, at `SIDE`."""
SIDE = 960
"""Pixels of the longer side at which a burst is scored and its loop is made."""
IMAGES_RATE = Fraction(10)
"""Images per second that cameras take in a burst, about; image files keep no rate."""

Image = np.ndarray  # uint8 RGB, (H, W, 3)


@dataclass(frozen=True)
class Burst:
    """The frames of one scene, upright.

    Attributes:
        paths: the images, in order; or the one clip.
        images: (H, W, 3) RGB, of one size, at most `SIDE` pixels long.
        first: index of ``images[0]`` among the source's frames: those of other scenes are left out.
        rate: frames per second.
        num_left_out: frames of other scenes.
    """

    paths: tuple[Path, ...]
    images: tuple[Image, ...]
    first: int
    rate: Fraction
    num_left_out: int


def read_burst(paths: Sequence[Path], *, are_images: bool) -> Burst:
    """Read a burst; of several scenes the longest.

    Raises:
        InputError: it cannot be read, has one frame or too many, or its images differ in size.
    """
    source = ImageSequence(paths, IMAGES_RATE) if are_images else open_video(paths[0], None)
    scenes: list[list[Image]] = [[]]
    with closing(source):
        for timed, starts_scene, _ in mark_cuts(source.frames()):
            if starts_scene:
                scenes.append([])
            scenes[-1].append(shrink(upright(timed.frame), SIDE))
            if sum(map(len, scenes)) > LONGEST:
                raise InputError(
                    f"{paths[0]}: more than {LONGEST} frames; a burst is short: cut it before"
                )
        if source.damage is not None:
            raise InputError(source.damage)
        longest = max(range(len(scenes)), key=lambda k: len(scenes[k]))
        images = scenes[longest]
        if len(images) < 2:
            raise InputError(f"{paths[0]}: expected two frames or more of one scene, got one")
        first = sum(map(len, scenes[:longest]))
        total = sum(map(len, scenes))
        return Burst(tuple(paths), tuple(images), first, source.rate, total - len(images))


def read_frame(path: Path, index: int) -> Image:
    """Return a clip's frame at full size, upright."""
    with closing(open_video(path, None)) as source:
        for number, timed in enumerate(source.frames()):
            if number == index:
                return upright(timed.frame)
    raise InputError(f"{path}: has no frame {index} any more")


def shrink(image: Image, side: int) -> Image:
    """Return an image no longer than ``side`` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
