"""Whether features tell people apart, also people that no training has seen."""

from collections.abc import Mapping

import torch
from torch import Tensor

from vision_shared.tables import Table

MOST = 2000
"""Pictures that are compared with each other."""


def same_person_auc(features: Tensor, identities: Tensor) -> float:
    """Chance that two images of one person are closer than two of different people.

    Args:
        features: (N, D); distances are Euclidean.
        identities: (N,), below 0 where not known: left out.

    Returns:
        In [0, 1], 0.5 for features that tell nothing; NaN without a pair of either kind.
    """
    features = features[identities >= 0][:MOST].double()
    identities = identities[identities >= 0][:MOST]
    one, other = torch.triu_indices(len(features), len(features), offset=1).unbind(0)
    distances = torch.cdist(features, features)[one, other]
    same = identities[one] == identities[other]
    near, far = distances[same], distances[~same].sort().values
    if len(near) == 0 or len(far) == 0:
        return torch.nan
    above = len(far) - torch.searchsorted(far, near, right=True)
    at_least = len(far) - torch.searchsorted(far, near)
    return float((above + at_least).double().mean() / (2 * len(far)))


def identities_table(systems: Mapping[str, Tensor], identities: Tensor) -> Table:
    """Return `same_person_auc` of each system's features, (N, D), by name; 0.5 is chance."""
    rows = [[name, f"{same_person_auc(each, identities):.3f}"] for name, each in systems.items()]
    people = len(identities[identities >= 0].unique())
    return Table(
        "Is it the same person?",
        ["", "area under the curve"],
        rows,
        f"{len(identities)} images of {people} people, none of whom trained; 0.5 is chance.",
    )
