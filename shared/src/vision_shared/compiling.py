"""torch.compile of a network, in the parts by which it is trained."""

from typing import Any

from torch import nn


def compile_network(network: nn.Module, **options: Any) -> None:
    """Compile in place the parts that a network names; a checkpoint's names stay as they are.

    A container whose parts are called one by one would itself never be called, and what chooses
    rows or sizes by the data breaks a graph at every choice. So a network may have a method
    ``compiled_parts()``: the modules that are called, and whose calls are each one graph. Without
    it the whole network is one.

    Args:
        network: it, or its parts, all of which may name parts of their own.
        options: options of torch.compile.
    """
    for part in parts_of(network):
        part.compile(**options)


def parts_of(network: nn.Module) -> list[nn.Module]:
    """Return the modules that `compile_network` compiles."""
    named: Any = getattr(network, "compiled_parts", None)
    if named is None:
        return [network]
    return [part for child in named() for part in parts_of(child)]
