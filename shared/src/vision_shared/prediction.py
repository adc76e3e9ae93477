"""What every task's ``predict`` command shares: its model, its exit codes, its one-line errors."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from vision_shared.inputs import ExitCode, InputError


class ModelError(Exception):
    """The model cannot be used: unlike after an `InputError`, no other input can be done either."""


def answer(work: Callable[[], ExitCode], report: Callable[[str], None]) -> ExitCode:
    """Do the work of a command; whatever of the user's stops it becomes one line.

    Args:
        work: returns the exit code; raises InputError or `ModelError`.
        report: takes a line for the user.
    """
    try:
        return work()
    except (InputError, ModelError) as error:
        report(str(error))
        return ExitCode.NOTHING_DONE
    except KeyboardInterrupt:
        report("interrupted; no half-written file is left")
        return ExitCode.INTERRUPTED


def to_stderr(line: str) -> None:
    """Report a line of ``predict``."""
    print(f"predict: {line}", file=sys.stderr)


def check_checkpoint(checkpoint: str | None, task: str, shipped: Path | None = None) -> None:
    """Raise InputError unless a model can be had; quick, for before any work.

    Args:
        checkpoint: a path, ``last``, or None for the weights that come with the package.
        task: the task's name, e.g. ``voxel-flow``.
        shipped: those weights; None where the package has none.
    """
    if checkpoint is None and (shipped is None or not shipped.is_file()):
        raise InputError(
            f"no checkpoint: train one with `make train TASK={task}`, then add --checkpoint last "
            "(or --checkpoint PATH)"
        )
    if checkpoint not in (None, "last") and not Path(checkpoint).is_file():
        raise InputError(f"{checkpoint}: no such checkpoint; `last` is the newest under ./runs")


def find_checkpoint(checkpoint: str | None, task: str, shipped: Path | None = None) -> str:
    """Return the path of the model that `check_checkpoint` accepted.

    Raises:
        ModelError: ``last``, and no run of the task is there.
    """
    from vision_shared.checkpoints import newest_checkpoint

    if checkpoint is None:
        return str(shipped)
    try:
        return str(newest_checkpoint(task)) if checkpoint == "last" else checkpoint
    except OSError as error:
        raise ModelError(str(error)) from error
