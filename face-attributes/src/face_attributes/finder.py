"""Finding faces in images and describing them, with trained networks.

found = FaceFinder.shipped()(read_image("photo.jpg"))
finder = FaceFinder.from_checkpoint("lnet.ckpt", anet="anet.ckpt")
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face_attributes.boxes import enlarge_boxes
from face_attributes.data.framing import box_of_landmarks, whole
from face_attributes.localize import Localisation, Localizer, PyramidSearch
from face_attributes.models import ANet
from face_attributes.rebuilding import data_of, make_localizer, make_tagger, rebuild
from face_attributes.tagger import Tagger
from face_attributes.weights import SHIPPED_ANET, SHIPPED_FINDER
from vision_shared.checkpoints import (
    CheckpointError,
    fits_version,
    read_checkpoint,
)
from vision_shared.prediction import find_device

TASK = "face-attributes"

"""What comes with the package, a model card beside each."""


ALIGNED_SIZE = (218, 178)
ALIGNED_LANDMARKS = ((69.5, 111.0), (107.5, 111.0), (88.5, 137.0), (71.5, 152.0), (105.5, 152.0))
"""Where CelebA's aligned images have eyes, nose and mouth, in pixels."""

Crop = Literal["aligned", "whole"]
"""Pictures of one face each, where nothing has to be found: aligned as CelebA's are, or cut out."""


@dataclass(frozen=True)
class FoundFace:
    """A face.

    Attributes:
        box: left, top, right, bottom, pixels of the image.
        score: score of LNet, in units of its response; None where nothing was searched.
        attributes: probabilities in [0, 1] by name.
    """

    box: tuple[float, float, float, float]
    score: float | None
    attributes: dict[str, float]


@dataclass(frozen=True)
class Found:
    """What is in an image.

    Attributes:
        faces: sorted by score, descending; none is an answer.
        response: (H, W), LNet's averaged response; None where nothing was searched.
    """

    faces: list[FoundFace]
    response: Tensor | None


