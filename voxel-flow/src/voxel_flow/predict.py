"""Interpolate: python -m voxel_flow.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode, InputError, process_each
from vision_shared.prediction import (
    ModelError,
    answer,
    check_checkpoint,
    find_checkpoint,
    to_stderr,
)
from voxel_flow.interpolation import options as command_line

if TYPE_CHECKING:
    from voxel_flow.interpolation.interpolator import FrameInterpolator

TASK = "voxel-flow"
SHIPPED = Path(__file__).parent / "weights" / "compact.safetensors"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _predict(command_line.parse(arguments)), to_stderr)


def _predict(options: Namespace) -> ExitCode:
    jobs = {job.sources[0]: job for job in command_line.plan(options, to_stderr)}
    check_checkpoint(options.checkpoint, TASK, SHIPPED)
    if options.codec is not None:
        from vision_shared.video.writer import find_encoder

        find_encoder(options.codec)
    run = _Run(options)

    def process(path: Path) -> str | None:
        return run.process(jobs[path])

    code = process_each(list(jobs), process, to_stderr)
    if options.json:
        print(json.dumps(run.summary(code), indent=2))
    return code


class _Run:
    """Does jobs with one model, which is loaded once an input has been found readable."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._model: FrameInterpolator | None = None
        self._checkpoint: str | None = None
        self._outputs: list[dict[str, Any]] = []
        self._left_out: list[dict[str, str]] = []

    def process(self, job: command_line.Job) -> str | None:
        """Do a job; return a line about what of it could not be used, or None."""
        from voxel_flow.interpolation.conversion import convert

        try:
            outcome = convert(job, self._options, self._interpolator, to_stderr)
        except (InputError, OSError) as error:
            self._left_out.append({"input": str(job.sources[0]), "reason": str(error)})
            raise
        self._outputs.append({"input": str(job.sources[0]), **outcome.as_json()})
        for notice in outcome.notices:
            to_stderr(notice)
        if not self._options.json:
            print(outcome)
        return outcome.damage

    def summary(self, code: ExitCode) -> dict[str, Any]:
        """Return what was done, as plain values."""
        return {
            "checkpoint": self._checkpoint,
            "device": None if self._model is None else self._model.device.type,
            "precision": self._options.precision,
            "outputs": self._outputs,
            "left_out": self._left_out,
            "exit_code": int(code),
        }

    def _interpolator(self) -> FrameInterpolator:
        if self._model is None:
            self._checkpoint = find_checkpoint(self._options.checkpoint, TASK, SHIPPED)
            if self._options.checkpoint == "last" and not self._options.json:
                print(f"checkpoint {self._checkpoint}")
            self._model = _load(self._checkpoint, self._options)
        return self._model


def _load(checkpoint: str, options: Namespace) -> FrameInterpolator:
    from voxel_flow.interpolation.interpolator import DEFAULT_TILE, FrameInterpolator

    try:
        return FrameInterpolator.from_checkpoint(
            checkpoint,
            options.device,
            precision=options.precision,
            scale=options.scale,
            tile=DEFAULT_TILE if options.tile is None else options.tile,
        )
    except (ValueError, OSError) as error:
        raise ModelError(str(error)) from error


if __name__ == "__main__":
    run_command(main)
