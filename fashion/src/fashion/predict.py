"""Find garments: python -m fashion.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashion.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.inputs import VIDEO_SUFFIXES, ExitCode
from vision_shared.prediction import (
    ModelError,
    Summary,
    answer,
    check_checkpoint,
    find_checkpoint,
    predict_parser,
    to_stderr,
)

if TYPE_CHECKING:
    from fashion.recogniser import GarmentRecogniser

TASK = "fashion"

EPILOG = """\
INPUT is pictures, videos (animated GIF, WebP and PNG, too), and folders of them; OUT is a folder,
in which what comes of folders in folders keeps their names. Of a picture NAME it gets
  NAME.json           the garments, best first: box (left, top, right, bottom), type and score;
                      landmarks, x and y, and whether each is visible or occluded; category and
                      attributes with their probabilities. All places are in pixels
  NAME_garments.png   the picture with boxes, landmarks, categories and attributes
and of a video NAME.jsonl, a line for each frame with its time in seconds, and NAME_garments.mp4.
A picture without a garment has an empty list. With --whole nobody looks for garments: each picture
is one, cut out. A cascade (DFA) says where landmarks are, and nothing of categories.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _predict(_parse(arguments)), to_stderr)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m fashion.predict",
        "Find, align and describe the garments of pictures and videos.",
        EPILOG,
        has_weights=True,
    )
    add = parser.add_argument
    add("--whole", action="store_true", help="each picture is one garment, see below")
    add("--least-score", type=_share, metavar="P", help="of garments that are reported, in [0, 1]")
    return parser.parse_args(arguments)


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"expected a number from 0 to 1, got {value!r}")
    return share


def _predict(options: Namespace) -> ExitCode:
    from fashion.outputs import ENDINGS
    from vision_shared.folders import expand_into_folder
    from vision_shared.images import READABLE
    from vision_shared.video.animation import is_video

    names = expand_into_folder(
        options.inputs,
        READABLE | VIDEO_SUFFIXES,
        options.output,
        to_stderr,
        endings=ENDINGS,
        is_video=is_video,
    )
    check_checkpoint(options.checkpoint, TASK, SHIPPED)
    run = _Run(options, names)
    code = run.summary.process_each(list(names), run.describe, _line)
    run.summary.print(code)
    return code


class _Run:
    """Does inputs with a network that is loaded when the first one comes."""

    def __init__(self, options: Namespace, names: Mapping[Path, str]) -> None:
        self._options, self._names = options, names
        self._loaded: GarmentRecogniser | None = None
        self.summary = Summary(as_json=options.json)

    def describe(self, path: Path) -> tuple[dict[str, Any], str | None]:
        """Do an input; return what `Summary.process_each` asks for."""
        from fashion import outputs
        from vision_shared.inputs import check_input
        from vision_shared.video.animation import is_video

        options, moves = self._options, is_video(path)
        check_input(path, "video" if moves else "picture")
        written = outputs.targets(options.output / self._names[path], is_video=moves)
        self.summary.claim(path, written.values(), overwrite=options.overwrite)
        look = outputs.looker(self._recogniser(), whole=options.whole)
        if moves:
            return outputs.describe_video(path, written, look, overwrite=options.overwrite)
        return outputs.describe_picture(path, written, look, overwrite=options.overwrite), None

    def _recogniser(self) -> GarmentRecogniser:
        if self._loaded is None:
            from fashion.recogniser import LEAST_SCORE, GarmentRecogniser

            options = self._options
            path = find_checkpoint(options.checkpoint, TASK, SHIPPED)
            least = LEAST_SCORE if options.least_score is None else options.least_score
            try:
                self._loaded = GarmentRecogniser.from_checkpoint(path, options.device, least)
            except (ValueError, OSError) as error:
                raise ModelError(str(error)) from error
            self.summary.facts["checkpoints"] = [path]
        return self._loaded


def _line(path: Path, facts: dict[str, Any]) -> str:
    if "frames" in facts:
        shown = f"{facts['frames']} frames, {facts['with_garments']} with garments"
        return f"{path}: {shown}; {facts['frames_per_second']:g} frames/s"
    found = facts["garments"]
    return f"{path}: {', '.join(found) if found else 'no garment'}"


if __name__ == "__main__":
    run_command(main)
