"""The shell that garments are cut from: the base mesh's tights, with coordinates along the body.

All coordinates are those of the neutral body and belong to vertices, so that a level is at the
same place of a garment on whoever wears it: `down` the body (0 waist, 1 knee, 2 ankle), `arm` (0
shoulder, 1 wrist), `neck` (metres from its root, below 0 up the throat), angles about the torso.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.spatial import KDTree

from synthetic_people import body
from synthetic_people.mesh import vertex_normals

WAIST_HEIGHT = 0.184  # metres above the origin of the neutral body, at the narrowest of the torso
OFF_ARM = -1.0  # `arm` of vertices that no bone of the arm moves


@dataclass(frozen=True)
class Shell:
    """Topology and coordinates of the tights; N vertices, F faces.

    Args:
        rows: (N,) vertices of the base mesh.
        faces: (F, 3) into `rows`. pairs: (E, 2) its edges.
        uv, face_uv: charts of torso, arms and legs in metres of cloth; in `trouser_uv` the charts
            of the legs reach up to the waist.
        position: (N, 3) metres, the neutral body.
        down, arm, neck, around, angle: (N,) coordinates; `around` is the angle about the neck and
            `angle` that about the torso, 0 in front, radians.
        smooth: (N, N) a step of smoothing.
        bones, bone_weights: (N, 4) skinning.
        nearest: (19158,) the vertex of the shell nearest to each of the base mesh; `close`
            whether that is the one that covers it.
    """

    rows: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    face_uv: np.ndarray
    trouser_uv: np.ndarray
    pairs: np.ndarray
    position: np.ndarray
    down: np.ndarray
    arm: np.ndarray
    neck: np.ndarray
    around: np.ndarray
    angle: np.ndarray
    smooth: csr_matrix
    bones: np.ndarray
    bone_weights: np.ndarray
    nearest: np.ndarray
    close: np.ndarray


@functools.cache
def joints() -> dict[str, np.ndarray]:
    """Return where the bones of the neutral body begin, metres."""
    rig = body.rig()
    heads, _ = rig.joints(body.base_vertices())
    return dict(zip(rig.names, heads, strict=True))


@functools.cache
def shell() -> Shell:
    """Return the shell; it is computed once a process."""
    old_faces, _ = body.group_faces("helper-tights")
    rows, faces = np.unique(old_faces, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32)
    position = body.base_vertices()[rows].astype(np.float64)
    rig = body.rig()
    on_arm = _share(rows, ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"))
    down = down_level(position[:, 1])
    arm = _along_arms(position, on_arm)
    angle = np.arctan2(position[:, 0], position[:, 2] - _axis(position[:, 1]))
    centre = joints()["neck02"]
    around = np.arctan2(position[:, 0], position[:, 2] - centre[2])
    uv = _charted(position, faces, _charts(faces, on_arm, down, 0.43), angle)
    trouser_uv = _charted(position, faces, _charts(faces, on_arm, down, -0.06), angle)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.sort(edges, 1), axis=0)
    return Shell(
        rows, faces, uv, np.arange(len(uv), dtype=np.int32).reshape(-1, 3), trouser_uv, pairs,
        position, down,
        arm, _from_neck(position), around, angle,
        _smoothing(faces, len(rows)), rig.bones[rows],
        rig.bone_weights[rows], *_nearest(position),
    )  # fmt: skip


def down_level(height: np.ndarray) -> np.ndarray:
    """Return the level down the body of heights above the neutral origin, metres."""
    knee, ankle = joints()["lowerleg01.L"][1], joints()["foot.L"][1]
    return np.interp(
        -height,
        [-WAIST_HEIGHT - 1, -WAIST_HEIGHT, -knee, -ankle, -ankle + 1],
        [-1 / (WAIST_HEIGHT - knee), 0, 1, 2, 2 + 1 / (knee - ankle)],
    )


def _share(rows: np.ndarray, prefixes: tuple[str, ...]) -> np.ndarray:
    rig = body.rig()
    of = np.array([name.startswith(prefixes) for name in rig.names])
    return (of[rig.bones[rows]] * rig.bone_weights[rows]).sum(1)


def _along_arms(position: np.ndarray, on_arm: np.ndarray) -> np.ndarray:
    out = np.full(len(position), OFF_ARM)
    for side, sign in (("L", 1), ("R", -1)):
        start, end = joints()[f"upperarm01.{side}"], joints()[f"wrist.{side}"]
        axis = end - start
        along = (position - start) @ axis / (axis @ axis)
        mine = (on_arm > 0.08) & (sign * position[:, 0] > 0)
        out[mine] = along[mine]
    return out


def _axis(height: np.ndarray) -> np.ndarray:
    """Return z of the middle of the torso at heights, a straight line from hips to neck."""
    low, high = joints()["spine05"], joints()["neck01"]
    return np.interp(height, [low[1], high[1]], [0.012, high[2] + 0.01])


def _smoothing(faces: np.ndarray, count: int) -> csr_matrix:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    near = csr_matrix((np.ones(len(edges)), edges.T), (count, count))
    near.data[:] = 1
    mean = diags(1 / np.asarray(near.sum(1)).ravel()) @ near
    return (0.4 * diags(np.ones(count)) + 0.6 * mean).tocsr().astype(np.float32)


def _from_neck(position: np.ndarray) -> np.ndarray:
    """Metres from the ring around the neck's root, below 0 above it."""
    x, z = position[:, 0] / 0.064, (position[:, 2] - 0.02) / 0.055
    front = np.cos(np.arctan2(x, z))
    height = 0.592 - 0.012 * front**2 - 0.02 * front - position[:, 1]
    ring = np.hypot((np.hypot(x, z) - 1) * 0.06, height)
    return np.where(height < 0, -ring, ring)


