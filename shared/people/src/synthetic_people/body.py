"""The parametric body: shaped, posed, and dressed in what the pack holds.

Metres, y up, z out of the face, x to the person's left; the origin lies inside the body, `ground`
says where the feet stand. First `shape`, then `fit` what is worn, then `skin` all by `transforms`.
"""

import functools
from dataclasses import dataclass

import numpy as np

from synthetic_people import assets
from synthetic_people.basemesh import (
    NUM_VERTICES,
    base_uv,
    base_vertices,
    ground,
    group_faces,
    group_names,
    mask,
)
from synthetic_people.mesh import Material, Mesh
from synthetic_people.shape import phenotype, shape, target_names
from synthetic_people.skeleton import Rig, rig, skin, transforms

__all__ = [
    "NUM_VERTICES",
    "Fitting",
    "Rig",
    "base_uv",
    "base_vertices",
    "body_mesh",
    "fit",
    "fitting",
    "ground",
    "group_faces",
    "group_names",
    "hidden",
    "mask",
    "phenotype",
    "rig",
    "shape",
    "skin",
    "target_names",
    "transforms",
]


@dataclass(frozen=True)
class Fitting:
    """A mesh relative to the base mesh, (n, ...) for its vertices, with its faces and skinning."""

    ref: np.ndarray  # (n, 3) int64 vertices of the base mesh
    weight: np.ndarray  # (n, 3) float32 of these, rows sum to 1
    offset: np.ndarray  # (n, 3) float32 metres, for a body of the author's size
    region: np.ndarray  # (6,) vertices whose distances along x, y, z are that size
    size: np.ndarray  # (3,) metres
    faces: np.ndarray
    uv: np.ndarray
    face_uv: np.ndarray
    hidden: np.ndarray  # (19158,) bool, vertices of the body that it covers
    bones: np.ndarray
    bone_weights: np.ndarray


def body_mesh(rest: np.ndarray, skin_name: str, hidden: np.ndarray | None = None) -> Mesh:
    """Return the skin without the faces whose corners are all `hidden` (19158,)."""
    faces, face_uv = group_faces("body")
    if hidden is not None:
        seen = ~hidden[faces].all(1)
        faces, face_uv = faces[seen], face_uv[seen]
    look = Material(skin_name, gloss=0.04, exponent=14.0, wrap=(0.3, 0.12, 0.06))
    bones = rig()
    return Mesh("skin", rest, faces, base_uv(), face_uv, bones.bones, bones.bone_weights, look)


def fit(name: str, rest: np.ndarray) -> Mesh:
    """Return hair, eyes or clothes of the pack on a body at rest (19158, 3), named by its kind."""
    it = fitting(name)
    ends = rest[it.region]
    scale = np.array([abs(ends[2 * i, i] - ends[2 * i + 1, i]) for i in range(3)]) / it.size
    vertices = np.einsum("nk,nkc->nc", it.weight, rest[it.ref]) + it.offset * scale
    return Mesh(
        name.split("/")[0],
        np.ascontiguousarray(vertices, np.float32),
        it.faces,
        it.uv,
        it.face_uv,
        it.bones,
        it.bone_weights,
        _material(name),
    )


def hidden(*names: str) -> np.ndarray:
    """Return the mask (19158,) of the body's vertices below any of these, for `body_mesh`."""
    covered = np.zeros(NUM_VERTICES, bool)
    for name in names:
        covered |= fitting(name).hidden
    return covered


@functools.lru_cache(maxsize=64)
def fitting(name: str) -> Fitting:
    """Return how a mesh of the pack hangs on the base mesh."""
    packed = assets.arrays(name)
    first = packed["weight"].T.astype(np.float32) / np.float32(1e5)
    weight = np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)
    ref = packed["ref"].astype(np.int64)
    covered = np.zeros(NUM_VERTICES, bool)
    covered[packed["hidden"]] = True
    return Fitting(
        ref,
        weight,
        packed["offset"].T.astype(np.float32) * np.float32(2e-5),
        packed["region"].astype(np.int64),
        packed["size"],
        packed["faces"].astype(np.int32),
        packed["uv"].astype(np.float32) / 65535,
        packed["face_uv"].astype(np.int32),
        covered,
        *_blended_bones(ref, weight),
    )


def _blended_bones(ref: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin a vertex by the 4 strongest of its three corners' bones."""
    skeleton = rig()
    candidates = skeleton.bones[ref].reshape(len(ref), 12)
    strength = (skeleton.bone_weights[ref] * np.abs(weight)[..., None]).reshape(len(ref), 12)
    dense = np.zeros((len(ref), len(skeleton.names)), np.float32)
    np.add.at(dense, (np.arange(len(ref))[:, None], candidates), strength)
    bones = np.argsort(-dense, 1, kind="stable")[:, :4]
    kept = np.take_along_axis(dense, bones, 1)
    return bones.astype(np.uint8), kept / kept.sum(1, keepdims=True)


def _material(name: str) -> Material:
    kind = name.split("/")[0]
    texture = {"eyes/eyes": "eyes/brown", "eyes/eyes_coarse": "eyes/brown"}.get(name, name)
    if name == "hat/fedora_cocked":
        texture = "hat/fedora"
    open_surface = kind in ("hair", "brows", "lashes", "hat", "glasses", "shoes")
    gloss, exponent = {"hair": (0.1, 20.0), "eyes": (0.5, 80.0), "teeth": (0.2, 40.0)}.get(
        kind, (0.02, 12.0)
    )
    return Material(texture, gloss=gloss, exponent=exponent, two_sided=open_surface)
