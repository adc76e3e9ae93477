"""ONNX of a network, for onnxruntime: any size and batch, our operators in terms of ONNX's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import InputError
from vision_shared.plain import one_line
from vision_shared.quiet import only_errors

if TYPE_CHECKING:
    from torch import Tensor
    from torch._ops import OpOverload
    from torch.export import ExportedProgram

SUFFIX = ".onnx"
OPSET = 20  # the first whose GridSample takes what PyTorch's does


def expect_onnx() -> None:
    """Raise InputError unless all that ONNX needs is installed."""
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"ONNX needs {', '.join(missing)}: pip install 'vision-shared[onnx]', "
            "or `make setup` in a checkout"
        )


def write_onnx(
    program: ExportedProgram, path: Path, outputs: Sequence[str], metadata: Mapping[str, str]
) -> None:
    """Write a program as an ONNX model, one file with its weights.

    Args:
        program: of `torch.export`; it may hold operators that have a decomposition
            (`vision_shared.decompositions`).
        path: file to write.
        outputs: names of what the program returns.
        metadata: entries of the model's metadata.

    Raises:
        InputError: onnx is not installed, or an operator has no form in ONNX.
    """
    import torch

    from vision_shared.decompositions import DECOMPOSITIONS, TRANSLATIONS

    expect_onnx()
    # advice to developers
    with only_errors("torch.onnx", "onnxscript", "onnx_ir"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            plain = program.run_decompositions({**DECOMPOSITIONS, **_of_torch()})
            model = torch.onnx.export(
                plain,
                (),
                output_names=outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
                custom_translation_table=dict(TRANSLATIONS),
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = one_line(error.__cause__ or error)
            raise InputError(f"{path}: the network has no form in ONNX: {reason}") from error
        assert model is not None
        model.model.metadata_props.update(metadata)
        model.save(path)


def _of_torch() -> dict[OpOverload, Callable[..., Any]]:
    """Return decompositions of PyTorch's operators that its exporter has none for."""
    import torch

    return {
        torch.ops.aten.adaptive_max_pool2d.default: _adaptive_max_pool,
        torch.ops.aten.argsort.stable: _argsort,
        torch.ops.aten.searchsorted.Tensor: _searchsorted,
    }


def _adaptive_max_pool(x: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the maxima of cells that differ in size, and no indices, which only gradients need."""
    import torch

    for dim, number in zip((2, 3), size, strict=True):
        side = x.shape[dim]
        spans = [(n * side // number, -(-(n + 1) * side // number)) for n in range(number)]
        cells = [x.narrow(dim, start, end - start).amax(dim) for start, end in spans]
        x = torch.stack(cells, dim)
    return x, torch.zeros_like(x, dtype=torch.int64)


def _argsort(x: Tensor, *, dim: int = -1, descending: bool = False, **_: Any) -> Tensor:
    """Sort by ONNX's TopK, which is stable: of equal values the first stays the first."""
    return x.topk(x.shape[dim], dim, largest=descending).indices


def _searchsorted(ascending: Tensor, values: Tensor) -> Tensor:
    """Count for each of any values how many of ascending (N,) are smaller, by ONNX's Unique."""
    import torch

    both = torch.cat([ascending, values.flatten()])
    distinct, index = torch.unique(both, return_inverse=True)
    own, wanted = index.split([ascending.shape[0], values.numel()])
    counts = torch.zeros_like(distinct).scatter_add(0, own, torch.ones_like(ascending))
    return (counts.cumsum(0) - counts)[wanted].view(values.shape)


def run_onnx(path: Path, arguments: Sequence[Tensor], threads: int = 1) -> list[Tensor]:
    """Return the outputs of an ONNX model on a CPU, in order."""
    import torch

    session = open_session(path, threads)
    inputs = {i.name: x.numpy() for i, x in zip(session.get_inputs(), arguments, strict=True)}
    return list(map(torch.from_numpy, session.run(None, inputs)))


def open_session(path: Path, threads: int = 1) -> Any:
    """Return an `onnxruntime.InferenceSession` on the CPU."""
    expect_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
