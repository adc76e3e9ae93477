"""What goes with a garment: what those like it are worn with, in the photographs of an index."""

import numpy as np

from fashion.garment import Garment
from fashion.retrieval.garment_index import GarmentIndex, Hit

MAX_PER_PHOTO = 8
"""Garments of a photograph follow each other in an index: how far its others are looked for."""


def goes_with(index: GarmentIndex, garment: Garment, top: int, similar: int = 30) -> list[Hit]:
    """Return garments that are seen beside others which are like a given one.

    Args:
        index: index of photographs of people; one of single garments has no answer.
        garment: garment to find companions for.
        top: number of results.
        similar: garments of the index, those most like the given one, whose photographs are
            looked at.

    Returns:
        Garments of other types, each once, with the similarity of what they are seen with.
    """
    found: dict[int, float] = {}
    for hit in index.nearest(garment.embedding[None], similar)[0]:
        first = max(0, hit.row - MAX_PER_PHOTO)
        rows = range(first, min(len(index), hit.row + MAX_PER_PHOTO + 1))
        lines = dict(zip(rows, index.files.lines(list(rows)), strict=True))
        kinds = index.files.rows["type"]
        for row, line in lines.items():
            is_beside = line["file"] == lines[hit.row]["file"]
            if is_beside and kinds[row] not in (kinds[hit.row], garment.type):
                found[row] = max(found.get(row, -np.inf), hit.score)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:top]
    return [Hit(row, score) for row, score in best]
