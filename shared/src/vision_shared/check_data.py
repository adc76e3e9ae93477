"""What every task's ``check_data`` command shares: its arguments, how it counts, what it answers.

python -m TASK.check_data DATA [ROOT...]
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.faults import Report, name_some
from vision_shared.inputs import CommandParser, ExitCode, InputError, natural_order
from vision_shared.signals import Terminated, ending_signals

if TYPE_CHECKING:
    from vision_shared.tables import Table

Check = Callable[[str, Path, Report], "Sequence[Table]"]
"""Reads a data set of this name at this root whole; reports every fault, returns what there is."""


def check_data(
    roots: Mapping[str, Path], check: Check, arguments: Sequence[str] | None = None
) -> int:
    """Check what the command line names; print every fault, then the tables of what there is.

    Args:
        roots: the data sets by name, and where each lies unless it is said.
        check: see `Check`; raises InputError or OSError for a fault that ends it.
        arguments: arguments of the command line; None is the process's own.

    Returns:
        The exit code: 0 for no fault, else 2.
    """
    options = _parse(roots, arguments)
    try:
        with ending_signals():
            num_faults = sum(_check_root(options.data, root, check) for root in options.roots)
    except KeyboardInterrupt:
        print("check_data: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Terminated as ended:
        print(f"check_data: ended by {ended}", file=sys.stderr)
        return ended.exit_code
    return ExitCode.NOTHING_DONE if num_faults else ExitCode.DONE


def check_each(name: str, number: int, check: Callable[[int], None], report: Report) -> None:
    """Check every sample, with its progress on standard error.

    Args:
        name: name of what is read.
        number: number of samples.
        check: function that takes an index; raises InputError or OSError for a fault, which is
            reported.
        report: function that takes a fault.
    """
    from vision_shared.progress import show_progress

    with show_progress(name, number, "images") as advance:
        for index in range(number):
            try:
                check(index)
            except (InputError, OSError) as error:
                report(str(error))
            advance()


def check_unlisted(folder: Path, names: Sequence[bytes], listed_in: Path, report: Report) -> None:
    """Report, in one line, the images below a folder that a list has no row for.

    Args:
        folder: folder of the images.
        names: names of those that are listed, as `vision_shared.inputs.missing_files` takes them.
        listed_in: the list; a folder lists what is in it.
        report: function that takes the fault.
    """
    from vision_shared.images import READABLE

    if listed_in.is_dir():
        return
    listed = set(names)
    unlisted = [
        str(path)
        for path in natural_order(folder.rglob("*"))
        if path.suffix.lower() in READABLE
        and not path.name.startswith(".")
        and os.fsencode(path.relative_to(folder).as_posix()) not in listed
    ]
    if unlisted:
        report(f"{name_some(unlisted)}: no row in {listed_in}")


def _parse(roots: Mapping[str, Path], arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="check_data", description="Read a whole data set and name every fault, one a line."
    )
    parser.add_argument("data", choices=roots, metavar="DATA", help=", ".join(roots))
    parser.add_argument(
        "roots", nargs="*", type=Path, metavar="ROOT", help="where it lies (else below data/)"
    )
    options = parser.parse_args(arguments)
    options.roots = options.roots or [roots[options.data]]
    return options


def _check_root(data: str, root: Path, check: Check) -> int:
    from vision_shared.tables import print_tables

    num_faults = 0

    def report(fault: str) -> None:
        nonlocal num_faults
        num_faults += 1
        print(fault, flush=True)

    try:
        print_tables(check(data, root, report))
    except (InputError, OSError) as error:
        report(str(error))
    print(f"{root}: {num_faults or 'no'} fault{'s' if num_faults != 1 else ''}")
    return num_faults
