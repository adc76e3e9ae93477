"""An index and the network that it was made with, for the commands that look things up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fashion.garment import Recogniser
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.identity import Load, matching_recogniser


def open_with_network(
    folder: Path,
    checkpoint: str | None,
    device: str,
    load: Load | None,
    report: Callable[[str], None],
) -> tuple[GarmentIndex, Recogniser]:
    """Open an index, report what a user should know of it, and load its network.

    Args:
        folder: of the index.
        checkpoint: where the network is now; None where it was.
        device: its name.
        load: see `matching_recogniser`.
        report: gets the notices.

    Raises:
        InputError: there is no index, it is damaged, or empty.
        ModelError: as `matching_recogniser`.
    """
    index = GarmentIndex(folder)
    for notice in index.notices:
        report(notice)
    return index, matching_recogniser(folder, index.files.manifest, checkpoint, device, load)
