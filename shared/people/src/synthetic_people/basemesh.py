"""The base mesh, its groups of faces and its masks, without any shape.

MakeHuman's "hm08" has 19,158 vertices: the body itself and helper surfaces around it, such as
"helper-tights", "helper-skirt" and "helper-hair", which targets and bones move with it.
"""

import functools

import numpy as np

from synthetic_people import assets
from synthetic_people.mesh import triangles_of_quads

NUM_VERTICES = 19158


@functools.cache
def _base() -> dict[str, np.ndarray]:
    base = assets.arrays("base")
    base["uv"] = base["uv"].astype(np.float32) / 65535
    for array in base.values():
        array.setflags(write=False)
    return base


def base_vertices() -> np.ndarray:
    """Return the base mesh (19158, 3) float32 without any target, read-only."""
    return _base()["vertices"]


def group_names() -> list[str]:
    """Return the names of the groups of faces: "body", helper surfaces, and cubes around joints."""
    return [str(name) for name in _base()["group_names"]]


@functools.cache
def group_faces(group: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the triangles (F, 3) int32 of a group and the rows of `base_uv` of their corners."""
    base = _base()
    if group not in group_names():
        raise ValueError(f"expected a group of the base mesh, got {group!r}")
    of_group = base["group"] == group_names().index(group)
    quads, quad_uv = base["quads"][of_group], base["quad_uv"][of_group]
    return triangles_of_quads(quads), triangles_of_quads(quad_uv)


def base_uv() -> np.ndarray:
    """Return the texture coordinates (T, 2) float32 of the base mesh."""
    return _base()["uv"]


@functools.cache
def mask(name: str) -> np.ndarray:
    """Return a soft mask (19158,) float32 in [0, 1]: lips, face, eyelids, ears, scalp, ..."""
    base = _base()
    if f"mask_{name}" not in base:
        known = [key.removeprefix("mask_") for key in base if key.startswith("mask_")]
        raise ValueError(f"expected a mask of {', '.join(known)}, got {name!r}")
    return base[f"mask_{name}"].astype(np.float32) / 255


def ground(rest: np.ndarray) -> float:
    """Return the height y of the ground below a body at rest, in metres."""
    return float(rest[np.unique(group_faces("body")[0]), 1].min())
