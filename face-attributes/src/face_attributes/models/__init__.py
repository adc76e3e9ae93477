"""Networks that tag pictures of heads, and show where they looked.

Every network has the same contract (`face_attributes.models.tagging`): an image (B, 3, H, W),
float32 RGB in [0, 1]; it returns logits, the features that they are a linear function of, and its
named maps. LNets (``lnet``, ``lite``, ``timm``) take images of any size and have an averaged
``response``; ANet (``anet``) takes patches of its own size.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from face_attributes.models.anet import ANet, five_corners
from face_attributes.models.lite import LiteTrunk
from face_attributes.models.lnet import LNet, PaperTrunk
from face_attributes.models.response_grid import ResponseGrid
from face_attributes.models.tagging import Tagging
from face_attributes.models.timm_trunk import TimmTrunk

__all__ = ["ANet", "LNet", "ResponseGrid", "Tagging", "build_network", "five_corners"]

TRUNKS: dict[str, Callable[..., nn.Module]] = {
    "lnet": PaperTrunk,
    "lite": LiteTrunk,
    "timm": TimmTrunk,
}


def build_network(name: str, num_outputs: int, **settings: Any) -> nn.Module:
    """Build a network from plain settings, as a checkpoint records them.

    Args:
        name: ``lnet``, ``lite`` or ``timm`` for an `LNet` of that trunk, or ``anet``.
        num_outputs: attributes, or identities.
        settings: ANet's own; of an LNet ``head`` and ``hidden``, and its trunk's.

    Raises:
        ValueError: no network of that name.
    """
    if name == "anet":
        return ANet(num_outputs, **settings)
    if name not in TRUNKS:
        raise ValueError(f"expected a network among {', '.join(TRUNKS)}, anet, got {name!r}")
    head = {key: settings.pop(key) for key in ("head", "hidden") if key in settings}
    return LNet(TRUNKS[name](**settings), num_outputs, **head)
