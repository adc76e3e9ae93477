"""A trunk of timm, cut into stages, on an eighth of the input's size."""

from collections.abc import Sequence
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

from vision_shared.inputs import InputError
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network

INCEPTION = "inception_resnet_v2"
STRIDE = 8
"""Pixels of the image to a cell of the grid."""


class TimmTrunk(nn.Module):
    """The layers of a timm network whose features come from its groups of layers, one by one.

    ResNets, EfficientNets, MobileNets, ConvNeXts and their kin dilate by timm's own
    ``output_stride``; Inception-ResNet-v2, for which timm has none, is changed here, and its
    weights fit as they are.

    Args:
        model: timm's name of it, e.g. ``inception_resnet_v2``, ``resnet50``, ``convnext_tiny``.
        cuts: the groups that a stage ends with, in order, e.g. ``layer2, layer3`` of ResNets,
            ``blocks.2, blocks.4`` of EfficientNets; the last stage ends with the network's last
            features. None is timm's own levels from an eighth of the size on.
        pretrained: ImageNet weights, or a file of weights (`vision_shared.pretrained`).

    Attributes:
        stages: nn.ModuleList, (B, 3, H, W) in [0, 1] -> (B, C, ceil(H/8), ceil(W/8)) -> ...
        channels: channels of each stage's output.

    Raises:
        InputError: no such network or cut, or the grid still changes behind the first stage.
    """

    def __init__(
        self, model: str, cuts: Sequence[str] | None = None, pretrained: bool | str = False
    ) -> None:
        super().__init__()
        network = _create(model, pretrained)
        levels: Any = network.feature_info
        groups = _groups(network, levels)
        names = list(groups)
        if cuts is None:
            cuts = [level["module"] for level in levels if level["reduction"] >= STRIDE][:-1]
        last = next(n for n in (levels[-1]["module"], _child(levels[-1]["module"])) if n in names)
        ends = [names.index(cut) if cut in names else -1 for cut in (*cuts, last)]
        if ends != sorted(set(ends)) or ends[0] < 0:
            layers = names[: names.index(last)]
            raise InputError(f"expected cuts among {layers}, in order, got {list(cuts)}")
        starts = [0, *(end + 1 for end in ends)]
        config: dict = network.pretrained_cfg  # type: ignore[assignment]
        self.stages = nn.ModuleList(
            nn.Sequential(*(groups[name] for name in names[start : end + 1]))
            for start, end in zip(starts, ends, strict=False)
        )
        first: Any = self.stages[0]
        if cuts_patches(model):
            first.insert(0, PadToStride(STRIDE))
        first.insert(0, Normalise(config["mean"], config["std"]))
        self.channels = self._measure(model)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the last stage's features."""
        x = image
        for stage in self.stages:
            x = stage(x)
        return x

    def _measure(self, model: str) -> tuple[int, ...]:
        was_training = self.training
        self.eval()
        with torch.no_grad():
            x = torch.zeros(1, 3, 96, 96)
            shapes = [(x := stage(x)).shape for stage in self.stages]
        self.train(was_training)
        if any(shape[2:] != (12, 12) for shape in shapes):
            sizes = [tuple(shape[2:]) for shape in shapes]
            raise InputError(
                f"expected stages of {model} on an eighth of 96x96 each, got {sizes}: "
                "cut behind its last stride"
            )
        return tuple(shape[1] for shape in shapes)


def cuts_patches(model: str) -> bool:
    """Whether a network cuts images into patches, and leaves out what is no whole patch."""
    return "convnext" in model


class PadToStride(nn.Module):
    """Pad images below and to the right to multiples of a stride, with zeros.

    Args:
        stride: pixels.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, ceil(H / stride) * stride, ceil(W / stride) * stride)."""
        height, width = image.shape[2:]
        return functional.pad(image, (0, -width % self.stride, 0, -height % self.stride))


def _groups(network: nn.Module, levels: Any) -> dict[str, nn.Module]:
    """Return the layers that follow one another, by name: children, or what is in those.

    A child whose parts are levels of features, as ``blocks.2`` is, is taken apart.
    """
    apart = {_child(level["module"]) for level in levels if "." in level["module"]}
    groups = {}
    for name, child in network.named_children():
        if name in apart and isinstance(child, nn.Sequential):
            groups |= {f"{name}.{part}": module for part, module in child.named_children()}
        else:
            groups[name] = child
    return groups


def _child(name: str) -> str:
    return name.split(".")[0]


def _create(model: str, pretrained: bool | str) -> nn.Module:
    if model == INCEPTION:
        network = create_network(model, pretrained)
        widen_inception(network)
        return network
    try:
        return create_network(model, pretrained, output_stride=STRIDE)
    except (TypeError, AssertionError):  # timm dilates no other MobileNets than the second
        network = create_network(model, pretrained)
        dilate(network)
        return network


def dilate(network: nn.Module) -> None:
    """Let a chain of convolutions keep an eighth of the size: later ones dilate, not stride."""
    stride = dilation = 1
    for conv in network.modules():
        if not isinstance(conv, nn.Conv2d):
            continue
        before = dilation
        if max(conv.stride) > 1 and stride >= STRIDE:
            dilation *= max(conv.stride)
            conv.stride = (1, 1)
        stride *= max(conv.stride)
        conv.dilation = (before, before)
        if not isinstance(conv, Conv2dSame):  # which pads by itself
            height, width = conv.kernel_size
            conv.padding = (before * (height // 2), before * (width // 2))


def widen_inception(network: nn.Module) -> None:
    """Let timm's Inception-ResNet-v2 keep an eighth of any input's size: ceil(S / 8).

    Every convolution and pool is padded; the two reductions neither stride nor pool (what they
    pooled passes through), and what follows them is dilated by 2 and 4 instead.
    """
    dilations = {"repeat_1": 2, "mixed_7a": 2, "repeat_2": 4, "block8": 4}
    for name, child in network.named_children():
        for module in child.modules():
            if isinstance(module, nn.Conv2d):
                _widen(module, dilations.get(name, 1), name in ("mixed_6a", "mixed_7a"))
            elif isinstance(module, nn.MaxPool2d):
                module.padding = 1
    network.get_submodule("mixed_6a").branch2 = nn.Identity()
    network.get_submodule("mixed_7a").branch3 = nn.Identity()


def _widen(conv: nn.Conv2d, dilation: int, keeps_grid: bool) -> None:
    if keeps_grid:
        conv.stride = (1, 1)
    height, width = conv.kernel_size
    conv.dilation = (dilation if height > 1 else 1, dilation if width > 1 else 1)
    conv.padding = (conv.dilation[0] * (height // 2), conv.dilation[1] * (width // 2))
