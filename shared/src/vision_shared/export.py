"""Export a checkpoint's network: as a program that runs without the task's package, or as weights.

    python -m vision_shared.export CHECKPOINT -o network.pt2
    python -m vision_shared.export CHECKPOINT -o network.onnx
    python -m vision_shared.export CHECKPOINT -o network.safetensors [--half]

A program takes any size (and batch) the network takes. To run a .pt2: ``import
vision_shared.layers`` and, for a layer cascade, ``vision_shared.region`` (they register our
operators), then ``torch.export.load("network.pt2").module()(*tensors)``. ONNX needs nothing of
ours, and extra ``[onnx]`` to be written.

A task whose package has a module ``model_card`` with ``model_card(checkpoint) -> str`` has its text
written beside the model, as ``network.pt2.md``.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.checkpoints import WEIGHTS_SUFFIX, metadata_of
from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError, check_output, new_file
from vision_shared.onnx_export import SUFFIX, expect_onnx, run_onnx, write_onnx
from vision_shared.plain import one_line
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram

    from vision_shared.checkpoints import Checkpoint
    from vision_shared.tasks import ExportSpec

SUFFIXES = (".pt2", SUFFIX, WEIGHTS_SUFFIX)


def export(checkpoint: Checkpoint, output: Path, *, overwrite: bool = False) -> float:
    """Export to ``output``, and compare the program with the network at another size.

    A network of many operators takes torch a minute: it proves for each that it takes every size.
    ONNX, which is translated from the same program, takes another.

    Returns:
        The largest absolute difference between the two outputs.

    Raises:
        InputError: ``output`` is there and ``overwrite`` is false, or torch cannot prove that the
            network takes every size.
    """
    import torch

    from vision_shared.tasks import load_module

    if output.suffix == SUFFIX:
        expect_onnx()
    spec: ExportSpec = load_module(checkpoint).eval().export_spec()  # type: ignore[operator]
    with new_file(output, overwrite=overwrite) as temporary, torch.no_grad():
        program, found = _program(checkpoint.path, spec)
        if output.suffix == SUFFIX:
            write_onnx(program, temporary, spec.outputs, metadata_of(checkpoint))
            found = run_onnx(temporary, spec.other)
        else:
            torch.export.save(program, temporary)
        pairs = zip(found, _listed(spec.network(*spec.other)), strict=True)
        return max(float((ours - theirs).abs().max()) for ours, theirs in pairs)


def _program(path: Path, spec: ExportSpec) -> tuple[ExportedProgram, list[Tensor]]:
    """Return the network as a program, and what that returns at the other size."""
    import torch

    try:
        program = torch.export.export(
            spec.network, spec.example, dynamic_shapes=spec.dynamic_shapes
        )
        # which asserts what torch took for granted
        return program, _listed(program.module()(*spec.other))
    except (torch._dynamo.exc.UserError, AssertionError) as error:
        raise InputError(
            f"{path}: its network cannot be exported for every size ({one_line(error)}); "
            f"{WEIGHTS_SUFFIX} is possible"
        ) from error


def _listed(output: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return list(output) if isinstance(output, tuple) else [output]


def half_difference(checkpoint: Checkpoint) -> float:
    """Return how far outputs move, at most, where the network's weights are rounded to float16."""
    import torch

    from vision_shared.tasks import load_module

    spec: ExportSpec = load_module(checkpoint).export_spec()  # type: ignore[operator]
    spec.network.eval()
    with torch.no_grad():
        exact = _listed(spec.network(*spec.example))
        rounded = _listed(spec.network.half().float()(*spec.example))
    return max(float((a - b).abs().max()) for a, b in zip(exact, rounded, strict=True))


def describe(checkpoint: Checkpoint) -> str | None:
    """Return the model card that the checkpoint's task writes; None of a task without one."""
    from vision_shared.tasks import find_task

    name = find_task(checkpoint.task).module.split(".")[0] + ".model_card"
    return None if find_spec(name) is None else import_module(name).model_card(checkpoint)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and export; return the exit code."""
    parser = CommandParser(
        prog="python -m vision_shared.export",
        description="Export a checkpoint's network as a program (.pt2, .onnx) or weights.",
    )
    parser.add_argument("checkpoint", help="a checkpoint, its address, or `last` (with --task)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help=f"a name in {', '.join(SUFFIXES)}"
    )
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--half", action="store_true", help="weights as float16, half the size")
    parser.add_argument("--task", help="the task that the checkpoint has to be of")
    options = parser.parse_args(arguments)
    if options.output.suffix not in SUFFIXES:
        parser.error(f"{options.output}: expected a name in {', '.join(SUFFIXES)}")

    return answer(lambda: _export(options), lambda line: print(f"export: {line}", file=sys.stderr))


def _export(options: Namespace) -> ExitCode:
    from vision_shared.checkpoints import write_weights
    from vision_shared.evaluate import find_checkpoint
    from vision_shared.tasks import load_module

    checkpoint = find_checkpoint(options.checkpoint, options.task)
    card, card_path = describe(checkpoint), Path(f"{options.output}.md")
    if card is not None:
        check_output(card_path, overwrite=options.overwrite)
    if options.output.suffix == WEIGHTS_SUFFIX:
        load_module(checkpoint)  # else no one could use them
        write_weights(options.output, checkpoint, overwrite=options.overwrite, half=options.half)
        if options.half:
            print(f"float16 moves the outputs by at most {half_difference(checkpoint):.1e}")
        print(f"{options.output}: {options.output.stat().st_size / 2**20:.1f} MiB")
    else:
        difference = export(checkpoint, options.output, overwrite=options.overwrite)
        print(f"{options.output}: differs from the network by at most {difference:.1e}")
    if card is not None:
        with new_file(card_path, overwrite=options.overwrite) as temporary:
            temporary.write_text(card, encoding="utf-8")
        print(f"{card_path}: its data, licences, metrics and limits")
    return ExitCode.DONE


if __name__ == "__main__":
    run_command(main)
