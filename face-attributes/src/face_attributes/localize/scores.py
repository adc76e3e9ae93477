"""What a window of a response map is worth, by sums over an integral image."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

ScoreName = Literal["contrast", "mean"]


def score_windows(name: ScoreName, response: Tensor, windows: Tensor, margin: float) -> Tensor:
    """Score windows (N, 4), in whole pixels inside a response (H, W), -> (N,) float64.

    Args:
        name: `window_contrast` with the ring's ``margin``, or `window_mean`.

    Raises:
        ValueError: another name.
    """
    if name not in get_args(ScoreName):
        raise ValueError(f"expected a score among {', '.join(get_args(ScoreName))}, got {name!r}")
    integral = integral_image(response)
    if name == "mean":
        return window_mean(integral, windows)
    return window_contrast(integral, windows, margin)


def integral_image(response: Tensor) -> Tensor:
    """(H, W) -> (H + 1, W + 1) float64: sums of everything above and to the left."""
    return F.pad(response.double().cumsum(0).cumsum(1), (1, 0, 1, 0))


def window_sums(integral: Tensor, windows: Tensor) -> Tensor:
    """Sums inside windows (N, 4), in whole pixels inside the image -> (N,)."""
    left, top, right, bottom = windows.unbind(1)
    return (
        integral[bottom, right]
        - integral[top, right]
        - integral[bottom, left]
        + integral[top, left]
    )


def window_mean(integral: Tensor, windows: Tensor) -> Tensor:
    """The paper's score, (N,): the response inside a window over its size (section 3.1).

    Among windows of all sizes the smallest, on the highest response, is always the best: with
    the few that EdgeBoxes proposes that does not show.
    """
    return window_sums(integral, windows) / _areas(windows)


def window_contrast(integral: Tensor, windows: Tensor, margin: float) -> Tensor:
    """Mean inside a window minus the mean in a ring around it, (N,); ours.

    The ring is ``margin`` of the window's sides wide, a pixel at least, and cut at the image's
    border. A window that leaves no ring is worth nothing: where it should end is not known.
    """
    height, width = integral.shape[0] - 1, integral.shape[1] - 1
    sides = (windows[:, 2:] - windows[:, :2]).double()
    margins = (sides * margin).round().clamp_min(1).long()
    limits = windows.new_tensor([width, height])
    around = torch.cat(
        [
            (windows[:, :2] - margins).clamp_min(0),
            torch.minimum(windows[:, 2:] + margins, limits),
        ],
        1,
    )
    inside, area = window_sums(integral, windows), _areas(windows)
    ring = _areas(around) - area
    contrast = inside / area - (window_sums(integral, around) - inside) / ring.clamp_min(1)
    return torch.where(ring > 0, contrast, 0.0)


def _areas(windows: Tensor) -> Tensor:
    return (windows[:, 2:] - windows[:, :2]).double().prod(1)
