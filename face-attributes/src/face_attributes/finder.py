"""Finding faces in pictures and describing them, with trained networks.

finder = FaceFinder.from_checkpoint("lnet.ckpt", anet="anet.ckpt")
found = finder(read_image("photo.jpg"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_attributes.boxes import enlarge_boxes
from face_attributes.localize import Localizer, crop_regions
from face_attributes.models import build_network
from vision_shared.checkpoints import Checkpoint, CheckpointError, read_checkpoint
from vision_shared.prediction import find_device, rebuild_network

TASK = "face-attributes"

SURROUNDINGS = 2.0
"""What LNet is shown of a face that it found, times the box: it learnt from heads in pictures."""


@dataclass(frozen=True)
class FoundFace:
    """A face.

    Attributes:
        box: left, top, right, bottom, pixels of the picture.
        score: of LNet, in units of its response; None where the whole picture is the face.
        attributes: probabilities in [0, 1] by name.
    """

    box: tuple[float, float, float, float]
    score: float | None
    attributes: dict[str, float]


@dataclass(frozen=True)
class Found:
    """What is in a picture.

    Attributes:
        faces: best first; none is an answer.
        response: (H, W), LNet's averaged response; None where nothing was searched.
    """

    faces: list[FoundFace]
    response: Tensor | None


@dataclass(frozen=True)
class Tagger:
    """A network that describes regions of pictures.

    Attributes:
        network: from `face_attributes.models.build_network`.
        names: of its attributes.
        size: height and width of what it is shown, pixels.
        context: what it is shown of a region, times the region's sides.
    """

    network: nn.Module
    names: Sequence[str]
    size: tuple[int, int]
    context: float

    def __call__(self, image: Tensor, regions: Tensor) -> Tensor:
        """(3, H, W) in [0, 1] and (N, 4) -> probabilities (N, A)."""
        pictures, _ = crop_regions(image, enlarge_boxes(regions, self.context), self.size)
        if len(regions) == 0:
            return image.new_zeros(0, len(self.names))
        return self.network(pictures).logits.sigmoid()


class FaceFinder:
    """Finds and describes the faces of pictures of any size.

    Args:
        localizer: where faces are; None takes each picture whole for one face.
        tagger: describes them.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        told: names of the attributes that answers hold; None is all.

    Raises:
        ValueError: ``cuda`` without a usable GPU.
    """

    def __init__(
        self,
        localizer: Localizer | None,
        tagger: Tagger,
        device: str = "auto",
        told: Sequence[str] | None = None,
    ) -> None:
        self.device = find_device(device)
        self.told = tuple(tagger.names if told is None else told)
        self.localizer = localizer
        self.tagger = tagger
        for network in (tagger.network, None if localizer is None else localizer.lnet_o):
            if network is not None:
                network.to(self.device).eval()

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, anet: str | Path | None = None, device: str = "auto"
    ) -> Self:
        """Rebuild what training runs of face-attributes wrote; the files alone are needed.

        Args:
            path: of an LNet, which finds faces, and describes them where there is no ANet; or of an
                ANet, which describes pictures that are cut out already.
            anet: of an ANet that describes what the LNet finds.
            device: as for the class.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: not a checkpoint of face-attributes, of this version, or of the kind.
            ValueError: as for the class.
        """
        checkpoint = read_checkpoint(path, task=TASK)
        settings = checkpoint.hyper_parameters.get("localizer")
        tagger = _tagger(checkpoint)
        if settings is None:
            if anet is not None:
                raise CheckpointError(f"{path}: an ANet, expected the LNet that finds its faces")
            return cls(None, replace(tagger, context=1.0), device)
        net: Any = tagger.network
        search: dict[str, Any] = {**settings}
        search["image_side"] = settings.get("image_side") or min(tagger.size)
        localizer = Localizer(net, threshold=float(net.threshold), **search)
        if anet is None:
            return cls(localizer, tagger, device)
        other = read_checkpoint(anet, task=TASK)
        if other.hyper_parameters.get("localizer") is not None:
            raise CheckpointError(f"{anet}: an LNet, expected an ANet that describes faces")
        return cls(localizer, _tagger(other), device)

    def only(self, told: Sequence[str]) -> Self:
        """Return a finder that tells of these attributes alone."""
        return type(self)(self.localizer, self.tagger, self.device.type, told)

    @torch.no_grad()
    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Look at a picture (H, W, 3), RGB uint8."""
        pixels = torch.from_numpy(image).to(self.device).permute(2, 0, 1).float() / 255
        if self.localizer is None:
            whole = pixels.new_tensor([[0, 0, image.shape[1], image.shape[0]]])
            return Found(self._describe(pixels, whole, [None]), None)
        found = self.localizer(pixels)
        return Found(self._describe(pixels, found.boxes, found.scores.tolist()), found.response)

    def _describe(
        self, pixels: Tensor, boxes: Tensor, scores: Sequence[float | None]
    ) -> list[FoundFace]:
        rows = self.tagger(pixels, boxes).tolist()
        return [
            FoundFace(
                (box[0], box[1], box[2], box[3]),
                score,
                {n: p for n, p in zip(self.tagger.names, row, strict=True) if n in self.told},
            )
            for box, score, row in zip(boxes.tolist(), scores, rows, strict=True)
        ]


def _tagger(checkpoint: Checkpoint) -> Tagger:
    network: Any = rebuild_network(checkpoint, _build)
    values, settings = checkpoint.data.get("values", {}), checkpoint.hyper_parameters
    if settings["localizer"] is None:
        context = float(values.get("context", 1.0))
        return Tagger(network, settings["attributes"], network.patch, context)
    side = network.trunk.input_size
    height, width = values.get("eval_size") or values.get("size") or (side, side)
    return Tagger(network, settings["attributes"], (height, width), SURROUNDINGS)


def _build(hyper_parameters: Mapping[str, Any]) -> nn.Module:
    number = len(hyper_parameters["attributes"])
    return build_network(num_outputs=number, **hyper_parameters["network"])
