"""A convolutional network of timm, cut in two: shared layers, and the rest once a branch."""

from copy import deepcopy
from typing import Any

import torch
from timm.layers import freeze_batch_norm_2d
from timm.models import FeatureListNet
from torch import nn

from fashion.models.trunk import Trunk
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network


def timm_trunk(
    num_branches: int,
    model: str,
    stride: int = 8,
    grid: int = 4,
    pretrained: bool | str = False,
    last: int | None = None,
    frozen: bool = False,
) -> Trunk:
    """Build a trunk of a timm network whose layers follow one another.

    Args:
        num_branches: number of branches of the trunk; every branch starts from the same weights.
        model: timm's name of it, e.g. ``resnet50``, ``convnext_tiny``, ``mobilenetv3_large_100``.
        stride: stride of the last level that is shared, pixels; the levels behind it are the
            branch.
        grid: cells a side, see `Trunk`.
        pretrained: ImageNet weights, or a file of weights (`vision_shared.pretrained`).
        last: stride of the last level of the branches, pixels; None for the network's.
        frozen: the shared layers keep their weights, and all layers their batch statistics.

    Raises:
        ValueError: no such network, one that is no sequence of maps (B, C, h, w), or no such
            stride above its last level.
    """
    with torch.device("meta"):  # to be looked at alone
        _expect_maps(model, _levels(model).eval())
    network = _levels(model, pretrained=pretrained)
    info: Any = network.feature_info
    strides = info.reduction()
    if stride not in strides[:-1]:
        raise ValueError(f"expected a stride of {model} among {strides[:-1]}, got {stride}")
    level = max(i for i, value in enumerate(strides[:-1]) if value == stride)
    end = len(strides) - 1
    if last is not None:
        if last not in strides[level + 1 :]:
            raise ValueError(f"expected a last stride of {model} above {stride}, got {last}")
        end = max(i for i, value in enumerate(strides) if value == last)
    names = [info.module_name(number).replace(".", "_") for number in (level, end)]
    cut, stop = (list(network).index(name) + 1 for name in names)
    layers = list(network.values())
    if frozen:
        layers = [freeze_batch_norm_2d(layer) for layer in layers]
    config: Any = network.default_cfg
    shared = nn.Sequential(Normalise(config["mean"], config["std"]), *layers[:cut])
    if frozen:
        shared.requires_grad_(False)
    branches = tuple(deepcopy(nn.Sequential(*layers[cut:stop])) for _ in range(num_branches))
    channels = info.channels()
    return Trunk(shared, branches, channels[level], stride, channels[end], strides[end], grid)


def _levels(model: str, pretrained: bool | str = False) -> FeatureListNet:
    """Build a timm network as the sequence of its layers, up to its last level."""
    network: Any = create_network(model, pretrained)
    names = [level["module"] for level in network.feature_info]
    try:
        levels = FeatureListNet(
            network,
            out_indices=tuple(range(len(names))),
            flatten_sequential=any("." in name for name in names),
        )
    except AssertionError as error:
        raise ValueError(f"expected a model whose layers follow one another: {error}") from error
    levels.default_cfg = network.default_cfg
    return levels


def _expect_maps(model: str, network: FeatureListNet) -> None:
    config: Any = network.default_cfg
    info: Any = network.feature_info
    height, width = config["input_size"][1:]
    expected = [
        (1, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(info.channels(), info.reduction(), strict=True)
    ]
    got = [tuple(x.shape) for x in network(torch.empty(1, 3, height, width, device="meta"))]
    if got != expected:
        raise ValueError(
            f"expected a timm model whose layers follow one another and give maps {expected}, "
            f"got {model} with {got}"
        )
