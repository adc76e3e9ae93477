"""Gaussian filtering over any features: what mean-field inference of a dense CRF asks for.

The filter of image values over positions and colours is dense: every pixel takes from every other.
The permutohedral lattice makes it linear in the number of pixels (Adams, Baek, Davis, "Fast
High-Dimensional Filtering Using the Permutohedral Lattice", Eurographics 2010; used for CRFs by
Krähenbühl and Koltun, NIPS 2011): values are splatted onto the corners of the simplex around each
feature, blurred along the lattice's d + 1 axes, and sliced back.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


class Lattice:
    """The lattice of one image's features; built once, it filters any number of times.

    Args:
        features: (N, d), in units of the Gaussian's standard deviation along each axis. They take
            no gradient.
    """

    def __init__(self, features: Tensor) -> None:
        num_points, dims = features.shape
        elevated = _elevate(features.detach().double())
        base, rank = _enclosing_simplex(elevated)
        self.weights = _barycentric(elevated - base, rank).to(features.dtype)  # (N, d + 1)
        keys, reach = _corners(base.long(), rank)  # (N, d + 1, d)
        codes, radix = _encode(keys.flatten(0, 1), reach)
        found, corners = codes.unique(return_inverse=True)
        self.corners = corners.view(num_points, dims + 1)
        self.neighbours = _neighbours(found, radix)  # (d + 1, 2, V)

    def filter(self, values: Tensor) -> Tensor:
        """(N, C) -> (N, C): the Gaussian-weighted mean of all values, at each point.

        Normalised, so that constants stay. Linear in the values, with exact gradients to them.
        """
        ones = values.new_ones(values.shape[0], 1)
        blurred = self._filter(torch.cat([values, ones], 1))
        return blurred[:, :-1] / blurred[:, -1:].clamp_min(1e-12)

    def _filter(self, values: Tensor) -> Tensor:
        corners = self.corners.flatten()
        shares = (self.weights[:, :, None] * values[:, None]).flatten(0, 1)  # (N (d + 1), C)
        num_vertices = self.neighbours.shape[2]
        # one row more: what is blurred in from where no vertex is
        lattice = values.new_zeros(num_vertices + 1, values.shape[1])
        lattice = lattice.index_add(0, corners, shares)
        for before, after in self.neighbours:
            blurred = lattice[:-1] + 0.5 * (lattice[before] + lattice[after])
            lattice = F.pad(blurred, (0, 0, 0, 1))
        sliced = lattice[corners].unflatten(0, self.corners.shape)
        return (self.weights[:, :, None] * sliced).sum(1)


def _elevate(features: Tensor) -> Tensor:
    """(N, d) -> (N, d + 1) on the plane whose coordinates sum to 0, scaled to the lattice.

    The blur and both interpolations together have the variance of a unit Gaussian there.
    """
    dims = features.shape[1]
    index = torch.arange(1, dims + 1, dtype=features.dtype, device=features.device)
    scaled = features * ((2 / 3) ** 0.5 * (dims + 1) / (index * (index + 1)).sqrt())
    later = scaled.flip(1).cumsum(1).flip(1)  # sums from an axis on
    after = F.pad(later[:, 1:], (0, 1))
    return torch.cat([later[:, :1], after - index * scaled], 1)


def _enclosing_simplex(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest point whose coordinates all divide by d + 1, and the offset's ranks."""
    size = elevated.shape[1]
    rounded = (elevated / size).round()
    excess = rounded.sum(1, keepdim=True)
    order = (elevated - rounded * size).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(1) + excess.long()
    wrap = (rank < 0).long() - (rank >= size).long()
    return (rounded + wrap) * size, rank + wrap * size


def _barycentric(offset: Tensor, rank: Tensor) -> Tensor:
    """(N, d + 1) offsets from the simplex's first corner -> shares of its d + 1 corners."""
    size = offset.shape[1]
    ranked = torch.zeros_like(offset).scatter(1, rank, offset / size)  # largest offset first
    falls = ranked[:, :-1] - ranked[:, 1:]
    first = 1 - (ranked[:, :1] - ranked[:, -1:])
    return torch.cat([first, falls.flip(1)], 1)


def _corners(base: Tensor, rank: Tensor) -> tuple[Tensor, Tensor]:
    """Return the keys (N, d + 1, d) of the corners; the last coordinate follows from the others."""
    size = base.shape[1]
    corner = torch.arange(size, device=base.device)[:, None]
    position = torch.arange(size, device=base.device)
    canonical = torch.where(position <= size - 1 - corner, corner, corner - size)
    keys = base[:, None] + canonical[:, rank].transpose(0, 1)
    return keys[..., :-1], torch.tensor(size, device=base.device)


def _encode(keys: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """(K, d) -> (K,) one integer a key, and the place value of each coordinate (d,).

    With room of ``reach`` on either side, so that a neighbour's code is a sum.
    """
    low, high = keys.amin(0) - reach, keys.amax(0) + reach
    values = [torch.ones_like(low[0])]
    for size in (high - low + 1)[1:].flip(0):
        values.append(values[-1] * size)
    place = torch.stack(values).flip(0)
    return ((keys - low) * place).sum(1), place


def _neighbours(codes: Tensor, place: Tensor) -> Tensor:
    """Return the vertex before and after each along each axis, (d + 1, 2, V); V where none is."""
    dims = place.shape[0]
    steps = torch.cat([dims * place + place - place.sum(), -place.sum()[None]])
    wanted = torch.stack([codes + steps[:, None], codes - steps[:, None]], 1)
    found = torch.searchsorted(codes, wanted).clamp_max(codes.shape[0] - 1)
    return torch.where(codes[found] == wanted, found, codes.shape[0])
