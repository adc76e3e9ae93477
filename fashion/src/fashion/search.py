"""Search an index for similar garments: python -m fashion.search INDEX PHOTO... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, process_each
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from fashion.retrieval.identity import Load

EPILOG = """\
PHOTO is images and folders of them; OUT is a folder. Of a photo NAME it gets
  NAME.json          the queries, and the similar garments, sorted by score, descending: image,
                     box, category, likely attributes
  NAME_similar.png   a contact sheet
The query is one garment, as in the images of the index: that of the highest score, or the whole
photo where the index was built with --whole. With --street every garment of the photo is a query.

Exit codes: 0 all done; 2 nothing done; 3 some photos left out; 130 interrupted."""


def main(arguments: Sequence[str] | None = None, load: Load | None = None) -> int:
    """Do what the command line names; return the exit code.

    Args:
        arguments: arguments of the command line.
        load: function that makes recognisers, in place of
            `fashion.retrieval.identity.load_recogniser`.
    """
    return answer(lambda: _search(_parse(arguments), load), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m fashion.search",
        description="Find the garments of an index that are similar to those of photos.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("index", type=Path, metavar="INDEX", help="index made by fashion.index")
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="see below")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder, see below")
    add(
        "--top",
        type=_count,
        default=20,
        metavar="K",
        help="number of garments to report (default: 20)",
    )
    add(
        "--category",
        type=_words,
        default=(),
        metavar="NAME,...",
        help="categories to search, else all",
    )
    add(
        "--attributes",
        type=_words,
        default=(),
        metavar="WORD,...",
        help="attributes that a result has, all of them",
    )
    add("--style", action="store_true", help="rank by style: attributes count as well")
    add("--street", action="store_true", help="detect the garments of a photo, search for each")
    add("--checkpoint", metavar="CKPT", help="checkpoint of the index's network, if it moved")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--overwrite", action="store_true", help="replace existing outputs")
    return parser.parse_args(arguments)


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ArgumentTypeError(f"expected a number from 1 on, got {value!r}")
    return int(value)


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _search(options: Namespace, load: Load | None) -> ExitCode:
    from fashion.retrieval.identity import open_with_network
    from fashion.retrieval.queries import Search, search_photo
    from vision_shared.folders import expand_into_folder
    from vision_shared.images import READABLE

    names = expand_into_folder(
        options.photos, READABLE, options.output, _report, endings=("_similar.png",)
    )
    index, recogniser = open_with_network(
        options.index, options.checkpoint, options.device, load, _report
    )
    search = Search(
        index,
        recogniser,
        options.top,
        options.category,
        options.attributes,
        by_style=options.style,
        on_street=options.street,
    )
    rows = search.rows()

    def process(photo: Path) -> None:
        name = options.output / names[photo]
        found = search_photo(photo, search, rows, name, overwrite=options.overwrite)
        print(_line(found))

    code = process_each(list(names), process, _report)
    if index.changes is not None:
        _report(index.changes)
    return code


def _line(found: dict[str, Any]) -> str:
    parts = []
    for garment in found["garments"]:
        best = garment["hits"][0]
        near = f"{best['category']} of {best['file']} ({best['similarity']:.3f})"
        parts.append(f"{garment['category']}: {len(garment['hits'])} similar, the nearest {near}")
    return f"{found['photo']}: {'; '.join(parts)}"


def _report(line: str) -> None:
    print(f"search: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
