"""Objectives of the networks; each is a scalar, 0 with a zero gradient where nothing is known."""

from fashion.losses.attributes import (
    attribute_loss,
    balanced_weights,
    category_loss,
    ranking_loss,
    smooth_ranking_loss,
)
from fashion.losses.identities import ProxyAnchorLoss, triplet_loss
from fashion.losses.landmarks import (
    alignment_losses,
    landmark_loss,
    pseudo_label_loss,
    visibility_loss,
)

__all__ = [
    "ProxyAnchorLoss",
    "alignment_losses",
    "attribute_loss",
    "balanced_weights",
    "category_loss",
    "landmark_loss",
    "pseudo_label_loss",
    "ranking_loss",
    "smooth_ranking_loss",
    "triplet_loss",
    "visibility_loss",
]
