"""Interpolate: python -m voxel_flow.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode
from vision_shared.prediction import (
    ModelError,
    Summary,
    answer,
    check_checkpoint,
    find_checkpoint,
    to_stderr,
)
from voxel_flow.interpolation import options as command_line

if TYPE_CHECKING:
    from voxel_flow.interpolation.interpolator import Estimation, FrameInterpolator

TASK = "voxel-flow"
SHIPPED = Path(__file__).parent / "weights" / "compact.safetensors"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _predict(command_line.parse(arguments, to_stderr)), to_stderr)


def _predict(request: command_line.Request) -> ExitCode:
    check_checkpoint(request.checkpoint, TASK, SHIPPED)
    if request.writing.codec is not None:
        from vision_shared.video.encoder import find_encoder

        find_encoder(request.writing.codec)
    run = _Run(request)
    code = run.summary.process_each(list(run.jobs), run.process, run.line)
    run.summary.print(code)
    return code


class _Run:
    """Does jobs with one model, which is loaded once an input has been found readable."""

    def __init__(self, request: command_line.Request) -> None:
        self._request = request
        self._model: FrameInterpolator | None = None
        self._lines: dict[Path, str] = {}
        self.jobs = {job.sources[0]: job for job in request.jobs}
        self.summary = Summary(as_json=request.as_json)

    def process(self, path: Path) -> tuple[dict[str, Any], str | None]:
        """Do the job of an input; return what `Summary.process_each` asks for."""
        from voxel_flow.interpolation.conversion import convert

        request = self._request
        outcome = convert(
            self.jobs[path], request.writing, self._interpolator, to_stderr, adapt=request.adapt
        )
        self._lines[path] = str(outcome)
        return outcome.as_json(), outcome.damage

    def line(self, path: Path, facts: dict[str, Any]) -> str:
        """Say in one line what became of an input."""
        del facts
        return self._lines[path]

    def _interpolator(self) -> FrameInterpolator:
        if self._model is None:
            checkpoint = find_checkpoint(self._request.checkpoint, TASK, SHIPPED)
            if self._request.checkpoint == "last" and not self._request.as_json:
                print(f"checkpoint {checkpoint}")
            self._model = _load(checkpoint, self._request.estimation)
            self.summary.facts["checkpoints"].append(checkpoint)
            self.summary.facts["device"] = self._model.device.type
            self.summary.facts["precision"] = self._model.precision
        return self._model


def _load(checkpoint: str, estimation: Estimation) -> FrameInterpolator:
    from voxel_flow.interpolation.interpolator import FrameInterpolator

    try:
        return FrameInterpolator.from_checkpoint(checkpoint, **estimation)
    except (ValueError, OSError) as error:
        raise ModelError(str(error)) from error


if __name__ == "__main__":
    run_command(main)
