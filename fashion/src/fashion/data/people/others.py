"""The garments of synthetic people's images that the images are not of: others.json, a row each.

DeepFashion's lists know one garment an image, as a rule; a detector has to be told of all of them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion.data.garments import Garments, unknown_columns
from fashion.data.labels import Labels
from fashion.data.people.garments import Seen
from fashion.data.taxonomy import SPLITS
from vision_shared.inputs import InputError

OTHERS = "others.json"


def other_row(
    name: str, split: str, garment: Seen, labels: NDArray[np.int8], domain: int
) -> dict[str, Any]:
    """Return what others.json says of a garment.

    Args:
        name: name of the image, img/...
        split: one of `taxonomy.SPLITS`.
        garment: the garment.
        labels: int8 (A,) of 1 and -1.
        domain: SHOP or CONSUMER.
    """
    return {
        "name": name,
        "part": SPLITS.index(split),
        "type": garment.type,
        "category": garment.category,
        "box": garment.box.tolist(),
        "landmarks": garment.landmarks.tolist(),
        "states": garment.states.tolist(),
        "has": np.flatnonzero(labels > 0).tolist(),
        "domain": domain,
    }


def write_others(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write others.json."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / OTHERS).write_text(f"[\n{lines}\n]\n")


def read_others(folder: Path, items: Garments) -> Garments:
    """Read others.json, in the terms of the garments that the images are of.

    Raises:
        InputError: no such file, or a damaged one.
    """
    path = folder / OTHERS
    try:
        rows = json.loads(path.read_text())
        columns = unknown_columns(len(rows))
        labels = np.full((len(rows), items.labels.number), -1, np.int8)
        for number, row in enumerate(rows):
            for key, column in (("part", columns.splits), ("type", columns.types)):
                column[number] = row[key]
            columns.categories[number], columns.domains[number] = row["category"], row["domain"]
            columns.boxes[number], columns.landmarks[number] = row["box"], row["landmarks"]
            columns.states[number] = row["states"]
            labels[number, row["has"]] = 1
        names = np.array([row["name"].encode() for row in rows], np.bytes_)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path}: cannot be read ({error}): remove {folder}") from error
    known = Labels.of(labels)
    return Garments(items.folder, names, columns, known, items.vocabulary, path)
