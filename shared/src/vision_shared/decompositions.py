"""Operators of ours in terms of PyTorch's own, for formats that do not know ours.

A program of `torch.export` keeps our operators, one node each; `torch.onnx` would not know what
they are. Each file that registers an operator for a forward pass registers its decomposition too;
one that calls another library's operator says what it is in ONNX.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from torch._library.custom_ops import CustomOpDef
from torch._ops import OpOverload

Function = TypeVar("Function", bound=Callable[..., Any])

DECOMPOSITIONS: dict[OpOverload, Callable[..., Any]] = {}
"""By operator, a function of the same arguments, traced in its place; no gradient is asked for."""

TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""By operator, a function of the same arguments that calls ONNX's operators (onnxscript)."""


def decomposes(operator: CustomOpDef) -> Callable[[Function], Function]:
    """Register the decorated function as the operator's decomposition."""

    def register(function: Function) -> Function:
        DECOMPOSITIONS[operator._opoverload] = function
        return function

    return register


def translates(operator: OpOverload) -> Callable[[Function], Function]:
    """Register the decorated function as what the operator is in ONNX."""

    def register(function: Function) -> Function:
        TRANSLATIONS[operator] = function
        return function

    return register
