"""A photo's garments, and what an index has that is like them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion.garment import Garment, Recogniser
from fashion.retrieval.building import recognise
from fashion.retrieval.garment_index import GarmentIndex, Hit
from fashion.retrieval.thumbnails import crop_box, sheet
from fashion.retrieval.writing import describe
from vision_shared.images import read_image, write_image
from vision_shared.inputs import InputError, new_file


@dataclass(frozen=True)
class Search:
    """How photos are searched for.

    Attributes:
        index: index that is searched.
        recogniser: the network that made it.
        top: number of garments that are wanted.
        categories: categories that they may have; none is all.
        attributes: attributes that they all have.
        by_style: similar style, in place of similar looks.
        on_street: garments are looked for, and each is searched for; otherwise a photo is one
            garment, as the images of the index are: the best one found, or the photo whole.
    """

    index: GarmentIndex
    recogniser: Recogniser
    top: int
    categories: Sequence[str] = ()
    attributes: Sequence[str] = ()
    by_style: bool = False
    on_street: bool = False

    def rows(self) -> NDArray[np.int64] | None:
        """Return the rows that are searched; None is all.

        Raises:
            InputError: a word is not known, or nothing is left to search.
        """
        if not self.categories and not self.attributes:
            return None
        rows = self.index.rows_of(self.categories, self.attributes)
        if len(rows) == 0:
            words = ", ".join([*self.categories, *self.attributes])
            raise InputError(f"{self.index.files.folder}: no garment is {words}")
        return rows

    def garments(self, photo: Path, image: NDArray[np.uint8]) -> list[Garment]:
        """Return the garments of a photo that are to be searched for.

        Raises:
            InputError: there is none.
        """
        whole = self.index.files.manifest.whole and not self.on_street
        found = recognise(self.recogniser, image, whole=whole)
        if not found:
            raise InputError(f"{photo}: no garment was found in it")
        return found if self.on_street else found[:1]

    def hits(self, garment: Garment, rows: NDArray[np.int64] | None) -> list[Hit]:
        """Return what is similar to a garment, among rows."""
        if self.by_style:
            return self.index.similar_style(garment.embedding, garment.attributes, self.top, rows)
        return self.index.nearest(garment.embedding[None], self.top, rows)[0]


def search_photo(
    photo: Path,
    search: Search,
    rows: NDArray[np.int64] | None,
    name: Path,
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Search for a photo's garments; write NAME.json and NAME_similar.png, or neither.

    Args:
        photo: the image.
        search: how.
        rows: rows of `Search.rows`.
        name: name of both, without what each one's own name ends in.
        overwrite: whether to replace files of those names.

    Returns:
        What NAME.json holds: the photo's ``garments``, each with its ``hits``.

    Raises:
        InputError: the photo cannot be used, or an output may not be written.
    """
    image = read_image(photo)
    garments, shown = [], []
    for garment in search.garments(photo, image):
        hits = search.hits(garment, rows)
        facts = search.index.describe(hits)
        garments.append({**describe(garment), "hits": facts})
        cells = [(crop_box(image, garment.box), f"query: {garment.category}")]
        for path, fact in zip(search.index.thumbnails(hits), facts, strict=True):
            cells.append((read_image(path), f"{fact['similarity']:.3f} {fact['category']}"))
        shown.append(cells)
    answer = {
        "photo": str(photo),
        "by": "style" if search.by_style else "looks",
        "categories": list(search.categories),
        "attributes": list(search.attributes),
        "garments": garments,
    }
    with ExitStack() as stack:
        lines, pictures = (
            stack.enter_context(new_file(name.with_name(f"{name.name}{end}"), overwrite=overwrite))
            for end in (".json", "_similar.png")
        )
        lines.write_text(json.dumps(answer, indent=2) + "\n")
        write_image(pictures, sheet(shown))
    return answer
