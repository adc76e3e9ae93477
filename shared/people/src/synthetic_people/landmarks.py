"""The eight landmarks of a garment, as vertices added to its meshes where its edges lie.

`left` is the left of the image of a person who faces it, which is the person's right, as in
`sample.FACE_LANDMARKS`.
"""

import functools

import numpy as np

from synthetic_people.design import Design
from synthetic_people.garment_style import has_skirt, style_of
from synthetic_people.mesh import Mesh
from synthetic_people.shell import OFF_ARM, joints, shell

SIDES = (("left", -1), ("right", 1))  # of the image; sign of x in the body's space


@functools.lru_cache(maxsize=4096)
def on_shell(design: Design) -> dict[str, tuple[int, int, float]]:
    """Return between which vertices of the shell each landmark lies, and how far from the first.

    Those that lie on a skirt are left out.
    """
    out: dict[str, tuple[int, int, float]] = {}
    it, edges = shell(), style_of(design)
    everything = edges.closed
    crossings = lambda field: _crossings(it.pairs, field, everything)  # noqa: E731
    upper = design.sleeve is not None
    rings = [] if has_skirt(design) else [("hem", edges.hem)]
    rings += [("collar", edges.neck)] if upper else [("waistline", edges.rise)]
    if design.kind == "full":
        rings.append(("waistline", np.where(it.arm > OFF_ARM, 1.0, it.down)))
    for name, field in rings:
        a, b, t = crossings(field)
        if not len(a):
            continue
        x = it.position[a, 0] * (1 - t) + it.position[b, 0] * t
        for side, sign in SIDES:
            best = (sign * x).argmax()
            out[f"{side}_{name}"] = int(a[best]), int(b[best]), float(t[best])
    if upper:
        a, b, t = crossings(edges.sleeve)
        if not len(a):
            return out
        place = it.position[a] * (1 - t[:, None]) + it.position[b] * t[:, None]
        for side, sign in SIDES:
            best = (sign * place[:, 0] + place[:, 1] * _upwards()).argmax()
            out[f"{side}_sleeve"] = int(a[best]), int(b[best]), float(t[best])
    return out


def _upwards() -> float:
    """Height against distance from the middle, across the arm: the outer side of a sleeve."""
    arm = joints()["wrist.L"] - joints()["upperarm01.L"]
    return float(-arm[0] / arm[1])


def _crossings(
    pairs: np.ndarray, field: np.ndarray, everything: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges (a, b) in which a field passes 0 where cloth ends, and where: a + t (b - a)."""
    here = field[pairs]
    t = here[:, 0] / np.where(here[:, 0] == here[:, 1], 1, here[:, 0] - here[:, 1])
    rest = everything[pairs]
    passes = (here[:, 0] > 0) != (here[:, 1] > 0)
    value = rest[:, 0] * (1 - t) + rest[:, 1] * t
    edge = passes & ((rest[:, 0] > 0) | (rest[:, 1] > 0)) & (value > -0.012)
    return pairs[edge, 0], pairs[edge, 1], t[edge]


def with_points(mesh: Mesh, spots: dict[str, tuple[int, int, float]]) -> Mesh:
    """Return a mesh with a vertex for each spot after its own; no face uses them."""
    if not spots:
        return mesh
    a, b, t = (np.array(column) for column in zip(*spots.values(), strict=True))
    t = t[:, None]
    mix = lambda array: np.concatenate([array, array[a] * (1 - t) + array[b] * t])  # noqa: E731
    bones, weights = _blend(mesh, a, b, t)
    out = mesh.moved(mix(mesh.vertices))
    out.bones = np.concatenate([mesh.bones, bones])
    out.bone_weights = np.concatenate([mesh.bone_weights, weights])
    for name in ("cut", "tint", "rest"):
        if (array := getattr(mesh, name)) is not None:
            mixed = mix(array[:, None])[:, 0] if array.ndim == 1 else mix(array)
            setattr(out, name, mixed.astype(np.float32))
    return out


def _blend(
    mesh: Mesh, a: np.ndarray, b: np.ndarray, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    bones = np.concatenate([mesh.bones[a], mesh.bones[b]], 1)
    weights = np.concatenate([mesh.bone_weights[a] * (1 - t), mesh.bone_weights[b] * t], 1)
    return strongest(bones, weights)


def strongest(bones: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 4 strongest bones of each vertex (N, K) and their weights, which sum to 1."""
    count = int(bones.max()) + 1
    dense = np.zeros((len(bones), count), np.float32)
    np.add.at(dense, (np.arange(len(bones))[:, None], bones), weights)
    order = np.argsort(-dense, 1, kind="stable")[:, :4]
    kept = np.take_along_axis(dense, order, 1)
    return order.astype(np.uint8), (kept / kept.sum(1, keepdims=True)).astype(np.float32)
