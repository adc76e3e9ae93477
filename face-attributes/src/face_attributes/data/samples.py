"""Samples of training and evaluation, made of faces.

Every sample holds `image` float32 RGB (3, H, W) in [0, 1], and the `name` and `index` of its
image. One of a face also holds `attributes` int8 (A,), 1, -1 or 0 for not known, and `identity`,
a number from 0 or -1 for not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from face_attributes.data.augment import Augmentation
from face_attributes.data.faces import Face, Faces, Part, check_inside
from face_attributes.data.framing import cut_out, enlarged, face_box, whole
from face_attributes.data.pictures import read_picture
from vision_shared.images import READABLE
from vision_shared.inputs import InputError, natural_order


@dataclass(frozen=True)
class Regions:
    """What samples show of their images.

    Attributes:
        kind: ``whole`` images; ``box``, the faces' own, if `boxes` does not say others; or
            ``found``, boxes that are still to be found.
        context: factor that enlarges boxes around their centres.
        boxes: (N, 4), by the row of the face.
        listed_in: the file of these boxes, inside of whose images they have to lie.
    """

    kind: Literal["whole", "box", "found"]
    context: float = 1.0
    boxes: NDArray[np.float32] | None = None
    listed_in: Path | None = None

    def of(self, face: Face, index: int) -> NDArray[np.float32]:
        """The region (4,) of a face; raises `InputError` where it has no box, or one outside."""
        if self.kind == "whole":
            return whole(face.image)
        assert self.kind == "box"  # else `FaceData.show_found` has not been called
        if self.boxes is None:
            return enlarged(face_box(face), self.context)
        if self.listed_in is not None:
            height, width = face.image.shape[:2]
            check_inside(self.boxes[index], width, height, self.listed_in, Path(face.name))
        return enlarged(self.boxes[index], self.context)


class TrainingSamples(Dataset[dict[str, Any]]):
    """Augmented faces of one size, by the (index, seed) pairs of a sampler.

    They hold no box and no landmarks: nothing can learn from these by mistake.
    """

    def __init__(self, faces: Faces, regions: Regions, augmentation: Augmentation) -> None:
        self.faces = faces
        self.regions = regions
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: tuple[int, int]) -> dict[str, Any]:
        number, seed = index
        face = self.faces.read(number)
        image = self.augmentation(face.image, self.regions.of(face, number), seed)
        return make_sample(face, number, image)


class EvaluationSamples(Dataset[dict[str, Any]]):
    """Faces as they are, at one size.

    A sample also holds `box` float32 (4,) and `landmarks` (5, 2), in its own pixels, NaN where not
    known, and `cut` (4,), the rectangle of the image that it shows, in the image's pixels: a
    point p of the sample is `cut[:2] + p * (cut[2:] - cut[:2]) / (W, H)` of the image.
    """

    def __init__(self, faces: Faces, regions: Regions, size: tuple[int, int]) -> None:
        self.faces = faces
        self.regions = regions
        self.size = size

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> dict[str, Any]:
        face = self.faces.read(index)
        region = self.regions.of(face, index)
        image, cut = cut_out(face.image, region, self.size)
        return {
            **make_sample(face, index, image),
            "box": torch.from_numpy(cut.to_sample(face.box)),
            "landmarks": torch.from_numpy(cut.to_sample(face.landmarks)),
            "cut": torch.tensor(cut.box, dtype=torch.float32),
        }


class BackgroundSamples(Dataset[dict[str, Any]]):
    """Whole images without a face, at one size."""

    def __init__(self, paths: Sequence[Path], size: tuple[int, int]) -> None:
        self.paths = paths
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        picture = read_picture(self.paths[index])
        image, cut = cut_out(picture, whole(picture), self.size)
        return {
            "image": to_tensor(image),
            "name": self.paths[index].name,
            "index": index,
            "cut": torch.tensor(cut.box, dtype=torch.float32),
        }


def background_paths(folder: Path, part: Part) -> list[Path]:
    """The images of a folder: a first half for ``train`` and ``val``, the other for ``test``.

    Raises:
        FileNotFoundError: the folder is not there.
        InputError: it holds fewer than two images.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: not found, expected a folder of images without faces")
    paths = natural_order(path for path in folder.iterdir() if path.suffix.lower() in READABLE)
    if len(paths) < 2:
        raise InputError(f"{folder}: {len(paths)} images in it, expected 2 or more")
    half = len(paths) // 2
    return paths[half:] if part == "test" else paths[:half]


def make_sample(face: Face, index: int, image: NDArray[np.uint8]) -> dict[str, Any]:
    """Return a sample of a face: image (3, H, W) in [0, 1], attributes (A,), identity."""
    return {
        "image": to_tensor(image),
        "attributes": torch.from_numpy(face.attributes),
        "identity": face.identity,
        "name": face.name,
        "index": index,
    }


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """From uint8 (H, W, 3) to float32 (3, H, W) in [0, 1]."""
    planes = np.stack(cv2.split(image))  # three times as fast as a transposed copy
    return torch.from_numpy(planes).float().div_(255)
