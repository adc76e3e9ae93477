"""Reads a stage of a network as a program: torch.fx traces it, and each call becomes a step.

What a stage computes is zero outside the region; its input is *frozen* there, and so is a residual
sum that starts from it. A sum or a join of other make has no values outside at all: convolutions
of 1x1 read it, larger ones cannot.
"""

import operator
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import fx, nn

from vision_shared.region.program import (
    Activate,
    Add,
    Convolve,
    Filter,
    Join,
    Outside,
    Program,
    Step,
    merge_siblings,
)

_SAME = (nn.Identity, nn.Dropout, nn.Dropout2d)
_POINTWISE = (nn.GELU, nn.SiLU, nn.Hardswish, nn.LeakyReLU, nn.ReLU6, nn.ELU)
_ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
_MULTIPLY = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
_RELU = (torch.relu, torch.relu_, F.relu, F.relu_, "relu", "relu_")
_IN_PLACE = (operator.iadd, torch.relu_, F.relu_, "add_", "relu_")
_JOIN = (torch.cat, torch.concat)


def lower(stage: nn.Module, name: str) -> Program:
    """Return the program of a stage in eval mode.

    Raises:
        ValueError: It does what cannot be done on a region alone; the module is named.
    """
    tracer = _Tracer()
    try:
        graph = tracer.trace(stage)
    except (fx.proxy.TraceError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} cannot run on a region: it cannot be traced: {error}") from error
    return _Lowering(stage, graph, name).program()


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = (nn.Conv2d, nn.modules.batchnorm._BatchNorm)  # libraries have kinds of their own
        return isinstance(m, known) or super().is_leaf_module(m, module_qualified_name)


