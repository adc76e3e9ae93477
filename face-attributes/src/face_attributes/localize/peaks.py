"""Peaks of a response map: one for each face.

Rodriguez, Laio, "Clustering by fast search and find of density peaks", Science 2014, as the paper
uses it (Liu et al. 2015, section 3.1): a peak is dense and far from anything denser.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Peaks(NamedTuple):
    """Peaks of a map (h, w), the most extreme first.

    Attributes:
        cells: (K, 2), x then y, indices.
        extremity: (K,), d = sqrt(rho^2 + sigma^2).
    """

    cells: Tensor
    extremity: Tensor


def density_peaks(
    response: Tensor, *, min_density: float = 0.5, min_distance: float = 0.25
) -> Peaks:
    """Find the peaks of a response map; there is always one, the highest cell.

    The paper adds squares of a response and a distance and does not say in which units: here rho
    is the response as a share of the map's range, and sigma the distance to the nearest denser cell
    as a share of the longer side. Which d are extreme it leaves open too: here both have to be
    large enough. Of equal cells the first in reading order is the denser one.

    Args:
        response: (h, w).
        min_density: least rho of a peak, in [0, 1].
        min_distance: least sigma, as a share of the *shorter* side.

    Raises:
        ValueError: no cell in the map.
    """
    if response.ndim != 2 or response.numel() == 0:
        raise ValueError(f"expected response (h, w), both > 0, got {tuple(response.shape)}")
    height, width = response.shape
    flat = response.detach().double().flatten()
    rho = (flat - flat.min()) / (flat.max() - flat.min()).clamp_min(1e-12)
    order = rho.argsort(descending=True, stable=True)
    order = order[(rho[order] >= min_density) | (order == order[0])]
    at = torch.stack([order % width, order // width], 1)  # (N, 2), x then y, densest first
    distance = torch.cdist(at.double(), at.double())
    later = torch.ones_like(distance, dtype=torch.bool).triu()
    sigma = distance.masked_fill(later, torch.inf).amin(1)
    sigma[0] = max(height, width)  # nothing is denser: by convention as far as can be
    is_peak = sigma >= min_distance * min(height, width)
    extremity = (rho[order].square() + (sigma / max(height, width)).square()).sqrt()[is_peak]
    first = extremity.argsort(descending=True, stable=True)
    return Peaks(at[is_peak][first], extremity[first])
