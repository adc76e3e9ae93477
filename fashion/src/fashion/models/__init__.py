"""Networks that find garments, their landmarks, and what they are.

All take images (B, 3, H, W), float32 RGB in [0, 1]. `FashionNet` answers a `Recognition`,
`DeepFashionAlignment` an `Alignment` with landmarks and their states alone; both are trained in the
``phases`` that they name, which ``begin(phase)`` opens. `ClothesDetector` takes whole photographs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fashion.models.calibration import one_per_garment
from fashion.models.detector import ClothesDetector, Detection, known_boxes
from fashion.models.dfa import Alignment, DeepFashionAlignment, StageTarget
from fashion.models.fashionnet import FashionNet
from fashion.models.frozen_net import FrozenFashionNet, FrozenFeatures
from fashion.models.pipeline import Pipeline
from fashion.models.recognition import Recognition
from fashion.models.timm_trunk import timm_trunk
from fashion.models.trunk import Trunk, small_trunk
from fashion.models.vgg import vgg16_trunk
from vision_shared.inputs import InputError

__all__ = [
    "Alignment",
    "ClothesDetector",
    "DeepFashionAlignment",
    "Detection",
    "FashionNet",
    "Pipeline",
    "Recognition",
    "StageTarget",
    "build_detector",
    "build_network",
    "build_pipeline",
    "build_trunk",
    "known_boxes",
    "one_per_garment",
]

TRUNKS: dict[str, Callable[..., Trunk]] = {
    "small": small_trunk,
    "timm": timm_trunk,
    "vgg16": vgg16_trunk,
}


def build_network(
    name: str, num_categories: int, num_attributes: int, trunk: Mapping[str, Any], **settings: Any
) -> FashionNet | FrozenFashionNet | DeepFashionAlignment:
    """Build a network from plain settings, as a checkpoint records them.

    Args:
        name: ``fashionnet``, ``frozen`` or ``dfa``.
        num_categories: C; landmarks alone need none.
        num_attributes: A; likewise.
        trunk: ``name``, a key of `TRUNKS`, and its settings; those of `FrozenFeatures` for
            ``frozen``.
        settings: the network's own.

    Raises:
        ValueError: no network or trunk of that name.
        InputError: ``frozen`` without a trunk of timm.
    """
    if name == "fashionnet":
        return FashionNet(build_trunk(2, **trunk), num_categories, num_attributes, **settings)
    if name == "frozen":
        if "model" not in trunk:
            found = trunk.get("name")
            raise InputError(f"frozen: expected a trunk of timm, got {found!r}: trunk=imagenet")
        features = FrozenFeatures(trunk["model"], trunk["pretrained"])
        return FrozenFashionNet(features, num_categories, num_attributes, **settings)
    if name == "dfa":
        return DeepFashionAlignment(lambda: build_trunk(1, **trunk), **settings)
    raise ValueError(f"expected the network fashionnet, frozen or dfa, got {name!r}")


def build_detector(trunk: Mapping[str, Any], **settings: Any) -> ClothesDetector:
    """Build a detector from plain settings; raises as `build_trunk`."""
    return ClothesDetector(build_trunk(1, **trunk), **settings)


def build_pipeline(
    num_categories: int,
    num_attributes: int,
    network: Mapping[str, Any],
    detector: Mapping[str, Any] | None,
) -> Pipeline:
    """Build the networks of one checkpoint.

    Args:
        num_categories: C.
        num_attributes: A.
        network: the arguments of `build_network`, but for the two numbers.
        detector: those of `build_detector`; None has none.

    Raises:
        ValueError: as these two.
    """
    numbers = {"num_categories": num_categories, "num_attributes": num_attributes}
    return Pipeline(
        build_network(**numbers, **network),
        None if detector is None else build_detector(**detector),
    )


def build_trunk(num_branches: int, name: str, **settings: Any) -> Trunk:
    """Build a trunk.

    Raises:
        ValueError: no trunk of that name.
    """
    if name not in TRUNKS:
        raise ValueError(f"expected a trunk among {', '.join(TRUNKS)}, got {name!r}")
    return TRUNKS[name](num_branches, **settings)