class _Lowering:
    """Goes through a traced graph once, and fuses into the step before where that step allows."""

    def __init__(self, stage: nn.Module, graph: fx.Graph, name: str) -> None:
        self.stage, self.graph, self.name = stage, graph, name
        self.made = Program()
        self.values: dict[fx.Node, int] = {}
        self.writers: dict[int, Step] = {}

    def program(self) -> Program:
        self._drop_identities()
        for node in self.graph.nodes:
            if node.op == "placeholder":
                self._add_input(node)
            elif node.op == "output":
                self._set_output(node)
            elif node.op == "call_module":
                self._lower_module(node, self.stage.get_submodule(str(node.target)))
            else:
                self._lower_function(node)
        program = self.made
        program.steps = list(merge_siblings(program.steps))
        return program

    def _drop_identities(self) -> None:
        for node in list(self.graph.nodes):
            if node.op == "call_module" and (
                isinstance(self.stage.get_submodule(str(node.target)), _SAME)
                or type(self.stage.get_submodule(str(node.target))).__name__ == "DropPath"
            ):
                node.replace_all_uses_with(node.args[0])
                self.graph.erase_node(node)

    def _add_input(self, node: fx.Node) -> None:
        if self.values:
            self._refuse(node, "it takes more than one map")
        self.values[node] = self._value(0, "frozen")

    def _set_output(self, node: fx.Node) -> None:
        result = node.args[0]
        if not isinstance(result, fx.Node):
            self._refuse(node, "it returns more than one map")
        self.made.output = self.values[result]
        if not self.made.steps:
            self._refuse(node, "it computes nothing")

    def _lower_module(self, node: fx.Node, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            self._convolve(node, module)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            self._normalise(node, module)
        elif isinstance(module, nn.ReLU):
            self._rectify(node)
        elif isinstance(module, _POINTWISE):
            self._activate(node, str(node.target))
        else:
            self._refuse(node, f"{type(module).__name__} does not act on each pixel alone")

    def _lower_function(self, node: fx.Node) -> None:
        if node.target in _RELU:
            self._rectify(node)
        elif node.target in _JOIN:
            self._join(node)
        elif node.target in _ADD and all(isinstance(x, fx.Node) for x in node.args):
            self._sum(node)
        elif node.target in _MULTIPLY:
            self._scale(node)
        else:
            what = getattr(node.target, "__name__", node.target)
            self._refuse(node, f"'{what}' is not known to act on each pixel alone")

    def _convolve(self, node: fx.Node, conv: nn.Conv2d) -> None:
        kernel_size, dilation = _pair(conv.kernel_size), _pair(conv.dilation)
        why = _why_not_same_size(conv)
        if why:
            self._refuse(node, why)
        reads = self._read(node.args[0])
        self.made.channels[reads] = conv.in_channels
        larger, outside = kernel_size != (1, 1), self.made.outside[reads]
        if larger and outside == "nothing":
            size = "x".join(map(str, kernel_size))
            self._refuse(node, f"its {size} kernel reads sums that inactive pixels do not have")
        writes = self._value(conv.out_channels, "zero")
        frozen = larger and outside == "frozen"
        filters = [Filter(str(node.target))]
        step = Convolve(filters, reads, [writes], kernel_size, dilation, frozen)
        self._append(node, step)

    def _normalise(self, node: fx.Node, norm: Any) -> None:
        if norm.training or norm.running_mean is None:
            self._refuse(node, "batch norm takes statistics of the batch: call .eval() first")
        step = self._open_convolution(node.args[0])
        if step is None or step.filters[0].norm or step.filters[0].scale != 1:
            self._refuse(node, "batch norm follows no convolution that it could be folded into")
        step.filters[0].norm = str(node.target)
        self.values[node] = step.writes[0]
        act = getattr(norm, "act", nn.Identity())  # timm has norms that activate
        drop = getattr(norm, "drop", nn.Identity())
        if not isinstance(drop, _SAME) or not isinstance(act, (*_SAME, *_POINTWISE, nn.ReLU)):
            self._refuse(node, f"{type(act).__name__} is not known to act on each pixel alone")
        if isinstance(act, nn.ReLU):
            step.relu = True
        elif isinstance(act, _POINTWISE):
            self._append(node, Activate(f"{node.target}.act", [step.writes[0]], [self._like(node)]))

    def _scale(self, node: fx.Node) -> None:
        x, factor = sorted(node.args, key=lambda arg: not isinstance(arg, fx.Node))
        step = self._open_convolution(x)
        if step is None or not isinstance(factor, (int, float)):
            self._refuse(node, "a product of anything but a convolution's result and a number")
        step.filters[0].scale *= factor
        self.values[node] = step.writes[0]

    def _rectify(self, node: fx.Node) -> None:
        reads = self._read(node.args[0])
        self._expect_sole_reader(node)
        step = self.writers.get(reads)
        if isinstance(step, (Convolve, Add)) and self._is_last_reader(node.args[0]):
            step.relu = True
            self.values[node] = reads
        else:
            self._activate(node, None)

    def _activate(self, node: fx.Node, module: str | None) -> None:
        reads = self._read(node.args[0])
        self.values[node] = reads
        self._append(node, Activate(module, [reads], [self._like(node)]))

    def _sum(self, node: fx.Node) -> None:
        first, second = node.args
        self._expect_sole_reader(node)
        inputs = [self._read(first), self._read(second)]
        frozen = "frozen" in (self.made.outside[value] for value in inputs)
        for arg, other in ((first, inputs[1]), (second, inputs[0])):
            step = self._open_convolution(arg)
            if step is not None and first is not second:
                step.residual = other
                # what it adds may have been made after it
                self.made.steps.append(self.made.steps.pop(self.made.steps.index(step)))
                self.made.outside[step.writes[0]] = "frozen" if frozen else "nothing"
                self.values[node] = step.writes[0]
                return
        channels = max(self.made.channels[value] for value in inputs)
        writes = self._value(channels, "frozen" if frozen else "nothing")
        self._append(node, Add(inputs, [writes]))

    def _join(self, node: fx.Node) -> None:
        parts, dim = node.args[0], node.kwargs.get("dim", node.args[1] if node.args[1:] else 0)
        if dim not in (1, -3):
            self._refuse(node, f"it joins along dimension {dim}, not along the channels")
        assert isinstance(parts, (list, tuple))
        inputs = [self._read(part) for part in parts]
        if 0 in inputs and not self.made.channels[0]:
            self._refuse(node, "it joins the input before any convolution tells its channels")
        zero = all(self.made.outside[value] == "zero" for value in inputs)
        channels = sum(self.made.channels[value] for value in inputs)
        writes = self._value(channels, "zero" if zero else "nothing")
        self._append(node, Join(inputs, [writes]))

    def _open_convolution(self, node: Any) -> Convolve | None:
        """Return the step that wrote a value which nothing else reads, if more fits into it."""
        step = self.writers.get(self._read(node))
        if not isinstance(step, Convolve) or not self._is_last_reader(node):
            return None
        return step if step.residual is None and not step.relu else None

    def _expect_sole_reader(self, node: fx.Node) -> None:
        """Refuse a step that works in place on what others read, too."""
        module = self.stage.get_submodule(str(node.target)) if node.op == "call_module" else None
        changes = getattr(module, "inplace", False) or node.target in _IN_PLACE
        if changes and not self._is_last_reader(node.args[0]):
            self._refuse(node, "it changes in place what others read")

    def _is_last_reader(self, node: Any) -> bool:
        return len(node.users) == 1

    def _read(self, node: Any) -> int:
        if not isinstance(node, fx.Node) or node not in self.values:
            raise ValueError(f"{self.name} cannot run on a region: it reads {node}, not a map")
        return self.values[node]

    def _value(self, channels: int, outside: Outside) -> int:
        self.made.channels.append(channels)
        self.made.outside.append(outside)
        return len(self.made.channels) - 1

    def _like(self, node: fx.Node) -> int:
        """Return a new value like the one of ``node``, after an activation."""
        value = self.values[node]
        zero = self.made.outside[value] == "zero"
        return self._value(self.made.channels[value], "zero" if zero else "nothing")

    def _append(self, node: fx.Node, step: Step) -> None:
        self.made.steps.append(step)
        self.values[node] = step.writes[0]
        self.writers[step.writes[0]] = step

    def _refuse(self, node: fx.Node, why: str) -> NoReturn:
        path = str(node.target) if node.op in ("call_module", "get_attr") else ""
        owners = list(node.meta.get("nn_module_stack") or {})
        path = path or (owners[-1] if owners else "")
        module = f"{self.name}.{path}" if path else self.name
        raise ValueError(f"{module} cannot run on a region: {why}")


def _why_not_same_size(conv: nn.Conv2d) -> str | None:
    """Say why a convolution does not map each pixel and its neighbours to that pixel."""
    kernel_size, dilation = _pair(conv.kernel_size), _pair(conv.dilation)
    centred = tuple(d * (k - 1) // 2 for k, d in zip(kernel_size, dilation, strict=True))
    if conv.groups != 1:
        return f"it has {conv.groups} groups"
    if conv.stride != (1, 1):
        return f"it has stride {conv.stride}"
    if any(k % 2 == 0 for k in kernel_size):
        return f"its kernel {kernel_size} is even"
    if conv.padding not in (centred, "same"):
        return f"it changes the map's size: padding {conv.padding}, not {centred}"
    if conv.padding_mode != "zeros" and kernel_size != (1, 1):
        return f"it pads with {conv.padding_mode}, not zeros"
    return None


def _pair(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    return height, width
