"""A blind user study of two methods' clips: python -m voxel_flow.study A/ B/ -o votes.jsonl"""

from __future__ import annotations

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError
from vision_shared.prediction import answer

EPILOG = """\
A and B are folders with clips of the same names: the outputs of two methods. Viewers open the page
that is served on this machine and see one clip of each beside the other, in random order and on
random sides; they press left, right, or down for no difference. Each vote is a line of the file at
once; the same command goes on where it was stopped. Ctrl-C ends it and prints the
result.

Exit codes: 0 done; 2 a folder or file that cannot be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    report = lambda line: print(f"study: {line}", file=sys.stderr)  # noqa: E731
    return answer(lambda: _study(_parse(arguments)), report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m voxel_flow.study",
        description="Collect and count the votes of viewers on two methods' clips.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folders", nargs="*", type=Path, metavar="A B", help="two folders; none: count the votes")
    add("-o", "--output", type=Path, required=True, metavar="VOTES", help="a file, .jsonl")
    add(
        "--port", type=int, default=8000, help="port of this machine (default: 8000; 0: a free one)"
    )
    options = parser.parse_args(arguments)
    if len(options.folders) not in (0, 2):
        parser.error(
            f"expected two folders, or none to count the votes; got {len(options.folders)}"
        )
    return options


def _study(options: Namespace) -> ExitCode:
    from vision_shared.tables import print_tables
    from voxel_flow.user_study.votes import read_votes, result_table

    if options.folders:
        _ask(options)
    if options.folders and not options.output.is_file():
        print("no vote was given")
    else:
        print_tables([result_table(read_votes(options.output))])
    return ExitCode.DONE


def _ask(options: Namespace) -> None:
    """Serve the page until Ctrl-C."""
    from voxel_flow.user_study.pairs import find_pairs
    from voxel_flow.user_study.server import Study, serve

    if not options.output.parent.is_dir():
        raise InputError(f"{options.output}: no folder {options.output.parent}")
    study = Study(find_pairs(*options.folders), options.output)
    try:
        server = serve(study, options.port)
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {options.port}: {error}; choose another") from error
    print(f"{len(study.pairs)} pairs: http://{server.server_address[0]}:{server.server_port}")
    print("Ctrl-C ends the study and prints the result", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    run_command(main)
