"""Find garments: python -m fashion.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashion.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode
from vision_shared.prediction import Summary, predict_parser
from vision_shared.runner import Runner, predict_command

if TYPE_CHECKING:
    from fashion.recogniser import GarmentRecogniser

TASK = "fashion"

EPILOG = """\
INPUT is images, videos (animated GIF, WebP and PNG, too), and folders of them; OUT is a folder,
in which the outputs of nested folders keep their names. Of an image NAME it gets
  NAME.json           the garments, sorted by score, descending: box (left, top, right, bottom),
                      type and score; landmarks, x and y, each visible or occluded; category and
                      attributes with their probabilities. All coordinates are in pixels
  NAME_garments.png   the image with boxes, landmarks, categories and attributes
and of a video NAME.jsonl, a line for each frame with its time in seconds, and NAME_garments.mp4.
An image without a garment has an empty list. With --whole no garment is searched: each image
is one, cropped. A cascade (DFA) predicts landmarks, and no categories.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return predict_command(lambda: _parse(arguments), _predict)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m fashion.predict",
        "Find, align and describe the garments of images and videos.",
        EPILOG,
        has_weights=True,
    )
    add = parser.add_argument
    add("--whole", action="store_true", help="each image is one garment, see below")
    add("--min-score", type=_share, metavar="P", help="lowest score of a garment, in [0, 1]")
    return parser.parse_args(arguments)


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"expected a number from 0 to 1, got {value!r}")
    return share


def _predict(options: Namespace, summary: Summary) -> ExitCode:
    from fashion.outputs import ENDINGS

    run = _Run(options, summary)
    return run.runner.process_files(options, ENDINGS, run.describe, _line)


class _Run:
    """Describe the garments of inputs."""

    def __init__(self, options: Namespace, summary: Summary) -> None:
        self._options = options
        self.runner = Runner(summary, options.checkpoint, TASK, SHIPPED, self._load)

    def describe(self, path: Path, name: Path, is_video: bool) -> tuple[dict[str, Any], str | None]:
        """Describe an input; see `Runner.process_files`."""
        from fashion import outputs

        options = self._options
        written = outputs.targets(name, is_video=is_video)
        self.runner.summary.claim(path, written.values(), overwrite=options.overwrite)
        look = outputs.looker(self.runner.model, whole=options.whole)
        if is_video:
            return outputs.describe_video(path, written, look, overwrite=options.overwrite)
        return outputs.describe_picture(path, written, look, overwrite=options.overwrite), None

    def _load(self, path: str) -> GarmentRecogniser:
        from fashion.recogniser import MIN_SCORE, GarmentRecogniser

        score = self._options.min_score
        return GarmentRecogniser.from_checkpoint(
            path, self._options.device, MIN_SCORE if score is None else score
        )


def _line(path: Path, facts: dict[str, Any]) -> str:
    if "frames" in facts:
        shown = f"{facts['frames']} frames, {facts['with_garments']} with garments"
        return f"{path}: {shown}; {facts['frames_per_second']:g} frames/s"
    found = facts["garments"]
    return f"{path}: {', '.join(found) if found else 'no garment'}"


if __name__ == "__main__":
    run_command(main)
