"""The triple penalty: every position looks at its neighbours through a filter of its own.

    distance:   out(j, v) = sum_z d(j, z) p(z, v) / |N_j|
    affinity:   out(j, v) = sum_z exp(-d(j, z)) p(z, v) / sum_z exp(-d(j, z))
    where       d(j, z) = w_colour |I_j - I_z|^2 + w_space |x_j - x_z|^2

Liu et al. 2015, "Semantic Image Segmentation via Deep Parsing Network", layer b12: one filter for
each position, shared by all classes v, of which only the two weights are learned. The paper says
both of the filter, that it is a distance and that it makes a weighted average of the neighbours;
so both readings are here. N_j are the pixels of a window around j that lie in the image, j itself
among them. A window of even size reaches one pixel further down and to the right than up and to
the left: 24 and 25 pixels for the paper's 50. Each reading is divided so that neither the size of
the window nor the border of the image matters to the scale.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from segmentation.kernels.local_convolution import local_convolution as operator

Reading = Literal["distance", "affinity"]
READINGS: tuple[Reading, ...] = ("distance", "affinity")


class LocalConvolution(nn.Module):
    """`local_convolution` with weights that are learned.

    What is learned are their logarithms: the weights stay positive, and a step of training is a
    factor for both, which differ by orders of magnitude. (The paper learns the weights themselves.)

    Args:
        window: rows and columns of the neighbours, pixels of the image that is given.
        reading: ``affinity`` or ``distance``.
        colour: the weight of the colours' squared distance to begin with, for images in [0, 1];
            by default 50 for an affinity (a deviation of 0.1) and 1 for a distance.
        space: space of the pixels' squared distance; by default an affinity has a deviation of
            a quarter of the window, and a distance is 1 at one window away.

    Raises:
        ValueError: another reading, or a window or weight that is not positive.
    """

    def __init__(
        self,
        window: int = 50,
        reading: Reading = "affinity",
        colour: float | None = None,
        space: float | None = None,
    ) -> None:
        super().__init__()
        _check(window, reading)
        nearby = reading == "affinity"
        colour = colour if colour is not None else 50.0 if nearby else 1.0
        space = space if space is not None else (8.0 if nearby else 1.0) / window**2
        if colour <= 0 or space <= 0:
            raise ValueError(f"expected positive weights of the distance, got {colour}, {space}")
        self.window = window
        self.reading: Reading = reading
        self.log_weights = nn.Parameter(torch.tensor([math.log(colour), math.log(space)]))

    @property
    def weights(self) -> Tensor:
        """(2,), of squared distances in colour and in space."""
        return self.log_weights.exp()

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        """(B, L, H, W), (B, C, H, W) in [0, 1] -> (B, L, H, W)."""
        return local_convolution(probabilities, image, self.weights, self.window, self.reading)

    def extra_repr(self) -> str:
        """Return window and reading, for ``repr``."""
        return f"window={self.window}, reading={self.reading!r}"


def local_convolution(
    probabilities: Tensor,
    image: Tensor,
    weights: Tensor,
    window: int,
    reading: Reading = "affinity",
) -> Tensor:
    """Filter every class by the positions' own filters; see the head of the file.

    Neither a filter for each position nor a copy of each neighbourhood is ever in memory. A
    distance is a polynomial, and its sums are a few sums over windows, of any size at one cost.

    Args:
        probabilities: (B, L, H, W), floating point.
        image: (B, C, H, W), in [0, 1]; it takes no gradient.
        weights: (2,), of squared distances in colour and in space (pixels).
        window: rows and columns of the neighbours; it may be larger than the image.
        reading: ``affinity`` or ``distance``.

    Returns:
        (B, L, H, W) of the probabilities' type; computed in float32, or in float64 if they are.

    Raises:
        ValueError: a shape or reading does not fit, or the window is empty.
    """
    _check(window, reading)
    _check_shapes(probabilities, image, weights)
    dtype = torch.float64 if probabilities.dtype == torch.float64 else torch.float32
    values, weights = probabilities.to(dtype), weights.to(dtype)
    image = image.detach().to(dtype)
    return operator(values, image, weights, window, reading)[0].to(probabilities.dtype)


def _check(window: int, reading: str) -> None:
    if reading not in READINGS or window < 1:
        raise ValueError(
            f"expected the reading {' or '.join(READINGS)} and a window of at least 1 pixel, "
            f"got {reading!r}, {window}"
        )


def _check_shapes(probabilities: Tensor, image: Tensor, weights: Tensor) -> None:
    have, shown = tuple(probabilities.shape), tuple(image.shape)
    fits = probabilities.ndim == image.ndim == 4 and have[::2] == shown[::2] and have[3] == shown[3]
    if not fits or min(have[1:] + shown[1:]) < 1:
        raise ValueError(
            f"expected probabilities (B, L, H, W) and image (B, C, H, W), got {have}, {shown}"
        )
    if not probabilities.is_floating_point() or weights.shape != (2,):
        raise ValueError(
            f"expected probabilities in floating point and weights (2,), got "
            f"{probabilities.dtype}, {tuple(weights.shape)}"
        )
