"""The distance's local convolution, on any device: a polynomial, and so a few sums over windows.

With features f, the colours or the coordinates, |f_j - f_z|^2 = |f_j|^2 - 2 f_j f_z + |f_z|^2,
where f_j is the same in the whole window of j. A sum over a window is a difference of running sums,
at one cost for windows of any size. Those get as long as the image, and are in float64 therefore;
few classes are computed at a time, so that memory is bounded.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

_PART = 2**16  # pixels of all classes at a time: what stays in a processor's cache
_PART_ON_CUDA = 2**24  # 128 MiB of each intermediate: launches are few, and memory is bounded


def forward(values: Tensor, image: Tensor, weights: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return the mean distances times values (B, L, H, W), and the neighbours' number."""
    before = (window - 1) // 2
    ones = torch.ones_like(values[:, :1])
    count = _sum_windows(ones.double(), window, before).to(values.dtype)
    return _sum_both(values, image, weights, window, before).div_(count), count


def backward(
    grad: Tensor,
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    mean: Tensor,
    total: Tensor,
    window: int,
    need_values: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to values and weights; (0,) for one that is not needed."""
    grad_values, grad_weights = values.new_empty(0), values.new_empty(0)
    if need_weights:
        sums = weights.new_zeros(2, dtype=torch.float64)
        for part, *distances in _parts(values, image, window, (window - 1) // 2):
            gain = grad[:, part] / total
            sums += torch.stack([(gain * distance).sum() for distance in distances])
        grad_weights = sums.to(weights.dtype)
    if need_values:  # who sees whom is turned round, and how far they are is not
        grad_values = _sum_both(grad, image, weights, window, window // 2, total)
    return grad_values, grad_weights


def _sum_both(
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    window: int,
    before: int,
    total: Tensor | None = None,
) -> Tensor:
    """Return the sums of the neighbours' values, over their total, each times its distance."""
    out = torch.empty_like(values)
    for part, colour, space in _parts(values, image, window, before, total):
        out[:, part] = (weights[0] * colour).add_(weights[1] * space)
    return out


def _parts(
    values: Tensor, image: Tensor, window: int, before: int, total: Tensor | None = None
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield classes, and the sums of their values times squared distances in colour and space."""
    features = image.double() - 0.5, _positions(image)  # smaller numbers, and smaller errors
    most = _PART_ON_CUDA if values.is_cuda else _PART
    step = max(1, most // max(1, image[:, 0].numel()))
    for first in range(0, values.shape[1], step):
        part = slice(first, first + step)
        p = values[:, part].double() if total is None else values[:, part].double() / total
        plain = _sum_windows(p, window, before)
        colour, space = (_sum_distances(p, plain, f, window, before) for f in features)
        yield part, colour, space


def _sum_distances(p: Tensor, plain: Tensor, f: Tensor, window: int, before: int) -> Tensor:
    """Return the sum of |f_j - f_z|^2 p_z over z, (B, l, H, W); features f (B or 1, C, H, W)."""
    norm = f.square().sum(1, keepdim=True)
    out = _sum_windows(p * norm, window, before).addcmul_(norm, plain)
    for c in f.split(1, 1):
        out.addcmul_(c, _sum_windows(p * c, window, before), value=-2)
    return out


def _sum_windows(x: Tensor, window: int, before: int) -> Tensor:
    """Sum over the window around each pixel, what lies outside the image left out."""
    pad = before + 1, window - 1 - before
    for dim, pads in ((-1, pad), (-2, (0, 0, *pad))):
        size = x.shape[dim]
        sums = F.pad(x, pads).cumsum_(dim)
        x = sums.narrow(dim, window, size) - sums.narrow(dim, 0, size)
    return x


def _positions(image: Tensor) -> Tensor:
    """(1, 2, H, W) in float64, pixels from the middle of the image."""
    axes = [
        torch.arange(size, device=image.device, dtype=torch.float64) - size / 2
        for size in image.shape[-2:]
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