def _charts(faces: np.ndarray, on_arm: np.ndarray, down: np.ndarray, crotch: float) -> np.ndarray:
    """Return 0 for faces of the torso, 1 for those of arms, 2 for those of legs."""
    arms = on_arm[faces].mean(1) > 0.5
    legs = down[faces].mean(1) > crotch
    return np.where(arms, 1, np.where(legs, 2, 0))


def _charted(
    position: np.ndarray, faces: np.ndarray, chart: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Return u, v of all corners (3 F, 2): lengths around and along the limb, metres."""
    corner = position[faces]  # (F, 3, 3)
    bend = np.linspace(-2 * np.pi, 2 * np.pi, 721)
    arc = np.concatenate([[0], np.cumsum(np.hypot(0.115 * np.cos(bend), 0.16 * np.sin(bend)))])
    arc = (arc[:-1] - arc[360]) * (bend[1] - bend[0])
    u = np.interp(_unwrapped(angle[faces]), bend, arc)
    v = corner[..., 1].copy()
    for side, sign in (("L", 1), ("R", -1)):
        mine = (chart == 1) & (sign * corner[..., 0].mean(1) > 0)
        start, end = joints()[f"upperarm01.{side}"], joints()[f"wrist.{side}"]
        length = np.linalg.norm(end - start)
        axis = (end - start) / length
        across = np.cross(axis, [0.0, 0, 1])
        around = np.cross(across, axis)
        rel = corner[mine] - start
        u[mine] = 0.05 * _unwrapped(np.arctan2(rel @ across, rel @ around))
        v[mine] = start[1] - rel @ axis
        mine = (chart == 2) & (sign * corner[..., 0].mean(1) > 0)
        knee = joints()[f"lowerleg01.{side}"]
        hip, foot = joints()[f"upperleg01.{side}"], joints()[f"foot.{side}"]
        way = [foot[1], knee[1], hip[1]]
        y = corner[mine][..., 1]
        x = corner[mine][..., 0] - np.interp(y, way, [foot[0], knee[0], hip[0]])
        z = corner[mine][..., 2] - np.interp(y, way, [foot[2], knee[2], hip[2]])
        u[mine] = 0.075 * _unwrapped(np.arctan2(x, z))
    return np.stack([u, v], -1).reshape(-1, 2).astype(np.float32)


def _unwrapped(angle: np.ndarray) -> np.ndarray:
    """Return angles (F, 3) of a face's corners without jumps between them."""
    first = angle[:, :1]
    return first + (angle - first + np.pi) % (2 * np.pi) - np.pi


def _nearest(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gap, nearest = KDTree(position).query(body.base_vertices())
    return nearest.astype(np.int32), gap < 0.03


@dataclass(frozen=True)
class Fitted:
    """The shell on a body at rest.

    Args:
        vertices, normals: (N, 3) float32.
        hollow: (N,) metres by which cloth bridges hollows instead of following them.
        heights: y of waist, knee and ankle, metres.
    """

    vertices: np.ndarray
    normals: np.ndarray
    hollow: np.ndarray
    heights: np.ndarray


def fitted(rest: np.ndarray) -> Fitted:
    """Return the shell on a body at rest (19158, 3)."""
    it = shell()
    vertices = np.ascontiguousarray(rest[it.rows], np.float32)
    soft = _smoothed(vertices, 8)
    normals = vertex_normals(soft, it.faces)
    sunk = ((vertices - soft) * normals).sum(1)  # what smoothing took off, along the normals
    # cloth shows the shape of a limb, not its muscles: the smooth surface, as far out as the body
    vertices += normals * (_smoothed(np.maximum(sunk, 0), 5) - sunk)[:, None]
    hollow = ((_smoothed(soft, 6) - vertices) * normals).sum(1)
    level = it.down
    waist = vertices[(np.abs(level) < 0.04) & (it.arm == OFF_ARM), 1].mean()
    heads, _ = body.rig().joints(rest)
    knee, ankle = (heads[body.rig().index(name), 1] for name in ("lowerleg01.L", "foot.L"))
    return Fitted(vertices, normals, np.maximum(hollow, 0), np.array([waist, knee, ankle]))


def _smoothed(values: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        values = shell().smooth @ values
    return values
