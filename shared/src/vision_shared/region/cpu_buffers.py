"""Passes of a stage's program on a CPU without gradients, in buffers that its steps share.

A result is written where it is needed: into its columns of a join, over the residual that it is
added to, or into a buffer that an earlier step has done with.
"""

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_shared.region.execution import take
from vision_shared.region.kernels.stage_cpu import DenseConvolution, Product
from vision_shared.region.program import Convolve, Join, Program, Step
from vision_shared.region.region import Region


class Plan(NamedTuple):
    """What can be known of the buffers before a pass."""

    columns: dict[int, tuple[int, int]]  # value -> the join that it is made in, its first column
    ends: list[list[int]]  # see Program.last_uses
    onward: set[int]  # steps inside a branch whose result only the next such step reads

    @classmethod
    def of(cls, program: Program) -> "Plan":
        """Return the plan of a program: which values are made in place, and where they end."""
        convolutions = [step for step in program.steps if isinstance(step, Convolve)]
        padded = {step.reads for step in convolutions if step.gathers}  # with a row of zeros
        whole = padded | {step.residual for step in convolutions}
        fresh = {value for step in convolutions if step.residual is None for value in step.writes}
        columns: dict[int, tuple[int, int]] = {}
        for step in program.steps:
            if isinstance(step, Join):
                starts = _starts([program.channels[value] for value in step.inputs])
                for value, start in zip(step.inputs, starts, strict=True):
                    if value in fresh - whole and value not in columns:
                        columns[value] = step.writes[0], start
        ends = program.last_uses()
        pairs = enumerate(zip(program.steps, program.steps[1:], ends[1:], strict=False))
        onward = {i for i, (step, after, ended) in pairs if _goes_on(step, after, ended)}
        return cls(columns, ends, onward)


def run_in_buffers(
    stage: nn.Module, program: Program, plan: Plan, rows: "Rows", x: Tensor, keep: bool
) -> Tensor:
    """Take the steps on rows (M, C) without a gradient; ``keep`` leaves ``x`` as it is."""
    values = _Values(program, plan, rows.num_rows, x, keep)
    for i, (step, ends) in enumerate(zip(program.steps, plan.ends, strict=True)):
        if isinstance(step, Convolve):
            if step.residual is None:
                outs = [values.new(value) for value in step.writes]
            else:
                outs = [values.successor(step.writes[0], step.residual, ends)]
            rows.convolve(i, step, values.whole(step.reads), outs)
        elif isinstance(step, Join):
            values.join(step)
        else:
            taken = take(stage, step, [values.read[value] for value in step.inputs])
            values.new(step.writes[0]).copy_(taken)
        values.end(ends)
    return values.read[program.output]


class Rows(Protocol):
    """Where a pass in buffers takes place: at a region's pixels, or at all."""

    num_rows: int

    def convolve(self, i: int, step: Convolve, source: Tensor, outs: list[Tensor]) -> None:
        """Compute convolution ``i`` of the program from rows ``source`` into ``outs``, in place."""
        ...


