"""VGG-16 in two parts, as FashionNet and DFA have it.

Simonyan, Zisserman 2015, "Very Deep Convolutional Networks": its blocks conv1 to conv4 are shared,
each branch is a conv5 of its own. (Liu et al., CVPR 2016, section 3.1; Liu et al., ECCV 2016.)
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from fashion.models.trunk import Trunk
from vision_shared.layers import Normalise
from vision_shared.vgg_weights import copy_convolutions, copy_vgg16

_SHARED = (1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8)  # channels by the first's
_BRANCH = ("pool", 8, 8, 8)
_FULL = (0, 3)  # torchvision's indices of fc6 and fc7


def vgg16_trunk(
    num_branches: int, width: int = 64, grid: int = 7, weights: str | None = None
) -> Trunk:
    """Build VGG-16's convolutions: an eighth of the size (28x28 at 224 pixels), then a 16th.

    Args:
        num_branches: number of branches of the trunk.
        width: channels of the first convolution, of which the others are multiples; VGG-16's is 64.
        grid: cells a side, see `Trunk`; at 224 pixels 7 makes of it VGG's fifth pooling.
        weights: a file of torchvision's state dict for VGG-16, whose full connections, if it has
            them, go with the trunk; None starts from noise (He et al. 2015).

    Raises:
        ValueError: a file of something else.
        FileNotFoundError: no file of weights there.
    """
    shared = nn.Sequential(Normalise(), *_layers(_SHARED, 3, width))
    branches = tuple(
        nn.Sequential(*_layers(_BRANCH, 8 * width, width)) for _ in range(num_branches)
    )
    full = (
        ()
        if weights is None
        else copy_vgg16(Path(weights), lambda state: _copy(state, shared, branches))
    )
    return Trunk(shared, branches, 8 * width, 8, 8 * width, 16, grid, full)


def _layers(plan: tuple[int | str, ...], inputs: int, width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for factor in plan:
        if isinstance(factor, str):
            layers.append(nn.MaxPool2d(2))
            continue
        conv = nn.Conv2d(inputs, factor * width, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        layers += [conv, nn.ReLU()]
        inputs = factor * width
    return layers


def _copy(
    state: Mapping[str, Tensor], shared: nn.Module, branches: tuple[nn.Module, ...]
) -> tuple[tuple[Tensor, Tensor], ...]:
    """Copy torchvision's weights, the last block's into every branch; return fc6 and fc7."""
    first = [module for module in shared.modules() if isinstance(module, nn.Conv2d)]
    for branch in branches:
        last = [module for module in branch.modules() if isinstance(module, nn.Conv2d)]
        copy_convolutions([*first, *last], state)
    return tuple(
        (state[f"classifier.{index}.weight"], state[f"classifier.{index}.bias"])
        for index in _FULL
        if f"classifier.{index}.weight" in state
    )
