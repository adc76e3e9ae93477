"""Segmenting images with a trained network.

segmenter = Segmenter.from_checkpoint("best.ckpt")
segmented = segmenter(read_image("photo.jpg"))
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segmentation.data.labels import ClassList
from segmentation.inference import Inference
from segmentation.models import build_network
from segmentation.models.budget import TimeBudget
from segmentation.models.cascade import LayerCascade
from segmentation.weights import SHIPPED
from vision_shared.checkpoints import fits_version, read_checkpoint
from vision_shared.prediction import find_device, rebuild_network

TASK = "segmentation"

MIN_PRECISION = 0.5
"""Of a class that is predicted, where weights say what theirs is on held-out images."""


@dataclass(frozen=True)
class Segmented:
    """What an image was taken apart into.

    Attributes:
        labels: (H, W) uint8, the class of each pixel.
        stages: (h, w) uint8, of a cascade: the stage, from 0, that decided each cell.
        seconds: seconds that the network took, wall time.
    """

    labels: NDArray[np.uint8]
    stages: NDArray[np.uint8] | None
    seconds: float

    def areas(self, classes: ClassList) -> dict[str, float]:
        """Return the share of the image that each class in it has, in (0, 1]."""
        counts = np.bincount(self.labels.ravel(), minlength=len(classes))
        shares = counts / self.labels.size
        return {name: float(x) for name, x in zip(classes.names, shares, strict=True) if x}


class Segmenter:
    """Segments images of any size.

    Args:
        network: network from `segmentation.models.build_network`.
        classes: classes of its outputs.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        inference: procedure that applies the network; by default the image whole, once.
        unreliable: names of classes that are not predicted: their pixels get the
            next best class.
        milliseconds: time of an image that a cascade is held to, see
            `segmentation.models.budget.TimeBudget`; its thresholds are then upper ends.

    Raises:
        ValueError: ``cuda`` without a usable GPU, or a time without a cascade that sees an image
            once.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: ClassList,
        device: str = "auto",
        inference: Inference | None = None,
        milliseconds: float | None = None,
        unreliable: Collection[str] = (),
    ) -> None:
        self.device = find_device(device)
        self.network = network.to(self.device).eval()
        self.classes = classes
        self.unreliable = [i for i, name in enumerate(classes.names) if name in unreliable]
        self.inference = inference or Inference()
        self._known_sizes: set[tuple[int, ...]] = set()
        if milliseconds is not None:
            if not isinstance(network, LayerCascade) or not self.inference.looks_once:
                raise ValueError(
                    "expected a layer cascade, and no windows or mirroring, to hold a time"
                )
            if not network.cascaded:
                network.begin("cascade")
            network.budget = TimeBudget(milliseconds / 1000, partial(_now, self.device))

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        device: str = "auto",
        inference: Inference | None = None,
        milliseconds: float | None = None,
    ) -> Self:
        """Rebuild what a training run of segmentation wrote; the file alone is needed.

        Of weights whose precision was validated, classes below `MIN_PRECISION` are not predicted.
        Without ``inference`` the network is asked as the checkpoint says.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: not a checkpoint of segmentation, or not one of this version.
            ValueError: as for the class.
        """
        checkpoint = read_checkpoint(path, task=TASK)
        with fits_version(checkpoint.path):
            classes = read_classes(checkpoint.hyper_parameters)
            precision = dict(checkpoint.hyper_parameters.get("precision") or {})
            unreliable = [name for name, value in precision.items() if value < MIN_PRECISION]
            recorded = checkpoint.hyper_parameters.get("inference")
            inference = inference or Inference.recorded(recorded)
        network = rebuild_network(checkpoint, _build)
        return cls(network, classes, device, inference, milliseconds, unreliable)

    @classmethod
    def shipped(cls, device: str = "auto") -> Self:
        """Return a segmenter with the weights that come with the package."""
        return cls.from_checkpoint(SHIPPED, device)

    def __call__(self, image: NDArray[np.uint8]) -> Segmented:
        """Segment an image (H, W, 3), RGB uint8."""
        self._learn_costs(image)
        began = time.perf_counter()
        pixels = self._pixels(image)
        parsing = self.inference(self.network, pixels)
        logits = parsing.logits[0]
        logits[self.unreliable] = -torch.inf
        labels = logits.argmax(0).byte().cpu().numpy()
        stages = None if parsing.stages is None else parsing.stages[0].cpu().numpy()
        return Segmented(labels, stages, time.perf_counter() - began)

    def _learn_costs(self, image: NDArray[np.uint8]) -> None:
        """Let a budget measure what an image of a size costs, before the first one counts."""
        budget = getattr(self.network, "budget", None)
        if budget is None or image.shape in self._known_sizes:
            return
        self._known_sizes = {image.shape}
        pixels = self._pixels(image)
        self.inference(self.network, pixels)  # packs weights, and is slow by that
        budget.forget()
        for _ in range(3):  # without a limit, then with what that taught
            self.inference(self.network, pixels)

    def _pixels(self, image: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float() / 255


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def read_classes(hyper_parameters: Mapping[str, Any]) -> ClassList:
    """Return the classes that a checkpoint records; raises as `ClassList`, and KeyError."""
    recorded = hyper_parameters["classes"]
    return ClassList(tuple(recorded["names"]), tuple(map(tuple, recorded["palette"])))


def _build(hyper_parameters: Mapping[str, Any]) -> nn.Module:
    number = len(hyper_parameters["classes"]["names"])
    return build_network(num_classes=number, **hyper_parameters["network"])
