"""A stage's passes on CUDA as graphs, where launches take longer than what is launched."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vision_shared.captured import Capture, CapturedCalls
from vision_shared.region import execution
from vision_shared.region.program import Convolve, Program
from vision_shared.region.region import Region

FEW = 2**14
"""Tokens at most, or pixels of a map. By arithmetic ten Inception-ResNet-B blocks take 370 GFLOP
for so many, 4 ms of a GPU of 100 TFLOP/s, and as many launches by Python take about as long."""

_ROOMS = 8  # for each doubling of the tokens: an eighth of what is computed may be no one's
_LEAST = 128  # tokens, a kernel's tile
_KEPT = {"rows": 16, "maps": 4}  # graphs

Weights = dict[int, execution.Weights]


class Graphs:
    """Captured passes of a program without gradients; copies start empty.

    Numbers of tokens share graphs, for no row reads one that is not in its tables: what is computed
    beyond the tokens is dropped.

    Args:
        program: program of the stage, which is given with each call, and its packed weights: the
            same object as long as they are valid.
        capture: see `CapturedCalls`.
    """

    def __init__(self, program: Program, capture: Capture | None = None) -> None:
        self.program, self._capture = program, capture
        gathers = [s for s in program.steps if isinstance(s, Convolve) and s.gathers]
        self._near = list(dict.fromkeys((s.kernel_size, s.dilation) for s in gathers))
        self._reads_outside = any(s.frozen for s in gathers)
        self._calls: dict[Any, tuple[Any, CapturedCalls]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Graphs, (self.program, self._capture)

    def take(self, region: Region) -> bool:
        """Whether the tokens of a region are few, and all that is read."""
        is_closed = region.blocks is not None or not self._reads_outside
        return is_closed and 0 < region.num_tokens <= FEW

    def on_rows(self, stage: nn.Module, weights: Weights, tokens: Tensor, region: Region) -> Tensor:
        """Return the stage's tokens (N, C') of a region's (N, C), which `take` has accepted."""

        def run(tokens: Tensor, *tables: Tensor) -> Tensor:
            near = dict(zip(self._near, tables, strict=True))
            convolve = execution.on_rows(weights, near)
            return execution.run(stage, self.program, tokens, convolve)

        tables = [region.neighbours(*near) for near in self._near]
        rows = room_for(len(tokens))
        room = [torch.Size([rows, tokens.shape[1]])]
        room += [torch.Size([len(table), rows]) for table in tables]
        return self._called("rows", weights, run)(tokens, *tables, room=room)[: len(tokens)]

    def on_maps(
        self, weights: Weights, run: Callable[..., Tensor], x: Tensor, mask: Tensor | None
    ) -> Tensor:
        """Return ``run(x, mask)``, the stage's dense pass with these weights."""
        return self._called("maps", weights, run)(x, *([] if mask is None else [mask]))

    def _called(self, kind: str, weights: Weights, run: Callable[..., Tensor]) -> CapturedCalls:
        """Return the captured calls with these weights; those with others are dropped."""
        key = kind, next(iter(weights.values()))[0].dtype
        made_with, calls = self._calls.get(key, (None, None))
        if calls is None or made_with is not weights:
            calls = CapturedCalls(run, _KEPT[kind], self._capture)
            self._calls[key] = weights, calls
        return calls


def room_for(number: int) -> int:
    """Return how many rows the graph for this number of tokens has.

    >>> [room_for(n) for n in (1, 129, 1000, 1025)]
    [128, 256, 1024, 1152]
    """
    step = max(_LEAST, (1 << (number - 1).bit_length()) // 2 // _ROOMS)
    return -(-number // step) * step