class FaceFinder:
    """Finds and describes the faces of images of any size.

    Args:
        localizer: finder of the faces; None takes each image for one face.
        tagger: describes them; None tells where they are and no more.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        crop: do not look for faces, see `Crop`; None looks, if there is a localizer.
        trained_on: the names of the data that the networks learned from, as far as they are known.

    Attributes:
        told: names of the attributes that answers hold; at first those that are not
            `unreliable`.
        looks: whether faces are looked for.

    Raises:
        ValueError: ``cuda`` without a usable GPU.
    """

    def __init__(
        self,
        localizer: Localizer | PyramidSearch | None,
        tagger: Tagger | None,
        device: str = "auto",
        crop: Crop | None = None,
        trained_on: Sequence[str] = (),
    ) -> None:
        self.device = find_device(device)
        names = () if tagger is None else tagger.names
        self.told = tuple(name for name in names if name not in unreliable(tagger))
        self.looks = localizer is not None and crop is None
        self.crop: Crop = crop or "whole"
        self.trained_on = trained_on
        self.localizer = localizer
        self.tagger = tagger
        lnets = () if localizer is None else (localizer.lnet_o, localizer.lnet_s)
        for network in (None if tagger is None else tagger.network, *lnets):
            if network is not None:
                network.to(self.device).eval()

    @classmethod
    def shipped(
        cls, anet: str | Path | None = None, device: str = "auto", crop: Crop | None = None
    ) -> Self:
        """Return the networks whose weights come with the package.

        Args: as `from_checkpoint`.

        Raises: as `from_checkpoint`.
        """
        if anet is None and SHIPPED_ANET.is_file():
            anet = SHIPPED_ANET
        return cls.from_checkpoint(SHIPPED_FINDER, anet, device, crop)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        anet: str | Path | None = None,
        device: str = "auto",
        crop: Crop | None = None,
    ) -> Self:
        """Rebuild what training runs of face-attributes wrote; the files alone are needed.

        Args:
            path: path of the networks of the method in one, of which those are used that have
                learned; or of an LNet, which finds faces, and describes them where there is no
                ANet; or of an ANet, which describes images that are cut out already.
            anet: checkpoint of an ANet that describes what is found, in place of whatever else
                would.
            device: see the class.
            crop: region as for the class.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: not a checkpoint of face-attributes, of this version, or of the kind.
            ValueError: as for the class.
        """
        checkpoint = read_checkpoint(path, task=TASK)
        network = rebuild(checkpoint)
        with fits_version(checkpoint.path):
            localizer = None if isinstance(network, ANet) else make_localizer(checkpoint, network)
        if anet is None:
            tagger = make_tagger(checkpoint, network)
            return cls(localizer, tagger, device, crop, data_of(checkpoint))
        if localizer is None:
            raise CheckpointError(f"{path}: an ANet, expected the LNet that finds its faces")
        other = read_checkpoint(anet, task=TASK)
        tagger = make_tagger(other, rebuild(other))
        if tagger is None or not isinstance(tagger.network, ANet):
            raise CheckpointError(f"{anet}: an LNet, expected an ANet that describes faces")
        return cls(localizer, tagger, device, crop, data_of(checkpoint, other))

    def only(self, told: Sequence[str]) -> Self:
        """Return a finder that tells of these attributes alone."""
        other = copy(self)
        other.told = tuple(told)
        return other

    @torch.no_grad()
    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Look at an image (H, W, 3), RGB uint8."""
        pixels = self._to_device(image)
        if self.localizer is None or not self.looks:
            return Found(self._describe_one(pixels, image), None)
        found = self.localizer(pixels)
        said = self._describe(pixels, found.boxes)
        return Found(self._faces(found.boxes, found.scores.tolist(), said), found.response)

    def find(self, image: NDArray[np.uint8]) -> Localisation:
        """Look for the faces of an image (H, W, 3), RGB uint8, without describing them.

        Raises:
            ValueError: there is no network that finds faces.
        """
        if self.localizer is None:
            raise ValueError("expected a network that finds faces, got an ANet alone")
        return self.localizer(self._to_device(image))

    def _to_device(self, image: NDArray[np.uint8]) -> Tensor:
        levels = torch.from_numpy(np.require(image, requirements=["C", "W"]))
        return levels.to(self.device).permute(2, 0, 1).float() / 255

    def _describe(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """(N, 4) -> (N, A) in [0, 1]; no column without what describes faces."""
        if self.tagger is None:
            return boxes.new_zeros(len(boxes), 0)
        return self.tagger(pixels, enlarge_boxes(boxes, self.tagger.context))

    def _describe_one(self, pixels: Tensor, image: NDArray[np.uint8]) -> list[FoundFace]:
        """Take the image for a face, and show the tagger what it learned from."""
        box = aligned_box(image) if self.crop == "aligned" else whole(image)
        boxes = torch.from_numpy(box)[None].to(self.device)
        if self.tagger is None:
            return self._faces(boxes, [None], self._describe(pixels, boxes))
        regions = boxes
        if self.crop == "aligned" and self.tagger.learned_from == "whole":
            regions = torch.from_numpy(whole(image))[None].to(self.device)
        elif self.crop == "aligned":
            regions = enlarge_boxes(boxes, self.tagger.context)
        return self._faces(boxes, [None], self.tagger(pixels, regions))

    def _faces(
        self, boxes: Tensor, scores: Sequence[float | None], said: Tensor
    ) -> list[FoundFace]:
        names = () if self.tagger is None else self.tagger.names
        return [
            FoundFace(
                (box[0], box[1], box[2], box[3]),
                score,
                {n: p for n, p in zip(names, row, strict=True) if n in self.told},
            )
            for box, score, row in zip(boxes.tolist(), scores, said.tolist(), strict=True)
        ]


def unreliable(tagger: Tagger | None) -> frozenset[str]:
    """Return the attributes that did not hold on photographs, as far as that was measured."""
    if tagger is None or tagger.reliable is None:
        return frozenset()
    return frozenset(tagger.names) - frozenset(tagger.reliable)


def aligned_box(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the box (4,) of the head in an image (H, W, 3) that is aligned as CelebA's are."""
    scale = np.array(image.shape[1::-1]) / np.array(ALIGNED_SIZE[::-1])
    return box_of_landmarks(np.array(ALIGNED_LANDMARKS) * scale)
