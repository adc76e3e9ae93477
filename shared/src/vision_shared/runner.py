"""The run of a ``predict`` command: inputs, one model loaded once, a line of each, a summary."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

from vision_shared.inputs import VIDEO_SUFFIXES, ExitCode, InputError, check_input
from vision_shared.prediction import (
    ModelError,
    Summary,
    answer,
    check_checkpoint,
    find_checkpoint,
    to_stderr,
)

Model = TypeVar("Model")
Result = tuple[dict[str, Any], str | None]


def predict_command(
    parse: Callable[[], Namespace], predict: Callable[[Namespace, Summary], ExitCode]
) -> ExitCode:
    """Run a ``predict`` command; with ``--json`` a summary is printed if it is refused, too.

    Args:
        parse: parser of the command line, from `vision_shared.prediction.predict_parser`.
        predict: the command itself; it fills the summary and returns the exit code.
    """

    def work() -> ExitCode:
        options = parse()
        summary = Summary(as_json=options.json)
        try:
            code = predict(options, summary)
        except (InputError, ModelError, OSError) as error:
            summary.facts["error"] = str(error)
            summary.print(ExitCode.NOTHING_DONE)
            raise
        summary.print(code)
        return code

    return answer(work, to_stderr)


class Runner(Generic[Model]):
    """A model that is loaded when the first input needs it, and recorded in the summary.

    Args:
        summary: summary of the command.
        checkpoint: path, address or ``last``; None for the weights that come with the package.
        task: name of the task, e.g. ``voxel-flow``.
        shipped: those weights; None where the package has none.
        load: builder of the model from the checkpoint's path; its ValueError and OSError end the
            command.

    Raises:
        InputError: there is no such checkpoint.
    """

    def __init__(
        self,
        summary: Summary,
        checkpoint: str | None,
        task: str,
        shipped: Path | None,
        load: Callable[[str], Model],
    ) -> None:
        check_checkpoint(checkpoint, task, shipped)
        self.summary = summary
        self._checkpoint, self._task, self._shipped = checkpoint, task, shipped
        self._load = load
        self._model: Model | None = None

    @property
    def model(self) -> Model:
        """The model; loaded once.

        Raises:
            ModelError: it cannot be used, so that no input can be done.
        """
        if self._model is None:
            self._model = self.load(self._checkpoint, self._load)
        return self._model

    def load(self, checkpoint: str | None, load: Callable[[str], Model]) -> Model:
        """Return a model, and record its checkpoint and device in the summary."""
        path = find_checkpoint(checkpoint, self._task, self._shipped)
        if checkpoint == "last" and not self.summary.as_json:
            print(f"checkpoint {path}")
        try:
            self.summary.facts["checkpoints"].append(path)
            model = load(path)
        except (ValueError, OSError) as error:
            raise ModelError(str(error)) from error
        self.summary.facts["device"] = getattr(model, "device").type  # noqa: B009
        return model

    def process_files(
        self,
        options: Namespace,
        endings: Iterable[str],
        work: Callable[[Path, Path, bool], Result],
        line: Callable[[Path, dict[str, Any]], str],
    ) -> ExitCode:
        """Process the images and videos that the options name, and those of folders.

        Args:
            options: options of `vision_shared.prediction.predict_parser`.
            endings: endings of the names of all outputs.
            work: writer of the outputs of an input; takes the input, the outputs' common name
                without its ending, and whether the input is a video. Returns what
                `Summary.process_each` takes.
            line: line for the user of an input's record.
        """
        from vision_shared.video.animation import is_video

        names = find_files(options, endings)

        def process(path: Path) -> Result:
            moves = is_video(path)
            check_input(path, "video" if moves else "image")
            return work(path, options.output / names[path], moves)

        return self.summary.process_each(list(names), process, line)


def find_files(options: Namespace, endings: Iterable[str]) -> dict[Path, str]:
    """Return the images and videos that the options name, and the name of each one's outputs."""
    from vision_shared.folders import expand_into_folder
    from vision_shared.images import READABLE
    from vision_shared.video.animation import is_video

    return expand_into_folder(
        options.inputs,
        READABLE | VIDEO_SUFFIXES,
        options.output,
        to_stderr,
        endings=tuple(endings),
        is_video=is_video,
    )
