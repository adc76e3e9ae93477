"""What tasks' ``import_weights`` commands share: from a file of other authors to a checkpoint."""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vision_shared.inputs import CommandParser, ExitCode, check_output
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from torch import Tensor


class Imported(NamedTuple):
    """What a file of weights becomes.

    Attributes:
        hyper_parameters: arguments of the task's module.
        weights: state dict of its network.
        summary: description of what was imported, in a few words.
    """

    hyper_parameters: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    summary: str


def import_command(
    parser: CommandParser,
    task: str,
    read: Callable[[Path], Imported],
    arguments: Sequence[str] | None = None,
) -> int:
    """Read the file that the command line names, write a checkpoint; return the exit code.

    Args:
        parser: parser of the command; the arguments are added here.
        task: name of the task.
        read: reader of the file, which raises InputError for one that it cannot take.
        arguments: those of the command line; None is the process's own.
    """
    parser.add_argument("file", type=Path, help="the released weights")
    parser.add_argument("-o", "--output", type=Path, help="default: FILE with the suffix .ckpt")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    output = options.output or options.file.with_suffix(".ckpt")

    def work() -> ExitCode:
        check_output(output, overwrite=options.overwrite)
        imported = read(options.file)
        _write(output, task, imported)
        print(f"{output}: {imported.summary}; predict and evaluate take it")
        return ExitCode.DONE

    return answer(work, lambda line: print(f"import_weights: {line}", file=sys.stderr))


def _write(output: Path, task: str, imported: Imported) -> None:
    from vision_shared.checkpoints import write_checkpoint

    write_checkpoint(
        output,
        task=task,
        hyper_parameters=imported.hyper_parameters,
        state_dict={f"net.{name}": value for name, value in imported.weights.items()},
    )
