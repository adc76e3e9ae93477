"""Turn the authors' released PyTorch checkpoint into one of ours.

    python -m voxel_flow.import_weights pytorch_voxel_flow.pth -o voxel-flow.ckpt

Their weights are for non-commercial use; they are not part of this project. The imported network
keeps their units, motion in fractions of the image (``flow_units: normalised``), and their batch
statistics. Where it was trained to extrapolate (``syn_type: extra``), its native time is 2.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.checkpoints import CheckpointError, load_torch
from vision_shared.commands import run_command
from vision_shared.importing import Imported, import_command
from vision_shared.inputs import CommandParser, check_input
from vision_shared.plain import one_line, shown

if TYPE_CHECKING:
    from torch import Tensor

LAYERS = {
    "conv1": (6, 1, 5),
    "conv2": (1, 2, 5),
    "conv3": (2, 4, 3),
    "bottleneck": (4, 4, 3),
    "deconv1": (8, 4, 3),
    "deconv2": (6, 2, 5),
    "deconv3": (3, 1, 5),
}
"""Inputs and outputs in multiples of the width (conv1's inputs: two frames), and kernel size."""
STATISTICS = ("weight", "bias", "running_mean", "running_var")
NATIVE_TIMES = {"inter": 0.5, "extra": 2.0}
# the objective plays no part in an imported network; these are the paper's numbers
OBJECTIVE = {
    "learning_rate": 1e-4,
    "warmup_steps": 0,
    "flow_smoothness": 0.01,
    "weight_smoothness": 0.005,
    "coarse_loss": 0.0,
}


def import_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a released checkpoint; nothing in the file is executed.

    Returns:
        The settings for `voxel_flow.models.build_network`, and the network's state dict.

    Raises:
        InputError: no such file, not a released checkpoint, weights of other shapes, or an unknown
            kind of synthesis.
    """
    check_input(path, "checkpoint")
    content = load_torch(path)
    try:
        kind = content["arch"]["model"]["syn_type"]
        released = {k.removeprefix("module."): v for k, v in content["state_dict"].items()}
        weights = convert(released)
    except (AttributeError, KeyError, TypeError) as error:
        reason = f"no {one_line(error)}" if isinstance(error, KeyError) else one_line(error)
        raise CheckpointError(f"{path}: not a released voxel-flow checkpoint ({reason})") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if not isinstance(kind, str) or kind not in NATIVE_TIMES:
        raise CheckpointError(f"{path}: expected syn_type inter or extra, got {shown(kind)}")
    settings = {
        "name": "paper",
        "width": weights["scales.0.head.weight"].shape[1],
        "flow_units": "normalised",
        "native_time": NATIVE_TIMES[kind],
    }
    return settings, weights


def convert(released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the released tensors to ours; the first convolution takes RGB, not BGR.

    Raises:
        KeyError: a tensor is missing.
        ValueError: one is no tensor of floating-point numbers, or of another shape.
    """
    import torch

    _expect_shapes(released)
    ours = {"scales.0.head.weight": released["conv4.weight"]}
    ours["scales.0.head.bias"] = released["conv4.bias"]
    for layer in LAYERS:
        ours[f"scales.0.{layer}.0.weight"] = released[f"{layer}.weight"]
        for name in STATISTICS:
            ours[f"scales.0.{layer}.1.{name}"] = released[f"{layer}_bn.{name}"]
        ours[f"scales.0.{layer}.1.num_batches_tracked"] = torch.tensor(0)
    first = "scales.0.conv1.0.weight"
    ours[first] = ours[first][:, [2, 1, 0, 5, 4, 3]]
    return {
        name: value.float() if value.is_floating_point() else value for name, value in ours.items()
    }


def _expect_shapes(released: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the tensors are those of a network as wide as its last layer."""
    width = _shape_of(released, "conv4.weight")[1:2]
    if not width:
        raise ValueError("conv4.weight is of no convolution")
    (w,) = width
    expected = {"conv4.weight": (3, w, 5, 5), "conv4.bias": (3,)}
    for layer, (inputs, outputs, kernel) in LAYERS.items():
        num_inputs = inputs * w if layer != "conv1" else inputs
        expected[f"{layer}.weight"] = (outputs * w, num_inputs, kernel, kernel)
        expected |= {f"{layer}_bn.{name}": (outputs * w,) for name in STATISTICS}
    for name, shape in expected.items():
        if (got := _shape_of(released, name)) != shape:
            raise ValueError(f"expected {name} of shape {shape}, got {got}")


def _shape_of(released: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    import torch

    tensor = released[name]
    is_dense = isinstance(tensor, torch.Tensor) and tensor.layout is torch.strided
    # one that repeats what it holds could be larger than any memory
    if not is_dense or not tensor.is_floating_point() or not tensor.is_contiguous():
        raise ValueError(f"expected {name} to be a dense tensor of floating-point numbers")
    return tuple(tensor.shape)


def read_released(path: Path) -> Imported:
    """Return a released checkpoint as ours has it; raises as `import_weights`."""
    settings, weights = import_weights(path)
    summary = f"it was trained for time {settings['native_time']}"
    return Imported({"network": settings, **OBJECTIVE}, weights, summary)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, import, check that the weights fit; return the exit code."""
    parser = CommandParser(
        prog="python -m voxel_flow.import_weights",
        description="Turn the authors' released PyTorch checkpoint into one of ours.",
    )
    return import_command(parser, "voxel-flow", read_released, arguments)


if __name__ == "__main__":
    run_command(main)
