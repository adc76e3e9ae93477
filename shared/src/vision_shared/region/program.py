"""The steps of a stage, each as much as one matrix product can do.

Batch norm and a constant factor go into the weights, bias, residual and ReLU into the product,
and 1x1 convolutions that read the same value side by side into one product.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Outside = Literal["zero", "frozen", "nothing"]


@dataclass
class Filter:
    """One convolution of the stage: the names of its modules, and a factor on its result."""

    conv: str
    norm: str | None = None
    scale: float = 1.0


@dataclass
class Convolve:
    """``writes = act(convolution of reads + residual)``; each filter writes a value of its own."""

    filters: list[Filter]
    reads: int
    writes: list[int]
    kernel_size: tuple[int, int]
    dilation: tuple[int, int]
    frozen: bool = False
    residual: int | None = None
    relu: bool = False

    @property
    def inputs(self) -> list[int]:
        """Indices of the values that are read: the input, and the residual if there is one."""
        return [self.reads] if self.residual is None else [self.reads, self.residual]

    @property
    def gathers(self) -> bool:
        """Whether neighbours are read, so that rows outside the region matter."""
        return self.kernel_size != (1, 1)


@dataclass
class Join:
    """``writes`` is the values ``inputs`` side by side."""

    inputs: list[int]
    writes: list[int]


@dataclass
class Add:
    """``writes = act(sum of two values)``, where no convolution takes the sum into its product."""

    inputs: list[int]
    writes: list[int]
    relu: bool = False


@dataclass
class Activate:
    """``writes = act(inputs[0])``, by the module of that name; None is ReLU."""

    module: str | None
    inputs: list[int]
    writes: list[int]


Step = Convolve | Join | Add | Activate


@dataclass
class Program:
    """Steps in order; value 0 is the stage's input.

    Attributes:
        channels: channels of each value.
        outside: value of each tensor outside of the region.
        output: the value that the stage returns.
    """

    steps: list[Step] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    output: int = 0

    @property
    def num_products(self) -> int:
        """How many matrix products a pass takes."""
        return sum(isinstance(step, Convolve) for step in self.steps)

    def last_uses(self) -> list[list[int]]:
        """Return for each step the values that nothing reads after it."""
        seen = {self.output}
        uses: list[list[int]] = []
        for step in reversed(self.steps):
            uses.append([v for v in dict.fromkeys(step.inputs + step.writes) if v not in seen])
            seen.update(step.inputs + step.writes)
        return uses[::-1]


def merge_siblings(steps: list[Step]) -> Iterator[Step]:
    """Make one step of the 1x1 convolutions that read the same value and end the same way."""
    kinds = Counter(_sibling_key(step) for step in steps)
    merged: set[Any] = set()
    for step in steps:
        key = _sibling_key(step)
        if key is None or kinds[key] == 1:
            yield step
        elif key not in merged:
            merged.add(key)
            group = [x for x in steps if isinstance(x, Convolve) and _sibling_key(x) == key]
            filters = [x.filters[0] for x in group]
            assert isinstance(step, Convolve)
            yield replace(step, filters=filters, writes=[x.writes[0] for x in group])


def _sibling_key(step: Step) -> tuple[int, bool] | None:
    if isinstance(step, Convolve) and not step.gathers and step.residual is None:
        return step.reads, step.relu
    return None
