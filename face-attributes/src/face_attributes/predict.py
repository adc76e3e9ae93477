"""Find and describe faces: python -m face_attributes.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, TextIO

from face_attributes.weights import SHIPPED_FINDER
from vision_shared.commands import run_command
from vision_shared.inputs import (
    ExitCode,
    InputError,
    check_output,
    new_file,
)
from vision_shared.prediction import Summary, check_checkpoint, find_checkpoint, predict_parser
from vision_shared.runner import Runner, predict_command

if TYPE_CHECKING:
    from face_attributes.finder import FaceFinder

TASK = "face-attributes"
LINES = "faces.jsonl"
HELD_IN_MEMORY = 1 << 24
"""Bytes of lines, before they go to a temporary file."""

EPILOG = """\
INPUT is images, videos (animated GIF, WebP and PNG, too), and folders of them; OUT is a folder,
in which the outputs of nested folders keep their names. It gets
  faces.jsonl         a line for each image and each frame of a video: the file, of a frame its
                      number and its time in seconds, and the faces, each with its box (left, top,
                      right, bottom, in pixels), its score, and its attributes with probabilities
  NAME_faces.png      the image with boxes, and beside it the attributes above 50 %
  NAME_faces.mp4      of a video: the same in its frames
  NAME_response.png   the response map of LNet (--maps), or .mp4
An image without a face has an empty list. With --crop no face is searched, each image is one:
  --crop aligned      images aligned as CelebA's are (178x218, or of that shape)
  --crop whole        images that are cut out already; so is every image for an ANet alone

Without an ANet faces have no attributes.

Attributes that did not hold on photographs are left out; --all-attributes reports them, too, apart
from the others, as "unreliable".

Several attributes are perceptions of annotators, not facts about a person.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return predict_command(lambda: _parse(arguments), _predict)


def chosen(wanted: str | None, names: Sequence[str]) -> list[str]:
    """Return the names of the attributes to report, in the network's order.

    Args:
        wanted: names with commas between them, these alone; after a minus, all but
            these.
        names: names that the network knows.

    Raises:
        InputError: a name that it does not know.
    """
    if wanted is None:
        return list(names)
    said = wanted.removeprefix("-").split(",")
    for name in said:
        if name not in names:
            raise InputError(f"--attributes: {name!r} is none of {', '.join(names)}")
    is_denied = wanted.startswith("-")
    return [name for name in names if (name in said) != is_denied]


@contextmanager
def all_or_none(lines: TextIO) -> Iterator[None]:
    """Take back the lines that the block wrote, if it raises."""
    start = lines.tell()
    try:
        yield
    except BaseException:
        lines.seek(start)
        lines.truncate()
        raise


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m face_attributes.predict",
        "Find the faces of images and videos, and describe them.",
        EPILOG,
        has_weights=True,
    )
    add = parser.add_argument
    add(
        "--anet",
        metavar="CKPT",
        help="checkpoint of an ANet, which describes the faces that LNet finds",
    )
    add("--crop", choices=("aligned", "whole"), help="images are faces already, see below")
    add("--attributes", metavar="NAME,...", help="attributes to report; =-NAME,...: all but these")
    add(
        "--all-attributes",
        action="store_true",
        help="report those that did not hold on photographs, too",
    )
    add("--maps", action="store_true", help="write the response maps, too")
    options = parser.parse_args(arguments)
    if options.crop and options.maps:
        parser.error("--maps needs a search for faces, which --crop omits: choose one")
    return options


def _predict(options: Namespace, summary: Summary) -> ExitCode:
    from face_attributes.outputs import ENDINGS

    if options.anet is not None:
        check_checkpoint(options.anet, TASK)
    check_output(options.output / LINES, overwrite=options.overwrite)
    with SpooledTemporaryFile(HELD_IN_MEMORY, "w+", encoding="utf-8") as lines:
        run = _Run(options, summary, lines)
        code = run.runner.process_files(options, ENDINGS, run.describe, _line)
        if lines.tell():
            _keep(lines, options.output / LINES, overwrite=options.overwrite)
    return code


class _Run:
    """Describe the faces of inputs."""

    def __init__(self, options: Namespace, summary: Summary, lines: Any) -> None:
        self._options = options
        self._lines: TextIO = lines
        self.runner = Runner(summary, options.checkpoint, TASK, SHIPPED_FINDER, self._load)

    def describe(self, path: Path, name: Path, is_video: bool) -> tuple[dict[str, Any], str | None]:
        """Describe an input; see `Runner.process_files`."""
        from face_attributes import outputs

        options, finder = self._options, self.runner.model
        written = outputs.targets(name, is_video=is_video, has_maps=options.maps and finder.looks)
        self.runner.summary.claim(path, written.values(), overwrite=options.overwrite)
        common = (path, written, finder, self._lines)
        with all_or_none(self._lines):
            if is_video:
                return outputs.describe_video(*common, overwrite=options.overwrite)
            return outputs.describe_picture(*common, overwrite=options.overwrite), None

    def _load(self, path: str) -> FaceFinder:
        from face_attributes.finder import FaceFinder
        from face_attributes.model_card import terms

        options = self._options
        anet = [] if options.anet is None else [find_checkpoint(options.anet, TASK)]
        how = {"device": options.device, "crop": options.crop}
        if options.checkpoint is None:
            finder = FaceFinder.shipped(*anet, **how)
        else:
            finder = FaceFinder.from_checkpoint(path, *anet, **how)
        known = () if finder.tagger is None else finder.tagger.names
        has_chosen = options.attributes is not None or options.all_attributes
        only = finder.only(chosen(options.attributes, known if has_chosen else finder.told))
        self.runner.summary.facts["checkpoints"] += anet
        self.runner.summary.facts["terms"] = terms(finder.trained_on)
        return only


def _keep(lines: Any, path: Path, *, overwrite: bool) -> None:
    lines.seek(0)
    with (
        new_file(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        shutil.copyfileobj(lines, file)


def _line(path: Path, facts: dict[str, Any]) -> str:
    if "frames" in facts:
        shown = f"{facts['frames']} frames, {facts['with_faces']} with faces"
        return f"{path}: {shown}; {facts['frames_per_second']:g} frames/s"
    number = facts["faces"]
    return f"{path}: {number or 'no'} face{'s' * (number != 1)}"


if __name__ == "__main__":
    run_command(main)