class RegionRows:
    """The active pixels of a region.

    Args:
        products: products by the number of the step.
        convolutions: values by the number of the step, given if the region is nearly
            everywhere: kernels inside a branch then take a whole map, which costs less than to
            gather for them.
        onward: Steps whose result such a kernel alone reads, the next: it stays a map.
        region: Where.
        x: The stage's input map, which frozen neighbours are read from.
    """

    def __init__(
        self,
        products: dict[int, Product],
        convolutions: dict[int, DenseConvolution] | None,
        onward: set[int],
        region: Region,
        x: Tensor | None,
    ) -> None:
        self.products, self.convolutions, self.region, self.x = products, convolutions, region, x
        self.onward = onward
        self.num_rows = region.num_tokens
        self.tables: dict[tuple[bool, tuple[int, int], tuple[int, int]], Tensor] = {}
        self.canvas: Tensor | None = None
        self.scratch = torch.empty(0)
        if convolutions is not None:
            self.rows = region.rows.int()  # picked faster than by int64
            self.inactive = _inactive(region)
            self.canvases: dict[int, Tensor] = {}  # by their channels, zero where inactive
            self.made: Tensor | None = None  # by the step before, if it goes on

    def convolve(self, i: int, step: Convolve, source: Tensor, outs: list[Tensor]) -> None:
        """Compute convolution ``i`` from rows of the region, gathered by neighbour."""
        table = None
        if self.convolutions is not None and _is_inside(step):
            self._convolve_all(i, step, source[: self.num_rows], outs[0])
            return
        if step.frozen and self.region.blocks is None:
            source = self._thaw(source[: self.num_rows])
            table = self._table(step, source.shape[0] - 1)
        elif step.gathers:
            if len(source) == self.num_rows:  # the stage's input, which only blocks let it read
                source = F.pad(source, (0, 0, 0, 1))
            source[self.num_rows] = 0
            table = self._table(step, self.num_rows)
        else:
            source = source[: self.num_rows]
        size = self.products[i].scratch_size(self.num_rows)
        if self.scratch.numel() < size:
            self.scratch = source.new_empty(size)
        self.products[i](source, table, outs, step.relu, self.scratch)

    def _convolve_all(self, i: int, step: Convolve, tokens: Tensor, out: Tensor) -> None:
        """Convolve a map that is zero where inactive, and pick the result's tokens."""
        assert self.convolutions is not None
        if self.made is None:
            pixels = self._canvas(tokens).index_copy_(0, self.region.rows, tokens)
        else:
            pixels = self.made.index_fill_(0, self.inactive, 0)
        image = pixels.unflatten(0, self.region.shape).permute(0, 3, 1, 2)
        self.made = self.convolutions[i](image, step.relu).permute(0, 2, 3, 1).flatten(0, 2)
        if i not in self.onward:
            torch.index_select(self.made, 0, self.rows, out=out)
            self.made = None

    def _canvas(self, tokens: Tensor) -> Tensor:
        channels = tokens.shape[1]
        if channels not in self.canvases:
            num_pixels = self.region.places.shape[0]
            self.canvases[channels] = tokens.new_zeros(num_pixels, channels)
        return self.canvases[channels]

    def _table(self, step: Convolve, zeros: int) -> Tensor:
        """Return the rows to gather, an output's taps one after another; none is row ``zeros``."""
        frozen = step.frozen and self.region.blocks is None
        key = frozen, step.kernel_size, step.dilation
        if key not in self.tables:
            find = self.region.pixels if frozen else self.region.neighbours
            table = find(step.kernel_size, step.dilation).t()
            self.tables[key] = torch.where(table < 0, zeros, table).flatten()
        return self.tables[key]

    def _thaw(self, tokens: Tensor) -> Tensor:
        """Return the input map's pixels and a row of zeros, the active ones as they are now."""
        if self.canvas is None:
            assert self.x is not None
            pixels = self.x.permute(0, 2, 3, 1).flatten(0, 2)
            self.canvas = torch.cat([pixels, pixels.new_zeros(1, pixels.shape[1])])
        return self.canvas.index_copy_(0, self.region.rows, tokens)


