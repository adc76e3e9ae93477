"""Torchvision's weights of VGG-16 for networks that keep its convolutions.

Simonyan, Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition".
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from vision_shared.checkpoints import load_torch

_MISFITS = (AttributeError, KeyError, RuntimeError, TypeError, ValueError)

Result = TypeVar("Result")


def copy_vgg16(path: Path, copy: Callable[[Mapping[str, Tensor]], Result]) -> Result:
    """Return what `copy` makes of torchvision's state dict of VGG-16 in a file.

    Raises:
        ValueError: the file holds something else, or what does not fit.
        FileNotFoundError: no such file.
    """
    state = load_torch(path)
    try:
        return copy(state)
    except _MISFITS as error:
        raise ValueError(
            f"{path}: expected torchvision's state dict of VGG-16 (vgg16-397923af.pth): {error}"
        ) from error


def copy_convolutions(convolutions: Sequence[nn.Module], state: Mapping[str, Tensor]) -> None:
    """Copy the 13 convolutions of VGG-16, in order.

    Raises:
        ValueError: another number of convolutions, or of channels.
        KeyError: no such weights.
    """
    indices = sorted({int(key.split(".")[1]) for key in state if key.startswith("features.")})
    for convolution, index in zip(convolutions, indices, strict=True):
        weight, bias = (state[f"features.{index}.{name}"] for name in ("weight", "bias"))
        copy_convolution(convolution, weight, bias)


def copy_convolution(convolution: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Copy weights of the very shape, which broadcasting would not ask for.

    Raises:
        ValueError: another shape, or a convolution without a bias.
    """
    assert isinstance(convolution, nn.Conv2d)
    if weight.shape != convolution.weight.shape or convolution.bias is None:
        raise ValueError(f"expected {tuple(convolution.weight.shape)}, got {tuple(weight.shape)}")
    with torch.no_grad():
        convolution.weight.copy_(weight)
        convolution.bias.copy_(bias)
