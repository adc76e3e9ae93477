"""Name every fault of data sets: python -m face_attributes.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from face_attributes.data.registry import DATA_SETS
from vision_shared.check_data import check_data, check_each, check_unlisted
from vision_shared.commands import run_command
from vision_shared.faults import Report
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    from face_attributes.data.faces import Faces
    from vision_shared.tables import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    roots = {name: data_set.root for name, data_set in DATA_SETS.items()}
    return check_data(roots, check_faces, arguments)


def check_faces(data: str, root: Path, report: Report) -> list[Table]:
    """Read a data set whole, report every fault, return what each attribute has.

    Args:
        data: one of `DATA_SETS`.
        root: folder of the data set.
        report: function that takes a fault.

    Raises:
        InputError, OSError: the faces cannot be listed.
    """
    faces = _load(data, root, report)
    if DATA_SETS[data].is_whole:
        check_unlisted(faces.folder, faces.names.tolist(), faces.listed_in, report)
    missing = set(faces.missing())

    def check_picture(index: int) -> None:
        if index in missing:
            raise InputError(faces.missing_fault(index))
        faces.read(index)

    check_each(f"{data} {root}", len(faces), check_picture, report)
    return [_summary(f"{data}: {len(faces)} images", faces)]


def _load(data: str, root: Path, report: Report) -> Faces:
    if data == "folder":
        from face_attributes.data.folder import folder_faces

        return folder_faces(root, report)
    if data.startswith("lfwa"):
        from face_attributes.data.lfwa import find_lfwa, read_lfwa

        return read_lfwa(*find_lfwa(root, 73 if data == "lfwa-73" else 40), report)
    from face_attributes.data.celeba import find_celeba, read_celeba

    return read_celeba(find_celeba(root, "aligned" if data == "celeba" else "wild"), report)


def _summary(title: str, faces: Faces) -> Table:
    """How often each attribute is there, and how many images each part has."""
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
    run_command(main)
