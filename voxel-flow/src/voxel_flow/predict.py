"""Interpolate: python -m voxel_flow.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode
from vision_shared.prediction import Summary, to_stderr
from vision_shared.runner import Runner, predict_command
from voxel_flow.interpolation import options as command_line
from voxel_flow.weights import SHIPPED

if TYPE_CHECKING:
    from voxel_flow.interpolation.interpolator import FrameInterpolator

TASK = "voxel-flow"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return predict_command(lambda: command_line.parse_options(arguments), _predict)


def _predict(options: Namespace, summary: Summary) -> ExitCode:
    request = command_line.request(options, to_stderr)
    run = _Run(request, summary)
    if request.writing.codec is not None:
        from vision_shared.video.encoder import find_encoder

        find_encoder(request.writing.codec)
    return summary.process_each(list(run.jobs), run.process, run.line)


class _Run:
    """Interpolate the inputs of a request; the model is loaded once one has been read."""

    def __init__(self, request: command_line.Request, summary: Summary) -> None:
        self._request = request
        self._lines: dict[Path, str] = {}
        self.jobs = {job.sources[0]: job for job in request.jobs}
        self._runner = Runner(summary, request.checkpoint, TASK, SHIPPED, self._load)

    def process(self, path: Path) -> tuple[dict[str, Any], str | None]:
        """Interpolate an input; see `Summary.process_each`."""
        from voxel_flow.interpolation.conversion import convert

        request = self._request
        outcome = convert(
            self.jobs[path],
            request.writing,
            lambda: self._runner.model,
            to_stderr,
            adapt=request.adapt,
        )
        self._lines[path] = str(outcome)
        return outcome.as_json(), outcome.damage

    def line(self, path: Path, facts: dict[str, Any]) -> str:
        """Return the line of an input."""
        del facts
        return self._lines[path]

    def _load(self, path: str) -> FrameInterpolator:
        from voxel_flow.interpolation.interpolator import FrameInterpolator

        model = FrameInterpolator.from_checkpoint(path, **self._request.estimation)
        self._runner.summary.facts["precision"] = model.precision
        return model


if __name__ == "__main__":
    run_command(main)
