"""The parametric body: base mesh, shape targets, skeleton, skinning, and what is fitted to it.

The base mesh is MakeHuman's "hm08", 19,158 vertices: the body itself and helper surfaces around it
("helper-tights", "helper-skirt", "helper-hair" ...), which targets and bones move with it. Metres, y up,
z out of the face, x to the person's left; the origin lies inside the body, `ground` says where feet stand.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people import assets
from synthetic_people.mesh import Material, Mesh, triangles_of_quads

NUM_VERTICES = 19158


@dataclass(frozen=True)
class Rig:
    """The skeleton: bones in an order in which parents come first, and the weights of vertices.

    Args:
        names, parents: (B,) name of each bone and index of its parent, -1 for the root.
        bones, bone_weights: (19158, 4) uint8 and float32, skinning of the base mesh; rows sum to 1.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray
    joint_vertices: np.ndarray
    joint_start: np.ndarray

    def index(self, bone: str) -> int:
        """Return the index of a bone."""
        if bone not in self.names:
            raise ValueError(f"expected a bone of the rig, got {bone!r}")
        return self.names.index(bone)

    def joints(self, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the heads and tails (B, 3) of the bones in a body at rest (19158, 3)."""
        total = np.add.reduceat(rest[self.joint_vertices], self.joint_start[:-1])
        mean = total / np.diff(self.joint_start)[:, None]
        return mean[: len(self.names)], mean[len(self.names) :]


# ------------------------------------------------------------------------------ the base mesh
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
    return triangles_of_quads(base["quads"][of_group]), triangles_of_quads(
        base["quad_uv"][of_group]
    )


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


# ------------------------------------------------------------------------------ shape
@dataclass(frozen=True)
class _Targets:
    where: dict[str, int]  # rows of `start`, shared by targets that are equal
    start: np.ndarray  # (T + 1,) int64 into index and offset
    index: np.ndarray  # (M,) uint16 vertices
    offset: np.ndarray  # (M, 3) int16 multiples of the quantum
    quantum: np.ndarray  # (T,) float32 metres


@functools.cache
def _targets() -> _Targets:
    packed = assets.arrays("targets")
    start = np.concatenate([[0], np.cumsum(packed["length"], dtype=np.int64)])
    return _Targets(
        {str(name): int(i) for name, i in zip(packed["names"], packed["where"], strict=True)},
        start,
        _summed(packed["index"][None], start)[0],
        np.ascontiguousarray(_summed(packed["offset"], start).T),
        packed["quantum"],
    )


def _summed(differences: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Undo `np.diff` within each target, (C, M): sums that wrap around, as 16-bit integers do."""
    sums = np.cumsum(differences, axis=1, dtype=differences.dtype)
    before = np.where(start[:-1] > 0, sums[:, start[:-1] - 1], 0).astype(differences.dtype)
    return sums - np.repeat(before, np.diff(start), axis=1)


def target_names(folder: str = "") -> list[str]:
    """Return the names of shape targets that begin with a folder: "nose", "unit", "eyes" ...

    >>> target_names("unit")[:2]
    ['unit/browDownLeft', 'unit/browDownRight']
    """
    return [name for name in _targets().where if name.startswith(f"{folder}/" if folder else "")]


def shape(weights: Mapping[str, float]) -> np.ndarray:
    """Return the base mesh (19158, 3) float32 with weighted targets added.

    A target that the pack omits because it would move nothing counts as none; any other unknown name
    raises ValueError.
    """
    targets = _targets()
    out = base_vertices().copy()
    for name, weight in weights.items():
        if name not in targets.where:
            raise ValueError(f"expected a shape target, got {name!r}")
        i = targets.where[name]
        rows = slice(targets.start[i], targets.start[i + 1])
        _add(
            out, targets.index[rows], targets.offset[rows], np.float32(weight * targets.quantum[i])
        )
    return out


@njit(cache=True, nogil=True)
def _add(out, index, offset, factor):  # type: ignore[no-untyped-def]
    for row in range(len(index)):
        vertex = index[row]
        for axis in range(3):
            out[vertex, axis] += factor * offset[row, axis]


# ------------------------------------------------------------------------------ phenotype
AGES = {"child": 10.0, "young": 25.0, "old": 90.0}  # years at which MakeHuman's ages stand


def phenotype(
    sex: float = 0.5,
    age: float = 25.0,
    muscle: float = 0.5,
    weight: float = 0.5,
    height: float = 0.5,
    ancestry: Mapping[str, float] | None = None,
    *,
    proportions: float = 0.5,
    cup: float = 0.5,
    firmness: float = 0.5,
) -> dict[str, float]:
    """Return weights of the whole-body targets, for `shape`: MakeHuman's macro interpolation.

    Args:
        sex: 0 female, 1 male, and between.
        age: years in [10, 90].
        muscle, weight, height, proportions, cup, firmness: in [0, 1], .5 the average.
        ancestry: shares of "african", "asian" and "caucasian", scaled to sum to 1; equal by default.
    """
    if not 10 <= age <= 90:
        raise ValueError(f"expected an age in [10, 90] years, got {age}")
    shares = dict(ancestry) if ancestry else dict.fromkeys(("african", "asian", "caucasian"), 1.0)
    total = sum(shares.values())
    size = {
        f"{m}-{w}": share_m * share_w
        for m, share_m in _thirds("muscle", muscle)
        for w, share_w in _thirds("weight", weight)
    }
    chest = [
        (f"{c}-{f}", share_c * share_f)
        for c, share_c in _thirds("cup", cup)
        for f, share_f in _thirds("firmness", firmness)
    ]
    extremes = [
        *((f"macrodetails/height/{{}}-{h}", share) for h, share in _thirds("height", height)),
        *((f"macrodetails/proportions/{{}}-{p}", share) for p, share in _proportions(proportions)),
        *((f"breast/{{}}-{c}", share) for c, share in chest),
    ]
    out: dict[str, float] = {}
    for person, share in _people(sex, age):
        for name, part in shares.items():
            out[f"macrodetails/{name}-{person}"] = share * part / total
        for kind, part in size.items():
            out[f"macrodetails/universal-{person}-{kind}"] = share * part
            for pattern, extreme in extremes:
                out[pattern.format(f"{person}-{kind}")] = share * part * extreme
    # Averages are the base mesh and have no target; neither have men a cup.
    known = _targets().where
    return {name: value for name, value in out.items() if value > 1e-4 and name in known}


def _people(sex: float, age: float) -> list[tuple[str, float]]:
    years = list(AGES.values())
    ages = {name: np.interp(age, years, np.eye(3)[i]) for i, name in enumerate(AGES)}
    return [
        (f"{gender}-{name}", float(share * part))
        for gender, share in (("female", 1 - sex), ("male", sex))
        for name, part in ages.items()
        if share * part > 1e-4
    ]


def _thirds(what: str, value: float) -> list[tuple[str, float]]:
    """Shares of the least, the average and the most of something."""
    if not 0 <= value <= 1:
        raise ValueError(f"expected {what} in [0, 1], got {value}")
    low, high = max(1 - 2 * value, 0.0), max(2 * value - 1, 0.0)
    shares = [(f"min{what}", low), (f"average{what}", 1 - low - high), (f"max{what}", high)]
    return [(name, share) for name, share in shares if share > 0]


def _proportions(value: float) -> list[tuple[str, float]]:
    names = {"minproportions": "uncommonproportions", "maxproportions": "idealproportions"}
    return [(names.get(name, name), share) for name, share in _thirds("proportions", value)]


# ------------------------------------------------------------------------------ skeleton
@functools.cache
def rig() -> Rig:
    """Return the skeleton of 163 bones, which has fingers, toes, jaw, eyes and face muscles."""
    packed = assets.arrays("rig")
    names = tuple(str(name) for name in packed["names"])
    arrays = (packed[k] for k in ("parents", "bones", "bone_weights", "joint_vertices"))
    return Rig(names, *arrays, packed["joint_start"].astype(np.int64))


def transforms(rest: np.ndarray, pose: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what each bone does to a body at rest, (B, 3, 4) float32: rotation and translation.

    Args:
        rest: (19158, 3) the shaped body.
        pose: rotation (3, 3) of some bones about their heads, on top of their parents', in the axes of
            the body at rest.
    """
    skeleton = rig()
    local = {skeleton.index(bone): np.asarray(rotation) for bone, rotation in pose.items()}
    heads, _ = skeleton.joints(rest)
    out = np.zeros((len(skeleton.names), 3, 4))
    out[:, :, :3] = np.eye(3)
    for bone, parent in enumerate(skeleton.parents):
        if parent >= 0:
            out[bone] = out[parent]
        if bone in local:
            turned = out[bone, :, :3] @ local[bone]
            # The head stays where the parent brought it.
            out[bone, :, 3] += (out[bone, :, :3] - turned) @ heads[bone]
            out[bone, :, :3] = turned
    return out.astype(np.float32)


@njit(cache=True, nogil=True)
def skin(vertices, bones, bone_weights, transforms):  # type: ignore[no-untyped-def]
    """Return posed vertices (N, 3): linear blend skinning of (N, 3) by 4 bones each."""
    out = np.empty_like(vertices)
    for n in range(len(vertices)):
        for i in range(3):
            total = np.float32(0)
            for k in range(4):
                m = transforms[bones[n, k], i]
                total += bone_weights[n, k] * (
                    m[0] * vertices[n, 0] + m[1] * vertices[n, 1] + m[2] * vertices[n, 2] + m[3]
                )
            out[n, i] = total
    return out


# ------------------------------------------------------------------------------ fitted meshes
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
    """Return hair, eyes, clothes ... of the pack on a body at rest (19158, 3), named by its kind."""
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
    """Return which vertices of the body (19158,) any of these covers, for `body_mesh`."""
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
    open_surface = kind in ("hair", "brows", "lashes", "suit", "garment", "hat", "glasses", "shoes")
    gloss, exponent = {"hair": (0.1, 20.0), "eyes": (0.5, 80.0), "teeth": (0.2, 40.0)}.get(
        kind, (0.02, 12.0)
    )
    return Material(texture, gloss=gloss, exponent=exponent, two_sided=open_surface)
