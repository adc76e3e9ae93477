"""Packed works: names, images and arrays of the pack beside this file, decoded when first used."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from synthetic_people.texture import Texture

PACK = Path(__file__).parent / "assets"


def names(kind: str) -> list[str]:
    """Return the names "kind/name" of the meshes of a kind, or of its images where it has no mesh.

    >>> names("hair")[:2]
    ['hair/afro01', 'hair/bob01']
    >>> len(names("skin"))
    20
    """
    return _listed(kind, ".npz") or image_names(kind)


def image_names(kind: str) -> list[str]:
    """Return the names of the images of a kind; eyes and fedoras have several for one mesh.

    >>> image_names("hat")
    ['hat/fedora', 'hat/fedora_black', 'hat/fedora_grey', 'hat/fishing_hat']
    """
    return _listed(kind, ".webp")


def kinds() -> list[str]:
    """Return the kinds of works: hair, skin, suit ..."""
    works = (str(work["name"]) for work in provenance())
    return sorted({name.split("/")[0] for name in works if "/" in name})


@functools.lru_cache(maxsize=8)  # textures keep what is used often
def image(name: str) -> np.ndarray:
    """Return an image (H, W, 3 or 4) uint8 sRGB, read-only."""
    with Image.open(_file(name, ".webp")) as file:
        pixels = np.asarray(file)
    pixels.setflags(write=False)
    return pixels


@functools.lru_cache(maxsize=48)  # 4 MB each at most
def texture(name: str) -> Texture:
    """Return an image with its smaller versions."""
    return Texture(image(name))


@functools.cache
def provenance() -> tuple[Mapping[str, object], ...]:
    """Return a row a work: name, files, author, licence (SPDX) and source."""
    return tuple(json.loads((PACK / "provenance.json").read_text()))


def arrays(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a packed file; callers cache what they make of them."""
    with np.load(_file(name, ".npz"), allow_pickle=False) as file:
        return dict(file)


def _listed(kind: str, suffix: str) -> list[str]:
    if kind not in kinds():
        raise ValueError(f"expected a kind of {', '.join(kinds())}, got {kind!r}")
    return sorted(f"{kind}/{path.stem}" for path in (PACK / kind).glob(f"*{suffix}"))


def _file(name: str, suffix: str) -> Path:
    path = PACK / f"{name}{suffix}"
    if not path.is_file():
        known = _listed(name.split("/")[0], suffix) if "/" in name else kinds()
        raise ValueError(f"expected one of {', '.join(known)}, got {name!r}")
    return path
