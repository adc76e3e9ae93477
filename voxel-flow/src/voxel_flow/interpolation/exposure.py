"""Changes of brightness between two frames, taken out before motion is estimated.

Automatic exposure makes a frame brighter than the one before; lamps that flicker, read by a rolling
shutter, make bands of rows brighter. A network that matches colours takes either for motion. Both
are a gain for each row of the sensor, smooth from row to row: it is estimated where the frames,
once aligned, show the same things, halved between the two frames, and given back to what is made
between them as much as its time asks for.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from voxel_flow.dense_flow import dense_flow

SMALLEST = 0.02
"""Natural logarithm of a gain that matters; below, frames are used as they are."""
LARGEST = 0.5
"""Natural logarithm of the largest gain; above, light was switched on or off, or a scene faded."""

_WIDTH = 256  # pixels to estimate on, at most
_SMOOTHING = 1 / 40  # of the height: standard deviation of the window over rows
_DARKEST, _BRIGHTEST = 12.0, 243.0  # levels; beyond, a gain is clipped or noise
_OUTLIER = 0.12  # logarithm by which a pixel may differ from its row's median
_LEFT = 0.9  # of the difference between the aligned frames, at most, where a gain explains it
_FEWEST = 0.1  # share of a row's pixels that have to show the same thing


def row_gain(first: Tensor, second: Tensor) -> Tensor | None:
    """Return by what the second frame's rows are brighter than the first's, (3, H, 1).

    Args:
        first: (3, H, W) RGB in [0, 1].
        second: second of the same size.

    Returns:
        Gains, one for each channel and row; None where none of them matters, where one is too
        large, and where too little of the two frames shows the same thing to tell.
    """
    one, other = (_small(frame) for frame in (first, second))
    aligned = _aligned(one, other)
    ratio = np.log(aligned + 1e-3) - np.log(one + 1e-3)  # (h, w, 3)
    is_exposed = (np.minimum(one, aligned) > _DARKEST) & (np.maximum(one, aligned) < _BRIGHTEST)
    seen = np.all(is_exposed, axis=2, keepdims=True)[..., 0]  # (h, w)
    usual = _row_medians(ratio, seen)
    same = seen & np.all(np.abs(ratio - usual[:, None]) < _OUTLIER, axis=2, keepdims=True)[..., 0]
    weights = same.sum(1, keepdims=True).astype(np.float64)  # (h, 1)
    if weights.sum() < _FEWEST * same.size:
        return None
    totals = [(frame * same[..., None]).sum(1) for frame in (one, aligned)]  # (h, 3)
    known = weights[:, 0] > 0
    logs = np.zeros_like(totals[0])
    logs[known] = np.log(totals[1][known] / totals[0][known])
    logs = _smooth(logs * weights) / np.maximum(_smooth(weights), 1e-9)
    evened = aligned * np.exp(-logs)[:, None]
    apart, left = (np.abs(frame - one)[seen].mean() for frame in (aligned, evened))
    if not SMALLEST <= np.abs(logs).max() <= LARGEST or left > _LEFT * apart:
        return None
    rows = torch.from_numpy(logs.T[None].astype(np.float32))  # (1, 3, h)
    rows = torch.nn.functional.interpolate(rows, first.shape[1], mode="linear")
    return rows[0, :, :, None].exp().to(first.device)


def _small(frame: Tensor) -> np.ndarray:
    """Return (h, w, 3) in levels of 255, no wider than `_WIDTH`."""
    height, width = frame.shape[1:]
    scale = min(_WIDTH / width, 1)
    size = (max(round(width * scale), 16), max(round(height * scale), 16))
    array = frame.detach().permute(1, 2, 0).float().cpu().numpy()
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA) * 255


def _aligned(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Read ``other`` where ``one`` has moved to; DIS compares patches less their mean."""
    grey = [
        cv2.cvtColor(frame.round().astype(np.uint8), cv2.COLOR_RGB2GRAY) for frame in (one, other)
    ]
    flow = dense_flow(grey[0], grey[1], "fast")
    y, x = np.mgrid[: one.shape[0], : one.shape[1]].astype(np.float32)
    return cv2.remap(
        other, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _row_medians(ratio: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the median of each row and channel, (h, 3); of a row without pixels that of all."""
    overall = np.median(ratio[seen], axis=0) if seen.any() else np.zeros(3)
    medians = [
        np.median(r[s], axis=0) if s.any() else overall for r, s in zip(ratio, seen, strict=True)
    ]
    return np.stack(medians)


def _smooth(rows: np.ndarray) -> np.ndarray:
    """Average (h, c) over neighbouring rows."""
    deviation = max(rows.shape[0] * _SMOOTHING, 1.0)
    reach = 2 * int(3 * deviation) + 1
    window = cv2.getGaussianKernel(reach, deviation)[:, 0]
    padded = np.pad(rows, ((reach // 2, reach // 2), (0, 0)), mode="edge")
    columns = [np.convolve(column, window, "valid") for column in padded.T]
    return np.stack(columns, axis=1)
