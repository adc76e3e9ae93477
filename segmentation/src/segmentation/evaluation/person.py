"""People in photographs, all parts together, by systems that have no class in common but these."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vision_shared.tables import Table

IGNORED = 255
WORST = 5  # photographs without people that a table names

Find = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]
"""Takes an image (H, W, 3), uint8, and returns where people are, (H, W)."""


class Marked(Protocol):
    """An image and where people are: 1, 0, and 255 for what does not count."""

    @property
    def name(self) -> str:
        """Name of the photograph."""
        ...

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        ...

    @property
    def person(self) -> NDArray[np.uint8]:
        """(H, W) uint8: 1 a person, 0 none, `IGNORED` not marked."""
        ...

    @property
    def shows_people(self) -> bool:
        """Whether a pixel is marked as a person."""
        ...


def person_tables(photographs: Sequence[Marked], systems: Mapping[str, Find]) -> list[Table]:
    """Return the IoU of people, photograph by photograph, and what is taken for people wrongly.

    Args:
        photographs: photographs with people, and without.
        systems: systems by their names; the worst photographs without people are those of the
            first.
    """
    rows: dict[bool, list[tuple[str, list[float]]]] = {True: [], False: []}
    for photograph in photographs:
        scores = [score(find(photograph.image), photograph.person) for find in systems.values()]
        rows[photograph.shows_people].append((photograph.name, scores))
    tables = []
    for shows_people, title in (
        (True, "Photographs: IoU of people"),
        (False, "Photographs without people: share of pixels taken for people"),
    ):
        found = rows[shows_people]
        if not found:
            continue
        shown = found if shows_people else sorted(found, key=lambda row: -row[1][0])[:WORST]
        means = [
            statistics.fmean(values) for values in zip(*(row[1] for row in found), strict=True)
        ]
        cells = [[name, *(f"{x:.3f}" for x in scores)] for name, scores in shown]
        cells.append([f"mean of {len(found)}", *(f"{mean:.3f}" for mean in means)])
        tables.append(Table(title, ["", *systems], cells))
    return tables


def score(found: NDArray[np.bool_], person: NDArray[np.uint8]) -> float:
    """Return the IoU of people (H, W); where no one is, the share of pixels taken for people."""
    counts, truth = person != IGNORED, person == 1
    if not truth.any():
        return float(found[counts].mean())
    return float((found & truth)[counts].sum() / (found | truth)[counts].sum())
