"""What a region stage computes with, made of its parameters and kept until one changes."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vision_shared.region import execution
from vision_shared.region.kernels.stage_cpu import DenseConvolution, Product
from vision_shared.region.program import Convolve, Program

Layout = Literal["taps_last", "taps_first", "map"]


class Packed:
    """Folded weights in the forms that passes want, by the number of the step; copies start empty.

    Args:
        program: program of the stage, whose parameters are given with each call.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._made_of: tuple[Any, ...] = ()
        self._made: dict[Any, dict[int, Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Packed, (self.program,)

    def weights(
        self, stage: nn.Module, dtype: torch.dtype | None, layout: Layout
    ) -> dict[int, execution.Weights]:
        """Return weights of a type, None being their own, and in the memory order of a pass."""

        def make(step: Convolve, weight: Tensor, bias: Tensor) -> execution.Weights:
            kind = dtype or weight.dtype
            return _LAYOUTS[layout](weight.to(kind)), bias.to(kind)

        return self._get((layout, dtype), stage, make)

    def products(self, stage: nn.Module) -> dict[int, Product]:
        """Return the matrix products of the program's convolutions by their index, packed once."""

        def make(step: Convolve, weight: Tensor, bias: Tensor) -> Product:
            widths = tuple(self.program.channels[value] for value in step.writes)
            return Product(_taps(weight), bias, widths, step.residual is not None)

        return self._get("products", stage, make)

    def convolutions(self, stage: nn.Module) -> dict[int, DenseConvolution]:
        """Return the dense convolutions of the program by their index, packed once."""
        return self._get(
            "convolutions",
            stage,
            lambda step, weight, bias: DenseConvolution(weight, bias, step.dilation),
        )

    def _get(self, kind: Any, stage: nn.Module, make: Callable[..., Any]) -> dict[int, Any]:
        tensors = [*stage.parameters(), *stage.buffers()]
        made_of = tuple((x.data_ptr(), x._version, x.dtype, x.device) for x in tensors)
        if made_of != self._made_of:
            self._made_of, self._made = made_of, {}
        if kind not in self._made:
            with torch.no_grad():
                folded = execution.fold(stage, self.program)
                steps = self.program.steps
                self._made[kind] = {i: make(steps[i], *wb) for i, wb in folded.items()}
        return self._made[kind]


def _taps(weight: Tensor) -> Tensor:
    """Return the weight (O, C, kh, kw) as (T, C, O), taps in raster order."""
    return weight.permute(2, 3, 1, 0).flatten(0, 1)


def _taps_last(weight: Tensor) -> Tensor:
    """Return the weight (O, C, kh, kw) in the memory order of its taps (T, C, O)."""
    return weight.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1)


def _taps_first(weight: Tensor) -> Tensor:
    """Return it in the memory order (T, O, C), which the kernel on CUDA reads."""
    return weight.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)


def _of_map(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)


_LAYOUTS: dict[Layout, Callable[[Tensor], Tensor]] = {
    "taps_last": _taps_last,
    "taps_first": _taps_first,
    "map": _of_map,
}
