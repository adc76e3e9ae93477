"""Make an index of one's own images: python -m fashion.index build FOLDER... -o INDEX"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fashion.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode
from vision_shared.prediction import answer, check_checkpoint, find_checkpoint

if TYPE_CHECKING:
    from fashion.garment import Recogniser
    from fashion.retrieval.identity import Load
    from fashion.retrieval.writing import IndexWriter

TASK = "fashion"

EPILOG = """\
  build FOLDER... -o INDEX   detect the garments of all images in folders, nested ones too, and make
                             an index of them
  add INDEX FOLDER...        add new images; those that are there already are left alone
  remove INDEX PATH...       remove the garments of images, or of all images of folders

An index is a folder: embeddings, a line of JSON for each garment, small images, and the name of the
network. When a command is killed the index holds what was done so far, and the same command, or
`add`, goes on. `add` processes images again that were replaced under their names, and names
those that are gone.

Exit codes: 0 all done; 2 nothing done; 3 some images left out; 130 interrupted."""


def main(arguments: Sequence[str] | None = None, load: Load | None = None) -> int:
    """Do what the command line names; return the exit code.

    Args:
        arguments: arguments of the command line.
        load: function that makes recognisers, in place of
            `fashion.retrieval.identity.load_recogniser`.
    """
    options = _parse(arguments)
    commands = {"build": _build, "add": _add, "remove": _remove}
    return answer(lambda: commands[options.command](options, load), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m fashion.index",
        description="Make and change indexes of the garments in images.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="make an index")
    build.add_argument("inputs", nargs="+", type=Path, metavar="FOLDER")
    build.add_argument("-o", "--output", type=Path, required=True, metavar="INDEX")
    text = "a checkpoint, its address, or `last`; default: the weights that come with the package"
    build.add_argument("--checkpoint", metavar="CKPT", help=text)
    build.add_argument("--whole", action="store_true", help="images are cropped garments")
    add = commands.add_parser("add", help="add images")
    add.add_argument("index", type=Path, metavar="INDEX")
    add.add_argument("inputs", nargs="+", type=Path, metavar="FOLDER")
    add.add_argument("--checkpoint", metavar="CKPT", help="checkpoint of its network, if it moved")
    remove = commands.add_parser("remove", help="remove images")
    remove.add_argument("index", type=Path, metavar="INDEX")
    remove.add_argument("inputs", nargs="+", type=Path, metavar="PATH")
    for command in (build, add):
        command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(arguments)


def _build(options: Namespace, load: Load | None) -> ExitCode:
    check_checkpoint(options.checkpoint, TASK, SHIPPED)
    from fashion.retrieval.building import find_pictures
    from fashion.retrieval.identity import load_recogniser, new_manifest
    from fashion.retrieval.writing import discard, opened

    folder = options.output
    pictures = find_pictures(options.inputs, folder, _report)
    checkpoint = find_checkpoint(options.checkpoint, TASK, SHIPPED)
    recogniser = (load or load_recogniser)(checkpoint, options.device)
    manifest = new_manifest(checkpoint, recogniser, whole=options.whole)
    with opened(folder, manifest) as writer:
        code = _fill(writer, lambda: recogniser, pictures, options.inputs)
        is_empty = writer.manifest.num == 0
    if is_empty:
        discard(folder)
    return code


def _add(options: Namespace, load: Load | None) -> ExitCode:
    from fashion.retrieval.building import find_pictures
    from fashion.retrieval.identity import matching_recogniser
    from fashion.retrieval.writing import opened

    with opened(options.index) as writer:
        pictures = find_pictures(options.inputs, options.index, _report)

        def recogniser() -> Recogniser:
            return matching_recogniser(
                options.index, writer.manifest, options.checkpoint, options.device, load
            )

        return _fill(writer, recogniser, pictures, options.inputs)


def _remove(options: Namespace, load: Load | None) -> ExitCode:
    from fashion.retrieval.building import finish, remove_pictures
    from fashion.retrieval.writing import opened

    with opened(options.index) as writer:
        number = remove_pictures(writer, options.inputs)
        print(f"{options.index}: {number} garments removed; {finish(writer)}")
    return ExitCode.DONE


def _fill(
    writer: IndexWriter,
    recogniser: Callable[[], Recogniser],
    pictures: Sequence[Path],
    inputs: Sequence[Path],
) -> ExitCode:
    """Add the images that the index lacks, or has as they are no longer."""
    from fashion.retrieval.building import add_pictures, finish, update_known

    before = writer.manifest.num
    new = update_known(writer, pictures, inputs, _report)
    if writer.manifest.num:
        known = len(pictures) - len(new)
        print(f"{writer.folder}: {known} of {len(pictures)} images are there already")
    if new:
        network = recogniser()
        writer.set_unfinished([str(path.resolve()) for path in inputs])
        code = add_pictures(writer, network, new, _report)
    else:
        code = ExitCode.DONE
    if writer.manifest.num != before or writer.manifest.unfinished:
        print(f"{writer.folder}: {finish(writer)}")
    return code


def _report(line: str) -> None:
    print(f"index: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
