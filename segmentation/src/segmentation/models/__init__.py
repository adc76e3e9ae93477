"""Networks that give every pixel of an image a class.

Every network has the same contract (`segmentation.models.parsing`): an image (B, 3, H, W), float32
RGB in [0, 1], of any size, and in training its target (B, H, W); it returns scores at the image's
own pixels. Each is trained in the ``phases`` that it names: ``begin(phase)`` opens one, which
chooses what of the network is used and which of its parameters learn.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from segmentation.models.adelaide import ContextualPairs
from segmentation.models.cascade import LayerCascade
from segmentation.models.deeplab import DeepLab
from segmentation.models.dilated import DilatedNetwork
from segmentation.models.dpn import DeepParsingNetwork
from segmentation.models.fcn import FCN8s
from segmentation.models.inception import InceptionResNet
from segmentation.models.parsing import Head, Parsing
from segmentation.models.pyramid import PyramidTrunk
from segmentation.models.timm_trunk import TimmTrunk
from segmentation.models.trunk import SmallTrunk
from segmentation.models.vgg import Vgg16

__all__ = ["Head", "Parsing", "build_network"]

TRUNKS = {
    "small": SmallTrunk,
    "inception": InceptionResNet,
    "pyramid": PyramidTrunk,
    "timm": TimmTrunk,
    "vgg16": Vgg16,
}
NETWORKS = {
    "adelaide": ContextualPairs,
    "cascade": LayerCascade,
    "deeplab": DeepLab,
    "dilated": DilatedNetwork,
    "dpn": DeepParsingNetwork,
    "fcn": FCN8s,
}


def build_network(
    name: str, num_classes: int, trunk: Mapping[str, Any], **settings: Any
) -> nn.Module:
    """Build a network from plain settings, as a checkpoint records them.

    Args:
        name: name of the network, a key of `NETWORKS`.
        num_classes: L.
        trunk: ``name``, a key of `TRUNKS`, and its settings.
        settings: the network's own.

    Raises:
        ValueError: no network or trunk of that name.
    """
    return _find(NETWORKS, "network", name)(build_trunk(**trunk), num_classes, **settings)


def build_trunk(name: str, **settings: Any) -> nn.Module:
    """Build a trunk; raises as `build_network`."""
    return _find(TRUNKS, "trunk", name)(**settings)


def _find(table: Mapping[str, Any], what: str, name: str) -> Any:
    if name not in table:
        raise ValueError(f"expected a {what} among {', '.join(table)}, got {name!r}")
    return table[name]
