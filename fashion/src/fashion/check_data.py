"""Name every fault of data sets: python -m fashion.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fashion.data.registry import OFFICIAL, ROOTS
from vision_shared.check_data import check_data, check_each, check_unlisted
from vision_shared.commands import run_command
from vision_shared.faults import Report

if TYPE_CHECKING:
    from fashion.data.garments import Garments
    from vision_shared.tables import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    return check_data(ROOTS, check_garments, arguments)


def check_garments(data: str, root: Path, report: Report) -> list[Table]:
    """Read a data set whole; report every fault.

    Args:
        data: one of `ROOTS`.
        root: folder of the data set.
        report: function that takes a fault.

    Returns:
        How many garments each split has, and how often each attribute is there.
    """
    from fashion.data.deepfashion.annotations import check_items
    from fashion.data.registry import read_garments

    garments = read_garments(data, root, report)
    missing = garments.missing()
    if missing:
        report(garments.missing_fault(missing))
    if data == "folder":
        check_unlisted(root, garments.names.tolist(), garments.listed_in, report)
    lists = OFFICIAL[data].find(root).lists if data in OFFICIAL else {}
    if "items" in lists:
        check_items(lists["items"], garments.columns.items, report)
    absent = set(missing)

    def check(index: int) -> None:
        if index not in absent:
            garments.read(index)

    check_each(f"{data} {root}", len(garments), check, report)
    tables = [_splits(f"{data}: {len(garments)} garments", garments)]
    if garments.vocabulary.attributes:
        tables.append(_attributes(f"{data}: attributes", garments))
    return tables


def _splits(title: str, garments: Garments) -> Table:
    """What is known of each split."""
    import numpy as np

    from fashion.data.taxonomy import GALLERY, QUERY, SLOTS, SPLITS, TYPES, UNKNOWN
    from vision_shared.tables import Table

    columns = ["split", "images", "items", "query", "gallery", "boxes", *TYPES, "visible"]
    rows = []
    for number, split in enumerate(SPLITS):
        some = garments.columns.take(garments.columns.splits == number)
        counts = [
            len(some),
            len(np.unique(some.items[some.items != UNKNOWN])),
            *((some.roles == role).sum() for role in (QUERY, GALLERY)),
            np.isfinite(some.boxes).all(axis=1).sum(),
            *((some.types == kind).sum() for kind in range(len(TYPES))),
        ]
        visible = (some.states == 0).sum() / max(len(some), 1)
        rows.append([split, *(f"{count}" for count in counts), f"{visible:.2f}"])
    note = f"visible: landmarks of a garment, of {len(SLOTS)} slots"
    return Table(title, columns, rows, note)


def _attributes(title: str, garments: Garments) -> Table:
    """How often each attribute is there."""
    from vision_shared.tables import Table

    positive, negative = garments.labels.counts()
    rows = []
    for name, yes, no in zip(
        garments.vocabulary.attributes, positive.tolist(), negative.tolist(), strict=True
    ):
        share = f"{yes / (yes + no):.1%}" if yes + no else "-"
        rows.append([name, f"{yes}", f"{no}", f"{len(garments) - yes - no}", share])
    return Table(title, ["attribute", "yes", "no", "unknown", "yes of known"], rows)


if __name__ == "__main__":
    run_command(main)
