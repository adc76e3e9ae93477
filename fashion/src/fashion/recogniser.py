"""Finding, aligning and describing garments with a trained network.

recogniser = GarmentRecogniser.from_checkpoint("best.ckpt")
for garment in recogniser(read_image("photo.jpg")):
    print(garment.category, garment.box)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fashion.agreement import of_type, states_of_type
from fashion.data.framing import PADDING, Frame, enlarged, letterbox, whole
from fashion.data.samples import RegionMode, to_tensor
from fashion.data.taxonomy import UNKNOWN
from fashion.garment import Box, Garment, Picture
from fashion.models import Alignment, Pipeline, Recognition, build_pipeline, one_per_garment
from fashion.weights import SHIPPED
from vision_shared.checkpoints import fits_version, read_checkpoint
from vision_shared.prediction import find_device, rebuild_network

TASK = "fashion"

MIN_SCORE = 0.4
"""Of a garment that is reported, unless it is said otherwise.

Scores are probabilities for the part that they were calibrated on, rendered people for the weights
that ship, and low for photographs: chosen on development photographs.
"""


@dataclass(frozen=True)
class Framing:
    """What a network is shown of an image.

    Attributes:
        region: ``box``, what is in a garment's box, or ``whole`` images.
        context: factor that enlarges boxes around their centres.
        size: height and width that it is letterboxed to.
    """

    region: RegionMode
    context: float
    size: Sequence[int]


class Boxes(NamedTuple):
    """Where a detector sees garments in an image, sorted by score, descending.

    Attributes:
        boxes: (N, 4) float32, left, top, right, bottom, pixels of the image.
        scores: (N,) in [0, 1].
        types: (N,) int64.
    """

    boxes: Tensor
    scores: Tensor
    types: Tensor


class GarmentRecogniser:
    """Describes the garments of images of any size; a `fashion.garment.Recogniser`.

    Without a detector an image is one garment.

    Args:
        network: the networks; they are put into evaluation.
        categories: names of the C categories.
        attributes: names of the A attributes.
        framing: region that the network is shown.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``; or where they are.
        min_score: smallest score of the garments that are reported.
        category_types: the type of each category, which category and landmarks of one answer agree
            about; empty where that is not known.

    Raises:
        ValueError: ``cuda`` without a usable GPU.
    """

    def __init__(
        self,
        network: Pipeline,
        categories: Sequence[str],
        attributes: Sequence[str],
        framing: Framing,
        device: str | torch.device = "auto",
        min_score: float = MIN_SCORE,
        category_types: Sequence[int] = (),
    ) -> None:
        self.device = find_device(device) if isinstance(device, str) else device
        self.network = network.to(self.device).eval()
        self.categories, self.attributes = tuple(categories), tuple(attributes)
        self.framing = framing
        self.min_score = min_score
        self.category_types = tuple(category_types)

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, device: str = "auto", min_score: float = MIN_SCORE
    ) -> Self:
        """Rebuild what a training run of fashion wrote; the file alone is needed.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: not a checkpoint of fashion, or not one of this version.
            ValueError: as for the class.
        """
        checkpoint = read_checkpoint(path, task=TASK)
        network = rebuild_network(checkpoint, _build)
        assert isinstance(network, Pipeline)
        settings = checkpoint.hyper_parameters
        with fits_version(checkpoint.path):
            framing = Framing(**settings["framing"])
        names = settings["categories"], settings["attributes"]
        types = settings.get("category_types", ())
        return cls(network, *names, framing, device, min_score, types)

    @classmethod
    def shipped(cls, device: str = "auto") -> Self:
        """Return a recogniser with the weights that come with the package."""
        return cls.from_checkpoint(SHIPPED, device)

    @property
    def transform(self) -> Mapping[str, Any]:
        """What becomes of an image before the networks, in plain values."""
        detector = self.network.detector
        looked_for = None
        if detector is not None:
            looked_for = {"size": detector.size, "min_score": self.min_score}
        return {**asdict(self.framing), "padding": PADDING, "detector": looked_for}

    @property
    def embeds(self) -> bool:
        """Whether garments have a category, attributes and an embedding, or landmarks alone."""
        return hasattr(self.network.network, "embedding")

    @torch.no_grad()
    def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
        """Describe the garments of an image (H, W, 3) RGB uint8, sorted by score, descending.

        Args:
            image: the image.
            box: box of the one garment to describe, in pixels, in place of what the detector finds.
        """
        found = self._reported(image, box)
        if not len(found.boxes):
            return []
        framed = [self.frame(image, b) for b in found.boxes.numpy()]
        answer = self.answer([sample for sample, _ in framed])
        frames = [frame for _, frame in framed]
        return [self._garment(found, answer, frames, i) for i in range(len(frames))]

    @torch.no_grad()
    def find(self, image: Picture) -> Boxes:
        """Return all that the detector sees, however unsure it is.

        Raises:
            ValueError: there is no detector.
        """
        detector = self.network.detector
        if detector is None:
            raise ValueError("expected networks with a detector, got one without")
        sample, frame = letterbox(image, whole(image), (detector.size, detector.size))
        (seen,) = detector([to_tensor(sample).to(self.device)])
        fractions = seen.boxes.cpu().numpy() / detector.size
        boxes = [frame.box_to_picture(box) for box in fractions]
        limits = np.tile(image.shape[1::-1], 2).astype(np.float32)
        placed = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, limits)
        return Boxes(torch.from_numpy(placed), seen.scores.cpu(), seen.types.cpu())

    def one_each(self, found: Boxes) -> Boxes:
        """Return of the boxes of one garment, of whatever types, the one of the highest score."""
        detector = self.network.detector
        assert detector is not None
        same = float(detector.calibration.same_garment)
        kept = one_per_garment(found.boxes, found.scores, same)
        return Boxes(*(values[kept] for values in found))

    def frame(self, image: Picture, box: NDArray[np.floating]) -> tuple[Tensor, Frame]:
        """Return what the network is shown of a garment, (3, h, w) in [0, 1], and where it is from.

        Args:
            image: the image.
            box: (4,), of the garment, pixels.
        """
        region = enlarged(box, self.framing.context) if self.framing.region == "box" else box
        height, width = self.framing.size
        sample, frame = letterbox(image, region, (height, width))
        return to_tensor(sample), frame

    @torch.no_grad()
    def answer(self, samples: Sequence[Tensor]) -> Recognition | Alignment:
        """Return what the network says of N samples (3, h, w)."""
        return self.network(torch.stack(list(samples)).to(self.device))

    def _reported(self, image: Picture, box: Box | None) -> Boxes:
        if box is None and self.network.detector is not None:
            found = self.one_each(self.find(image))
            kept = found.scores >= self.min_score
            return Boxes(*(values[kept] for values in found))
        only = whole(image) if box is None else np.array(box, np.float32)
        return Boxes(torch.from_numpy(only)[None], torch.ones(1), torch.tensor([UNKNOWN]))

    def _garment(
        self, found: Boxes, answer: Recognition | Alignment, frames: Sequence[Frame], i: int
    ) -> Garment:
        left, top, right, bottom = found.boxes[i].tolist()
        kind, category, probability = self._kind(answer, i, int(found.types[i]))
        states = answer.state_logits[i].argmax(1).cpu().numpy()
        place = {
            "box": (left, top, right, bottom),
            "type": kind,
            "score": float(found.scores[i]),
            "landmarks": frames[i].to_picture(answer.landmarks[i].float().cpu().numpy()),
            "states": states_of_type(states, kind),
        }
        if not isinstance(answer, Recognition):
            nothing = np.zeros(0, np.float32)
            return Garment(**place, category="", probability=0.0, attributes={}, embedding=nothing)
        attributes = answer.attribute_logits[i].float().sigmoid().tolist()
        return Garment(
            **place,
            category=category,
            probability=probability,
            attributes=dict(zip(self.attributes, attributes, strict=True)),
            embedding=answer.embedding[i].float().cpu().numpy(),
        )

    def _kind(self, answer: Recognition | Alignment, i: int, kind: int) -> tuple[int, str, float]:
        """Return type, category and its probability; a type that no one found is the category's."""
        if not isinstance(answer, Recognition) or not answer.category_logits.shape[1]:
            return kind, "", 0.0
        logits = of_type(answer.category_logits[i].float(), self.category_types, kind)
        probability, place = logits.softmax(0).max(0)
        if kind == UNKNOWN and self.category_types:
            kind = self.category_types[int(place)]
        return kind, self.categories[int(place)], float(probability)


def _build(settings: Mapping[str, Any]) -> Pipeline:
    numbers = len(settings["categories"]), len(settings["attributes"])
    return build_pipeline(*numbers, settings["network"], settings["detector"])
