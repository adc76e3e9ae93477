"""DeepFashion2's annotations of synthetic people: all garments of an image, with their masks."""

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion.data.deepfashion.deepfashion2 import FOLDERS, KINDS, STATE_OF_CODE
from fashion.data.people.garments import Seen
from fashion.data.taxonomy import CATEGORIES

OUTWEAR = ("Cardigan", "Jacket", "Blazer", "Coat")
CODE_OF_STATE = {state: code for code, state in STATE_OF_CODE.items()}


def write_scene(
    folder: Path, number: int, split: str, image: Path, source: str, pair: int,
    garments: list[tuple[Seen, NDArray[np.bool_], int]],
) -> None:  # fmt: skip
    """Write an annotation, and a link to its image.

    Args:
        folder: folder of the data set.
        number: number of the image, from 1.
        split: ``train`` or ``test``.
        image: its file.
        source: ``shop`` or ``user``.
        pair: number of the item that it shows.
        garments: each with its mask (H, W), and its style: above 0 for the item itself.
    """
    below = folder / FOLDERS[split]
    for name in ("image", "annos"):
        (below / name).mkdir(parents=True, exist_ok=True)
    target = Path(*[".."] * len(below.relative_to(folder.parent).parts), "..")
    (below / "image" / f"{number:06d}.jpg").symlink_to(target / image.relative_to(folder.parent))
    items = {
        f"item{place}": _item(garment, mask, style)
        for place, (garment, mask, style) in enumerate(garments, 1)
    }
    document = {"source": source, "pair_id": pair, **items}
    (below / "annos" / f"{number:06d}.json").write_text(json.dumps(document))


def kind_of(garment: Seen) -> int:
    """Return the index in `deepfashion2.KINDS` of a garment's category, or of the nearest.

    A jumpsuit is a dress there; a coat is outwear.
    """
    name, has = CATEGORIES[garment.category], garment.has
    length = "long" if has & {"long sleeve", "three-quarter sleeve"} else "short"
    if name in OUTWEAR:
        wanted = f"{length} sleeve outwear"
    elif garment.type == 0:
        wanted = "vest" if "sleeveless" in has else f"{length} sleeve top"
    elif garment.type == 2:
        wanted = "vest dress" if "sleeveless" in has else f"{length} sleeve dress"
    else:
        wanted = name.lower() if name in ("Shorts", "Skirt") else "trousers"
    return [kind.name for kind in KINDS].index(wanted)


def _item(garment: Seen, mask: NDArray[np.bool_], style: int) -> dict[str, object]:
    number = kind_of(garment)
    kind = KINDS[number]
    landmarks = np.zeros((kind.num_landmarks, 3), int)
    for slot, place in kind.slots.items():
        code = CODE_OF_STATE.get(int(garment.states[slot]), 0)
        landmarks[place - 1] = (*garment.landmarks[slot], code) if code else (0, 0, 0)
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return {
        "category_id": number + 1,
        "category_name": kind.name,
        "style": style,
        "bounding_box": garment.box.tolist(),
        "landmarks": landmarks.ravel().tolist(),
        "segmentation": [c.ravel().tolist() for c in contours if len(c) > 2],
    }
