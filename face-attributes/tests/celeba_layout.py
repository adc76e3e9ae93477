"""A small data set in CelebA's layout, of noise: what tests of reading and loading need."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from face_attributes.data.names import CELEBA_ATTRIBUTES, LANDMARKS
from face_attributes.data.text import write_table

SIDE = 48
BOX = (8, 10, 28, 36)
"""x, y, width and height of the first face; the others are a few pixels aside."""


def write_celeba(folder: Path, people: Sequence[int], images: int, backgrounds: int) -> Path:
    """Write images of noise with random labels, and return the folder.

    Args:
        folder: new.
        people: identities of train, val and test.
        images: images of each.
        backgrounds: images without faces.
    """
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(sum(people)), images)
    splits = np.repeat(np.repeat(np.arange(3), people), images)
    names = np.array([f"{n:06d}.jpg" for n in range(1, len(owners) + 1)]).astype("S")
    for directory in ("Img/img_celeba", "Anno", "Eval", "backgrounds"):
        (folder / directory).mkdir(parents=True)
    for name in names:
        _write_noise(folder / "Img/img_celeba" / name.decode(), rng)
    for n in range(1, backgrounds + 1):
        _write_noise(folder / "backgrounds" / f"{n:06d}.jpg", rng)
    aside = rng.integers(-3, 4, (len(names), 2))
    boxes = np.concatenate([aside + BOX[:2], np.tile(BOX[2:], (len(names), 1))], 1)
    face = np.array([(17, 28), (27, 28), (22, 33), (18, 38), (26, 38)])
    labels = rng.choice([-1, 1], (len(names), len(CELEBA_ATTRIBUTES)))
    anno = folder / "Anno"
    write_table(anno / "list_attr_celeba.txt", names, labels, CELEBA_ATTRIBUTES)
    columns = ("image_id", "x_1", "y_1", "width", "height")
    write_table(anno / "list_bbox_celeba.txt", names, boxes, columns)
    points = (face[None] + aside[:, None]).reshape(len(names), -1)
    axes = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
    write_table(anno / "list_landmarks_celeba.txt", names, points, axes)
    write_table(anno / "identity_CelebA.txt", names, owners[:, None] + 1)
    write_table(folder / "Eval/list_eval_partition.txt", names, splits[:, None])
    return folder


def _write_noise(path: Path, rng: np.random.Generator) -> None:
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
    coarse.resize((SIDE, SIDE)).save(path, quality=95)
