"""Name every fault of data sets: python -m face_attributes.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.inputs import CommandParser, ExitCode, InputError

if TYPE_CHECKING:
    from face_attributes.data.faces import Faces
    from vision_shared.tables import Table

ROOTS = {
    "celeba": Path("data/celeba"),
    "celeba-wild": Path("data/celeba"),
    "lfwa": Path("data/lfwa"),
    "lfwa-73": Path("data/lfwa"),
    "portraits": Path("data/face-attributes/portraits"),
    "folder": Path("data/face-attributes/folder"),
}
"""The data sets and where they lie unless it is said: where `conf/data` looks for them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    options = _parse(arguments)
    try:
        num_faults = sum(check_root(options.data, root) for root in options.roots)
    except KeyboardInterrupt:
        print("check_data: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return ExitCode.NOTHING_DONE if num_faults else ExitCode.DONE


def check_root(data: str, root: Path) -> int:
    """Read a data set whole; print every fault, then what each attribute has.

    Args:
        data: one of `ROOTS`.
        root: where it lies.

    Returns:
        How many faults there were.
    """
    from vision_shared.tables import print_tables

    num_faults = 0

    def report(fault: str) -> None:
        nonlocal num_faults
        num_faults += 1
        print(fault, flush=True)

    try:
        faces = _load(data, root, report)
    except (InputError, OSError) as error:
        report(str(error))
    else:
        _check_pictures(f"{data} {root}", faces, report)
        print_tables([_summary(f"{data}: {len(faces)} pictures", faces)])
    print(f"{root}: {num_faults or 'no'} fault{'s' if num_faults != 1 else ''}")
    return num_faults


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="check_data", description="Read a whole data set and name every fault, one a line."
    )
    parser.add_argument("data", choices=ROOTS, metavar="DATA", help=", ".join(ROOTS))
    parser.add_argument(
        "roots", nargs="*", type=Path, metavar="ROOT", help="where it lies (else below data/)"
    )
    options = parser.parse_args(arguments)
    options.roots = options.roots or [ROOTS[options.data]]
    return options


def _load(data: str, root: Path, report: Callable[[str], None]) -> Faces:
    if data == "folder":
        from face_attributes.data.folder import folder_faces

        return folder_faces(root, report)
    if data.startswith("lfwa"):
        from face_attributes.data.lfwa import find_lfwa, read_lfwa

        return read_lfwa(*find_lfwa(root, 73 if data == "lfwa-73" else 40), report)
    from face_attributes.data.celeba import find_celeba, read_celeba

    return read_celeba(find_celeba(root, "aligned" if data == "celeba" else "wild"), report)


def _check_pictures(name: str, faces: Faces, report: Callable[[str], None]) -> None:
    """Read every picture; report those that cannot be used."""
    from vision_shared.progress import frame_progress

    missing = set(faces.missing())
    with frame_progress(name, len(faces)) as advance:
        for index in range(len(faces)):
            try:
                if index in missing:
                    report(faces.missing_fault(index))
                else:
                    faces.read(index)
            except (InputError, OSError) as error:
                report(str(error))
            advance()


def _summary(title: str, faces: Faces) -> Table:
    """How often each attribute is there, and how many pictures each part has."""
    import numpy as np

    from face_attributes.data.names import PARTS
    from vision_shared.tables import Table

    rows = []
    for column, name in enumerate(faces.attributes):
        labels = faces.labels[:, column]
        yes, no, unknown = (int((labels == label).sum()) for label in (1, -1, 0))
        share = f"{yes / (yes + no):.1%}" if yes + no else "-"
        rows.append([name, f"{yes}", f"{no}", f"{unknown}", share])
    people = len(np.unique(faces.identities[faces.identities >= 0]))
    with_box = int(np.isfinite(faces.boxes).all(axis=1).sum())
    parts = ", ".join(f"{int((faces.parts == n).sum())} {part}" for n, part in enumerate(PARTS))
    note = f"{parts}; {people} people; {with_box} boxes"
    return Table(title, ["attribute", "yes", "no", "unknown", "yes of known"], rows, note)


if __name__ == "__main__":
    sys.exit(main())
