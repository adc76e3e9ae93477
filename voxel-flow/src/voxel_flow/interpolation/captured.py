"""A network's calls on CUDA as graphs, which the device replays without Python."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

MOST = 4
"""Graphs that are kept, each with the memory of a call: a clip has one size, its tiles a few."""

_WARM_UP = 2  # calls before a capture, which compile kernels and choose algorithms


class CapturedCalls:
    """Calls of a network whose weights stay where they are, captured once for each size and type.

    A network that takes a thousand small steps waits for Python rather than for the device. What
    cannot be captured is called as it is, with one warning.

    Args:
        network: network in evaluation, on a CUDA device; it takes tensors alone, and is called
            without gradients.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._calls: OrderedDict[Any, Callable[..., Any]] = OrderedDict()

    def __call__(self, *inputs: Tensor) -> Any:
        """Return what the network does, in tensors of one's own."""
        half = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
        key = half, *((x.shape, x.dtype) for x in inputs)
        if key not in self._calls:
            self._calls[key] = self._capture(half, inputs)
            if len(self._calls) > MOST:
                self._calls.popitem(last=False)
        self._calls.move_to_end(key)
        return self._calls[key](*inputs)

    def _capture(self, half: torch.dtype | None, inputs: tuple[Tensor, ...]) -> Callable[..., Any]:
        held = [x.clone() for x in inputs]
        graph = torch.cuda.CUDAGraph()
        # casts that autocast keeps for later would be of memory that the graph does not hold
        how = {"dtype": half, "enabled": half is not None, "cache_enabled": False}
        try:
            with torch.autocast("cuda", **how):
                side = torch.cuda.Stream()
                side.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(side):
                    for _ in range(_WARM_UP):
                        self.network(*held)
                torch.cuda.current_stream().wait_stream(side)
                with torch.cuda.graph(graph):
                    answer = self.network(*held)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            warnings.warn(f"a CUDA graph of the network failed: {reason}", stacklevel=2)
            return self.network

        def replay(*given: Tensor) -> Any:
            for target, source in zip(held, given, strict=True):
                target.copy_(source)
            graph.replay()
            return pytree.tree_map_only(Tensor, torch.clone, answer)

        return replay
