"""Clothes detection: where the upper-body, lower-body and full-body garments of an image are."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead

from fashion.models.calibration import ScoreCalibration
from fashion.models.trunk import Trunk

NUM_TYPES = 3
"""Upper, lower, full."""


class Detection(NamedTuple):
    """Garments of one image, sorted by score, descending.

    Attributes:
        boxes: (N, 4), x1 y1 x2 y2, pixels of the image.
        scores: (N,), in [0, 1]: the probability that the box is right, once that is calibrated.
        types: (N,) int64: 0 upper, 1 lower, 2 full.
    """

    boxes: Tensor
    scores: Tensor
    types: Tensor


class ClothesDetector(nn.Module):
    """torchvision's FCOS (Tian et al. 2019) on one level, for a few large objects.

    A garment takes a good part of its image, so one map of the trunk's branch is enough, and a
    detector of one stage without anchors has little to train.

    Args:
        trunk: trunk with one branch.
        size: pixels of the longer side that images are scaled to.
        width: channels of the heads, a multiple of 32.
        num_convs: number of convs of each head, before its last.
        min_score: smallest score of what is reported, before calibration.
        overlap: intersection over union above which the surer one of two of a type is kept.
        most: garments an image.
    """

    def __init__(
        self,
        trunk: Trunk,
        size: int = 96,
        width: int = 64,
        num_convs: int = 2,
        min_score: float = 0.05,
        overlap: float = 0.5,
        most: int = 20,
    ) -> None:
        super().__init__()
        self.size = size
        backbone = nn.Sequential(
            trunk.shared, *trunk.branches, nn.Conv2d(trunk.branch_channels, width, 1)
        )
        backbone.out_channels = width  # type: ignore[assignment]
        self.fcos = FCOS(
            backbone,
            NUM_TYPES,
            min_size=size,
            max_size=size,
            image_mean=[0.0] * 3,  # normalisation is the trunk's first layer
            image_std=[1.0] * 3,
            anchor_generator=AnchorGenerator(((trunk.branch_stride,),), ((1.0,),)),
            head=FCOSHead(width, 1, NUM_TYPES, num_convs),
            score_thresh=min_score,
            nms_thresh=overlap,
            detections_per_img=most,
        )
        # distances are behind a ReLU: from 0 half of them would never learn. A quarter of the
        # image's side lies between the opposite edges of a garment, to begin with.
        head: Any = self.fcos.head
        nn.init.constant_(head.regression_head.bbox_reg.bias, size / 8 / trunk.branch_stride)
        self.calibration = ScoreCalibration(NUM_TYPES)

    def trunk_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters below the heads."""
        backbone: Any = self.fcos.backbone
        for layers in backbone[:-1]:
            yield from layers.parameters()

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: what has parameters; boxes are as many as are found."""
        fcos: Any = self.fcos
        return [fcos.backbone, fcos.head]

    def forward(self, images: Sequence[Tensor] | Tensor) -> list[Detection]:
        """Find garments.

        Args:
            images: N times (3, H, W), RGB in [0, 1], of any sizes; or (N, 3, H, W).

        Raises:
            ValueError: the network is training: its objective is `loss`.
        """
        if self.training:
            raise ValueError("expected a detector in evaluation, got one in training: see loss()")
        return [self._calibrated(found) for found in self.uncalibrated(images)]

    def uncalibrated(self, images: Sequence[Tensor] | Tensor) -> list[Detection]:
        """As `forward`, with scores that do no more than order the boxes of a type."""
        return [
            Detection(found["boxes"], found["scores"], found["labels"])
            for found in self.fcos(list(images))
        ]

    def _calibrated(self, found: Detection) -> Detection:
        scores = self.calibration(found.scores, found.types)
        order = scores.argsort(descending=True, stable=True)
        return Detection(found.boxes[order], scores[order], found.types[order])

    def loss(
        self, images: Sequence[Tensor] | Tensor, boxes: Sequence[Tensor], types: Sequence[Tensor]
    ) -> Tensor:
        """Return FCOS's objective: focal loss of the types, GIoU of the boxes, and centredness.

        Args:
            images: N times (3, H, W), RGB in [0, 1]; or (N, 3, H, W).
            boxes: N times (M, 4), x1 y1 x2 y2, pixels; all garments of the image, M may be 0.
            types: N times (M,) int64, of `Detection`'s.

        Raises:
            ValueError: the network is not training, or boxes and types that do not fit, or a box
                without an extent.
        """
        if not self.training:
            raise ValueError("expected a detector in training, got one in evaluation")
        if not len(images) == len(boxes) == len(types):
            raise ValueError(
                f"expected boxes and types of {len(images)} images, got {len(boxes)} and "
                f"{len(types)}"
            )
        for box, kind in zip(boxes, types, strict=True):
            _expect_boxes(box, kind)
        targets = [{"boxes": b, "labels": t} for b, t in zip(boxes, types, strict=True)]
        return torch.stack(list(self.fcos(list(images), targets).values())).sum()


def known_boxes(image: Tensor, boxes: Tensor, types: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the boxes and types of `ClothesDetector.loss` for a batch of images.

    Args:
        image: (B, 3, H, W).
        boxes: (B, M, 4), x1 y1 x2 y2, fractions of the width and height; NaN where an image has
            fewer than M garments.
        types: (B, M) int64, -1 likewise.

    Returns:
        B times (m, 4) in pixels and clipped to the image, B times (m,); m may be 0.
    """
    size = boxes.new_tensor([image.shape[3], image.shape[2]] * 2)
    pixels = boxes.clamp(0, 1) * size
    known = (pixels[..., 2:] > pixels[..., :2]).all(-1) & (types >= 0)  # NaN is above nothing
    return (
        [box[some] for box, some in zip(pixels, known, strict=True)],
        [kind[some] for kind, some in zip(types, known, strict=True)],
    )


def _expect_boxes(boxes: Tensor, types: Tensor) -> None:
    shapes = boxes.ndim == 2 and boxes.shape[1] == 4 and types.shape == boxes.shape[:1]
    if not shapes or not (boxes[:, 2:] > boxes[:, :2]).all():
        raise ValueError(
            "expected boxes (M, 4) with x1 < x2 and y1 < y2 and types (M,), got "
            f"{tuple(boxes.shape)} and {tuple(types.shape)}: {boxes.tolist()}"
        )
    if not ((types >= 0) & (types < NUM_TYPES)).all():
        raise ValueError(f"expected types in [0, {NUM_TYPES}), got {types.tolist()}")
