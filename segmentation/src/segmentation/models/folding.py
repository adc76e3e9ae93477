"""Batch norms folded into the convolutions before them, for evaluation."""

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval


class Folded:
    """An evaluation copy of a module with its norms folded; made again when a tensor has changed.

    It saves a pass over memory for each norm. A module that torch.fx cannot trace is used as it is.
    """

    def __init__(self) -> None:
        self._made_of: tuple[Any, ...] = ()
        self._made = nn.Module()

    def __reduce__(self) -> tuple[Any, ...]:
        return Folded, ()

    def __call__(self, module: nn.Module, x: Tensor) -> Any:
        """Return ``module(x)`` as in evaluation, without gradients."""
        tensors = [*module.parameters(), *module.buffers()]
        made_of = tuple((t.data_ptr(), t._version, t.dtype, t.device) for t in tensors)
        if made_of != self._made_of:
            self._made, self._made_of = fold_norms(module), made_of
        with torch.no_grad():
            return self._made(x)


def fold_norms(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation whose batch norms are parts of the convolutions before them."""
    folded = copy.deepcopy(module).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for conv_name, norm_name in _pairs(folded):
        conv, norm = folded.get_submodule(conv_name), folded.get_submodule(norm_name)
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm)
        with torch.no_grad():
            folded.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
        # timm has norms that activate
        folded.set_submodule(norm_name, getattr(norm, "act", nn.Identity()))
    return folded


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = (nn.Conv2d, _BatchNorm)
        return isinstance(m, known) or super().is_leaf_module(m, module_qualified_name)


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Return the names of convolutions that one norm alone reads, and of that norm."""
    try:
        graph = _Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, AttributeError):
        return []
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    pairs = []
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        norm = module.get_submodule(str(node.target))
        conv = module.get_submodule(str(before.target))
        once = calls[node.target] == calls[before.target] == len(before.users) == 1
        fits = isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm)
        if once and fits and norm.running_mean is not None:
            pairs.append((str(before.target), str(node.target)))
    return pairs
