"""Landmark pooling: the features around each landmark, and nothing where a landmark is hidden.

Liu, Luo, Qiu, Wang, Tang, "DeepFashion", CVPR 2016, section 3.1: the responses of landmarks that
are not visible are gated to 0, those around the others max-pooled, and the landmarks' stacked.

Convention: landmarks are x then y, fractions of the width and height; (0, 0) is the outer corner of
the top-left cell, the centre of cell (row i, column j) of an (h, w) map is ((j + 0.5) / w,
(i + 0.5) / h).
"""

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torchvision.ops import roi_pool

from vision_shared.decompositions import translates
from vision_shared.layers import sample_bilinear

Pooling = Literal["max", "bilinear"]
LandmarkSource = Literal["predicted", "oracle", "shuffled", "corner", "none"]

_FAR = 4.0
"""Fraction of the map's size behind which a landmark need not be told from one further away."""


def pool_landmarks(
    features: Tensor, landmarks: Tensor, visible: Tensor, pooling: Pooling, region: int, bins: int
) -> Tensor:
    """Pool a square region around each landmark; 0 where it is not visible.

    Args:
        features: (B, C, h, w).
        landmarks: (B, K, 2), fractions; they may lie outside.
        visible: (B, K) bool.
        pooling: ``max`` is `max_pool_regions`, the paper's; ``bilinear``, `sample_regions`, which
            alone has a gradient to the landmarks.
        region: cells a side.
        bins: a side.

    Returns:
        (B, K, C, bins, bins).

    Raises:
        ValueError: shapes that do not fit, another pooling, or more bins than cells.
    """
    if pooling not in get_args(Pooling) or not 1 <= bins <= region:
        raise ValueError(
            f"expected the pooling {' or '.join(get_args(Pooling))} and 1 <= bins <= region, got "
            f"{pooling!r}, {bins} and {region}"
        )
    if visible.shape != landmarks.shape[:2]:
        raise ValueError(
            f"expected visible (B, K) of landmarks {tuple(landmarks.shape)}, got "
            f"{tuple(visible.shape)}"
        )
    pool = max_pool_regions if pooling == "max" else sample_regions
    return pool(features, landmarks, region, bins).masked_fill(~visible[..., None, None, None], 0)


def max_pool_regions(features: Tensor, landmarks: Tensor, region: int, bins: int) -> Tensor:
    """Take the maxima of ``region`` x ``region`` whole cells in ``bins`` x ``bins`` bins.

    The cells are those whose middle is nearest to the landmark; bin b has rows
    floor(b * region / bins) to ceil((b + 1) * region / bins) of them, as RoI pooling has it
    (Girshick 2015). Cells outside the map do not count, a bin without any is 0. The landmarks take
    no gradient.

    Returns:
        (B, K, C, bins, bins) of (B, C, h, w) and (B, K, 2); raises ValueError as `pool_landmarks`.
    """
    batch, number = _expect(features, landmarks)
    # Half precision has no 257th image: the index would be rounded, and another one pooled.
    precise = torch.promote_types(features.dtype, torch.float32)
    landmarks = landmarks.detach().to(precise)
    size = landmarks.new_tensor([features.shape[3], features.shape[2]])
    centre = _within_reach(landmarks) * size
    first = (centre - region / 2).add(0.5).floor()  # roi_pool's own rounding differs below zero
    image = torch.arange(batch, device=features.device).repeat_interleave(number)
    boxes = torch.cat([image[:, None], first.flatten(0, 1), first.flatten(0, 1) + region - 1], 1)
    with torch.autocast(features.device.type, enabled=False):
        pooled = roi_pool(features.to(precise), boxes, bins)
    return pooled.to(features.dtype).unflatten(0, (batch, number))


def sample_regions(features: Tensor, landmarks: Tensor, region: int, bins: int) -> Tensor:
    """Read the features bilinearly at the centres of ``bins`` x ``bins`` bins of a region.

    The region has ``region`` cells a side, with the landmark exactly in its middle; outside the map
    its border is repeated.

    Returns:
        (B, K, C, bins, bins) of (B, C, h, w) and (B, K, 2); raises ValueError as `pool_landmarks`.
    """
    _, number = _expect(features, landmarks)
    landmarks = landmarks.to(torch.promote_types(landmarks.dtype, torch.float32))
    size = landmarks.new_tensor([features.shape[3], features.shape[2]])
    steps = (torch.arange(bins, device=landmarks.device) + 0.5) * (region / bins) - region / 2
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    offsets = torch.stack([right, down], -1)  # (bins, bins, 2), cells
    points = (landmarks * size - 0.5)[:, :, None, None] + offsets  # (B, K, bins, bins, 2)
    read = sample_bilinear(features, points.flatten(1, 2))  # (B, C, K * bins, bins)
    return read.unflatten(2, (number, bins)).transpose(1, 2)


def choose_landmarks(
    source: LandmarkSource, landmarks: Tensor, visible: Tensor
) -> tuple[Tensor, Tensor]:
    """Return where to pool, of what was predicted or, for an ``oracle``, annotated.

    The rest are controls: ``shuffled`` takes the landmarks of the image half a batch further, as
    the next one is often of the same item; ``corner`` the top-left corner for all.

    Args:
        source: any but ``none``, which pools nothing.
        landmarks: (B, K, 2), fractions.
        visible: (B, K) bool.
    """
    if source == "shuffled":
        shift = -max(1, landmarks.shape[0] // 2)
        return landmarks.roll(shift, 0), visible.roll(shift, 0)
    if source == "corner":
        return torch.zeros_like(landmarks), visible
    return landmarks, visible


def _within_reach(landmarks: Tensor) -> Tensor:
    """Keep what is far outside, or no number, from overflowing the integers of RoI pooling."""
    return landmarks.nan_to_num(nan=-_FAR).clamp(-_FAR, _FAR)


def _expect(features: Tensor, landmarks: Tensor) -> tuple[int, int]:
    fits = features.ndim == 4 and landmarks.ndim == 3
    if not fits or landmarks.shape[0] != features.shape[0] or landmarks.shape[2] != 2:
        raise ValueError(
            "expected features (B, C, h, w) and landmarks (B, K, 2), got "
            f"{tuple(features.shape)} and {tuple(landmarks.shape)}"
        )
    return landmarks.shape[0], landmarks.shape[1]


@translates(torch.ops.torchvision.roi_pool.default)
def _(
    features: Any, boxes: Any, spatial_scale: float, pooled_height: int, pooled_width: int
) -> Any:
    from onnxscript import opset20 as op  # of extra [onnx]

    bins = [pooled_height, pooled_width]
    pooled = op.MaxRoiPool(features, boxes, pooled_shape=bins, spatial_scale=spatial_scale)
    return pooled, op.Identity(pooled)  # the second, where each maximum was, only gradients need
