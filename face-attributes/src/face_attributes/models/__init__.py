"""Networks that tag images of heads, and show where they looked.

Every network has the same contract (`face_attributes.models.tagging`): an image (B, 3, H, W),
float32 RGB in [0, 1]; it returns logits, the features that they are a linear function of, and its
named maps. LNets (``lnet``, ``lite``, ``timm``) take images of any size and have an averaged
``response``; so has ``tag_maps``, an LNet with a map for each tag. ANet (``anet``) takes patches of
its own size. ``lnets_anet`` holds all three of the method, each with that contract.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from face_attributes.models.anet import ANet, five_corners
from face_attributes.models.lite import LiteTrunk
from face_attributes.models.lnet import LNet, PaperTrunk
from face_attributes.models.lnets_anet import PARTS, LNetsANet
from face_attributes.models.response_grid import ResponseGrid
from face_attributes.models.tag_maps import TagMaps
from face_attributes.models.tagging import Tagging
from face_attributes.models.timm_trunk import TimmTrunk

__all__ = [
    "PARTS",
    "ANet",
    "LNet",
    "LNetsANet",
    "ResponseGrid",
    "TagMaps",
    "Tagging",
    "build_network",
    "five_corners",
]

TRUNKS: dict[str, Callable[..., nn.Module]] = {
    "lnet": PaperTrunk,
    "lite": LiteTrunk,
    "timm": TimmTrunk,
}


def build_network(name: str, num_outputs: int, **settings: Any) -> nn.Module:
    """Build a network from plain settings, as a checkpoint records them.

    Args:
        name: ``lnet``, ``lite`` or ``timm`` for an `LNet` of that trunk, ``tag_maps``, ``anet``,
            or ``lnets_anet`` for all of the method's networks.
        num_outputs: attributes.
        settings: ANet's own; of an LNet ``head`` and ``hidden``, and its trunk's; of all of them
            ``lnet_o``, ``lnet_s`` (or None) and ``anet``, the arguments for each, and
            ``num_identities`` of ANet.

    Raises:
        ValueError: no network of that name.
    """
    if name == "lnets_anet":
        return _build_all(num_outputs, **settings)
    if name == "anet":
        return ANet(num_outputs, **settings)
    if name == "tag_maps":
        return TagMaps(num_outputs, **settings)
    if name not in TRUNKS:
        raise ValueError(
            f"expected a network among {', '.join(TRUNKS)}, tag_maps, anet, lnets_anet, "
            f"got {name!r}"
        )
    head = {key: settings.pop(key) for key in ("head", "hidden") if key in settings}
    return LNet(TRUNKS[name](**settings), num_outputs, **head)


def _build_all(
    num_outputs: int,
    lnet_o: Mapping[str, Any],
    lnet_s: Mapping[str, Any] | None,
    anet: Mapping[str, Any],
    num_identities: int | None = None,
) -> LNetsANet:
    return LNetsANet(
        build_network(num_outputs=num_outputs, **lnet_o),
        None if lnet_s is None else build_network(num_outputs=num_outputs, **lnet_s),
        ANet(num_outputs, num_identities=num_identities, **anet),
    )
