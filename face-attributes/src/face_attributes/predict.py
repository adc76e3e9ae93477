"""Find and describe faces: python -m face_attributes.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import json
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import (
    CommandParser,
    ExitCode,
    InputError,
    check_output,
    expand_into_folder,
    new_file,
    process_each,
)
from vision_shared.prediction import (
    ModelError,
    answer,
    check_checkpoint,
    find_checkpoint,
    to_stderr,
)

if TYPE_CHECKING:
    from face_attributes.finder import FaceFinder, Found

TASK = "face-attributes"
LINES = "faces.jsonl"

EPILOG = """\
INPUT is pictures and folders of them; OUT is a folder. It gets
  faces.jsonl        a line for each picture: its faces, each with its box (left, top, right,
                     bottom, in pixels), its score, and its attributes with probabilities
  NAME_faces.png     the picture with boxes, and beside it the attributes above 50 %
  NAME_response.png  where LNet looked (--maps)
A picture without a face has an empty list. An ANet's checkpoint alone describes pictures that are
cut out already: each is one face.

Several attributes are perceptions of annotators, not facts about a person.

Exit codes: 0 all done; 2 nothing done; 3 some inputs left out; 130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _predict(_parse(arguments)), to_stderr)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m face_attributes.predict",
        description="Find the faces of pictures, and describe them.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help="see below")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder, see below")
    add(
        "--checkpoint",
        metavar="CKPT",
        help="of LNet, or `last` (default): the newest under ./runs",
        default="last",
    )
    add("--anet", metavar="CKPT", help="of an ANet, which describes what LNet finds")
    add("--attributes", metavar="NAME,...", help="tell of these only; =-NAME,... all but these")
    add("--maps", action="store_true", help="write response maps")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--overwrite", action="store_true", help="replace existing outputs")
    return parser.parse_args(arguments)


def _predict(options: Namespace) -> ExitCode:
    from vision_shared.images import READABLE

    inputs = expand_into_folder(options.inputs, READABLE, options.output)
    for checkpoint in filter(None, (options.checkpoint, options.anet)):
        check_checkpoint(checkpoint, TASK)
    check_output(options.output / LINES, overwrite=options.overwrite)
    run = _Run(options)
    code = process_each(inputs, run.process, to_stderr)
    if run.lines:
        with new_file(options.output / LINES, overwrite=options.overwrite) as file:
            file.write_text("".join(line + "\n" for line in run.lines))
    return code


class _Run:
    """Does pictures with networks that are loaded when the first one comes."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._loaded: FaceFinder | None = None
        self.lines: list[str] = []

    def process(self, path: Path) -> None:
        """Do a picture: all of its files, or none."""
        from face_attributes.drawing import annotate, response_map
        from vision_shared.images import read_image, write_image

        options = self._options
        image = read_image(path)
        finder = self._finder()
        found = finder(image)
        drawn = {"faces": annotate(image, found.faces)}
        if options.maps and found.response is not None:
            drawn["response"] = response_map(found.response)
        with ExitStack() as stack:
            for name, picture in drawn.items():
                target = options.output / f"{path.stem}_{name}.png"
                file = stack.enter_context(new_file(target, overwrite=options.overwrite))
                write_image(file, picture)
        self.lines.append(json.dumps({"file": str(path), "faces": _faces(found)}))
        print(f"{path}: {len(found.faces)} face{'s' * (len(found.faces) != 1)}")

    def _finder(self) -> FaceFinder:
        if self._loaded is None:
            from face_attributes.finder import FaceFinder

            options = self._options
            anet = None if options.anet is None else find_checkpoint(options.anet, TASK)
            try:
                finder = FaceFinder.from_checkpoint(
                    find_checkpoint(options.checkpoint, TASK), anet, options.device
                )
                self._loaded = finder.only(chosen(options.attributes, finder.tagger.names))
            except (ValueError, OSError) as error:
                raise ModelError(str(error)) from error
        return self._loaded


def chosen(wanted: str | None, names: Sequence[str]) -> list[str]:
    """Return the names to tell of, in the network's order.

    Args:
        wanted: names with commas between them, these alone; after a minus, all but these.
        names: that the network knows.

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


def _faces(found: Found) -> list[dict[str, Any]]:
    return [
        {
            "box": [round(x, 2) for x in face.box],
            "score": face.score,
            "attributes": {name: round(said, 4) for name, said in face.attributes.items()},
        }
        for face in found.faces
    ]


if __name__ == "__main__":
    sys.exit(main())