class MapRows:
    """All pixels of a map ``x`` (B * H * W, C); a kernel finds inactive ones as on a region."""

    def __init__(
        self,
        convolutions: dict[int, DenseConvolution],
        shape: tuple[int, int, int],
        region: Region | None,
        x: Tensor,
    ) -> None:
        self.convolutions, self.shape, self.x = convolutions, shape, x
        self.num_rows = x.shape[0]
        self.inactive: Tensor | None = None
        if region is not None and region.num_active < self.num_rows:
            self.inactive = _inactive(region)

    def restore(self, out: Tensor, frozen: bool) -> None:
        """Make inactive rows (B * H * W, C) those of the input map, or zero."""
        if self.inactive is None:
            return
        if frozen:
            out.index_copy_(0, self.inactive, self.x.index_select(0, self.inactive))
        else:
            out.index_fill_(0, self.inactive, 0)

    def convolve(self, i: int, step: Convolve, source: Tensor, outs: list[Tensor]) -> None:
        """Compute convolution ``i`` on the dense map, then restore its frozen pixels."""
        source = source[: self.num_rows]
        if step.gathers and source.data_ptr() != self.x.data_ptr():
            self.restore(source, step.frozen)
        if step.residual is not None:
            self.convolutions[i](self._map(source), step.relu, self._map(outs[0]))
            return
        out = self.convolutions[i](self._map(source), step.relu).permute(0, 2, 3, 1).flatten(0, 2)
        for part, made in zip(outs, out.split([part.shape[1] for part in outs], 1), strict=True):
            part.copy_(made)

    def _map(self, rows: Tensor) -> Tensor:
        """Return rows as the map (B, C, H, W) that they are, channels last in memory."""
        return rows.contiguous().unflatten(0, self.shape).permute(0, 3, 1, 2)


class _Values:
    """The values of a running pass, and the buffers that they are in.

    Attributes:
        read: value -> its rows (M, C).
    """

    def __init__(self, program: Program, plan: Plan, num_rows: int, x: Tensor, keep: bool) -> None:
        self.channels, self.plan, self.num_rows, self.x = program.channels, plan, num_rows, x
        self.read: dict[int, Tensor] = {0: x}
        self.own: dict[int, Tensor] = {} if keep else {0: x}  # value -> the buffer it has alone
        self.free: dict[int, list[Tensor]] = {}

    def new(self, value: int) -> Tensor:
        width = self.channels[value]
        if value in self.plan.columns:
            join, start = self.plan.columns[value]
            whole = self.read[join] if join in self.read else self.new(join)
            self.read[value] = whole[:, start : start + width]
        else:
            free = self.free.get(width)
            self.own[value] = free.pop() if free else self.x.new_empty(self.num_rows + 1, width)
            self.read[value] = self.own[value][: self.num_rows]
        return self.read[value]

    def successor(self, value: int, residual: int, ends: list[int]) -> Tensor:
        """Return where a value is that starts as the residual, in its place if that ends here."""
        if residual not in self.own or residual not in ends:
            return self.new(value).copy_(self.read[residual])
        self.own[value] = self.own.pop(residual)
        self.read[value] = self.read[residual]
        return self.read[value]

    def whole(self, value: int) -> Tensor:
        """Return the value's buffer if it has one, with the row at its end."""
        return self.own.get(value, self.read[value])

    def join(self, step: Join) -> None:
        """Copy those parts that were not made in the join."""
        (join,) = step.writes
        whole = self.read[join] if join in self.read else self.new(join)
        widths = [self.channels[value] for value in step.inputs]
        for value, part in zip(step.inputs, whole.split(widths, 1), strict=True):
            if self.plan.columns.get(value, (None,))[0] != join:
                part.copy_(self.read[value])

    def end(self, values: list[int]) -> None:
        for value in values:
            del self.read[value]
            if value in self.own and value != 0:
                self.free.setdefault(self.channels[value], []).append(self.own.pop(value))


def _is_inside(step: Step) -> bool:
    """Say whether a step is a kernel inside a branch, to which inactive neighbours are zero."""
    if not isinstance(step, Convolve) or step.residual is not None:
        return False
    return step.gathers and not step.frozen


def _goes_on(step: Step, after: Step, ended: list[int]) -> bool:
    """Say whether both steps are inside a branch, and the second alone reads the first."""
    if not _is_inside(step) or not _is_inside(after):
        return False
    (made,) = step.writes
    return after.inputs == [made] and made in ended


def _inactive(region: Region) -> Tensor:
    return (region.places < 0).nonzero().squeeze(1)


def _starts(widths: list[int]) -> list[int]:
    starts = [0]
    for width in widths:
        starts.append(starts[-1] + width)
    return starts[:-1]
