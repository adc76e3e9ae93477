"""How shared finds an installed task, and what it asks of one.

A task registers its Lightning module in its pyproject.toml:

    [project.entry-points."vision_shared.tasks"]
    voxel-flow = "voxel_flow.module:VoxelFlowModule"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision_shared.checkpoints import Checkpoint, fits_version
from vision_shared.inputs import InputError
from vision_shared.tables import Table

GROUP = "vision_shared.tasks"


class TaskModule(Protocol):
    """What the run loop uses of a task's LightningModule, beside Lightning's own interface."""

    net: nn.Module

    def panels(self, batch: Any) -> dict[str, np.ndarray]:
        """Draw the module's predictions on a batch: name -> (H, W, 3) uint8 RGB."""
        ...

    def tables(self) -> Sequence[Table]:
        """Return the result tables of the test that has just run, baselines beside ours."""
        ...

    def export_spec(self) -> "ExportSpec":
        """Return what `vision_shared.export` needs to export the network."""
        ...


@dataclass(frozen=True)
class ExportSpec:
    """A network to export.

    Attributes:
        network: function that takes and returns tensors only.
        example: its arguments, of a typical size.
        other: its arguments at another size, on which the exported program is checked.
        dynamic_shapes: dynamic shapes as for torch.export.export.
        outputs: names of what it returns.
    """

    network: nn.Module
    example: tuple[Tensor, ...]
    other: tuple[Tensor, ...]
    dynamic_shapes: Any
    outputs: tuple[str, ...]

    @classmethod
    def of_images(
        cls,
        network: nn.Module,
        outputs: Sequence[str],
        example: tuple[int, int, int],
        other: tuple[int, int, int],
        dynamic: Mapping[int, Dim],
    ) -> "ExportSpec":
        """Export a network of images (B, 3, H, W) whose answer is a named tuple.

        Args:
            network: function that takes the image alone.
            outputs: the names of the answer's tensors that the program returns; of one name it
                returns the tensor itself, else a tuple.
            example: B, H and W of the typical size.
            other: likewise of the size on which the program is checked.
            dynamic: the image's dimensions that may vary.
        """
        generator = torch.Generator().manual_seed(0)
        images = [torch.rand(b, 3, h, w, generator=generator) for b, h, w in (example, other)]
        exported = _ImageOutputs(network, outputs)
        return cls(exported, (images[0],), (images[1],), (dict(dynamic),), tuple(outputs))


class _ImageOutputs(nn.Module):
    """A network of images with plain tensors out."""

    def __init__(self, net: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.net = net
        self.names = tuple(names)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        answer = self.net(image)
        tensors = tuple(getattr(answer, name) for name in self.names)
        return tensors if len(tensors) > 1 else tensors[0]


def find_task(name: str) -> EntryPoint:
    """Return the entry point that the task ``name`` registers.

    Raises:
        InputError: no installed package registers it.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        raise InputError(
            f"no installed task is named {name!r} (installed: {', '.join(sorted(found.names))}); "
            f"install it: pip install -e {name}"
        )
    return found[name]


def load_module(checkpoint: Checkpoint) -> pl.LightningModule:
    """Rebuild the Lightning module that wrote a checkpoint; raises as `find_task`.

    Raises:
        CheckpointError: its contents do not fit the installed version of the task.
    """
    module_class = find_task(checkpoint.task).load()
    with fits_version(checkpoint.path):
        module = module_class(**checkpoint.hyper_parameters)
        state = checkpoint.state_dict
        if all(name.startswith("net.") for name in state):  # weights, without what trained them
            rest = module.state_dict().items()
            state = {n: v for n, v in rest if not n.startswith("net.")} | state
        module.load_state_dict(state)
    return module


def config_module(name: str) -> str:
    """Return the package that holds the task's config, e.g. ``voxel_flow.conf``."""
    return find_task(name).module.split(".")[0] + ".conf"
