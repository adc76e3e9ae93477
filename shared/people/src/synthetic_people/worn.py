"""Things worn on head and neck: glasses, hats, earrings, necklaces; modelled by formulas."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from synthetic_people import body
from synthetic_people.face import body_rows, head_rows, joint_rows, region_faces, regions
from synthetic_people.hair import skin_normals
from synthetic_people.mesh import Material, Mesh, compact
from synthetic_people.parts import GLASSES, HAT, SKIN
from synthetic_people.person import Person

METAL = Material(colour=(0.75, 0.65, 0.4), gloss=0.8, exponent=60.0, two_sided=True)


def tube(
    path: np.ndarray, radius: float, closed: bool, sides: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and triangles of a thin tube along points (P, 3)."""
    p = np.asarray(path, np.float64)
    tangent = np.roll(p, -1, 0) - np.roll(p, 1, 0) if closed else np.gradient(p, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.cross(tangent, [0.3, 0.5, 1.0])
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    side = np.cross(tangent, up)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[:, None, None] * up + np.sin(angle)[:, None, None] * side
    vertices = (p + radius * ring).swapaxes(0, 1).reshape(-1, 3)
    count = len(p) if closed else len(p) - 1
    i, k = np.divmod(np.arange(count * sides), sides)
    j, m = (i + 1) % len(p), (k + 1) % sides
    first = np.stack([i * sides + k, j * sides + m, j * sides + k], 1)
    second = np.stack([i * sides + k, i * sides + m, j * sides + m], 1)
    return vertices.astype(np.float32), np.concatenate([first, second]).astype(np.int32)


def rigid(
    name: str, pieces: list[tuple[np.ndarray, np.ndarray]], bone: str, material: Material, part: int
) -> Mesh:
    """Return a mesh of pieces (vertices, triangles) that moves with one bone."""
    starts = np.cumsum([0] + [len(v) for v, _ in pieces])
    vertices = np.concatenate([v for v, _ in pieces]).astype(np.float32)
    faces = np.concatenate([f + start for (_, f), start in zip(pieces, starts, strict=False)])
    bones = np.zeros((len(vertices), 4), np.uint8)
    bones[:, 0] = body.rig().index(bone)
    weights = np.zeros((len(vertices), 4), np.float32)
    weights[:, 0] = 1
    uv = np.zeros((1, 2), np.float32)
    faces = faces.astype(np.int32)
    return Mesh(
        name, vertices, faces, uv, np.zeros_like(faces), bones, weights, material, part=part
    )


def glasses(person: Person, rest: np.ndarray, dark: bool) -> list[Mesh]:
    """Return frames, and lenses where they are `dark`, on a head at rest.

    Rims are superellipses: from round (power 2) to nearly rectangular (power 5).
    """
    d = person.details
    left, right = (rest[joint_rows(f"joint-{s}-eye")].mean(0) for s in "lr")
    gap = float(left[0] - right[0])
    half_width = gap * (0.32 + 0.12 * d[6])
    half_height = half_width * (0.6 + 0.35 * d[7]) * (1.15 if dark else 1.0)
    thick, power = 0.0008 + 0.0022 * d[8] ** 2, 1.8 + 3.2 * d[9]
    near = regions()["head"] > 0.5
    level = near & (abs(rest[:, 1] - left[1]) < 0.025) & (abs(rest[:, 0]) > 0.012)
    front = float(rest[level, 2].max()) + 0.005
    ear = float(np.abs(rest[near, 0]).max()) * 0.93
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    round_x = np.sign(c) * abs(c) ** (2 / power)
    round_y = np.sign(s) * abs(s) ** (2 / power)
    frames, lenses = [], []
    for eye in (left, right):
        x = eye[0] + half_width * round_x
        depth = front - 0.35 * np.clip(abs(x) - gap / 2, 0, None)
        rim = np.stack([x, eye[1] - 0.004 + half_height * round_y, depth], 1)
        frames.append(tube(rim, thick, closed=True))
        fan = np.array([[i, (i + 1) % 28, 28] for i in range(28)])
        lenses.append((np.concatenate([rim, rim.mean(0, keepdims=True)]), fan))
        side = np.sign(eye[0])
        arm = [
            [eye[0] + side * half_width, eye[1] + 0.003, front - 0.01],
            [side * ear, eye[1] + 0.004, front - 0.06],
            [side * ear, eye[1] + 0.002, front - 0.115],
        ]
        frames.append(tube(np.array(arm), thick, closed=False))
    bridge = [
        [left[0] - half_width, left[1] + 0.002, front],
        [0, left[1] + 0.005, front + 0.003],
        [right[0] + half_width, right[1] + 0.002, front],
    ]
    frames.append(tube(np.array(bridge), thick, closed=False))
    dye = np.array([(0.01, 0.01, 0.012), (0.06, 0.03, 0.015), (0.25, 0.2, 0.15), (0.2, 0.02, 0.03)])
    colour = tuple(dye[int(d[10] * len(dye))].tolist())
    frame = Material(colour=colour, gloss=0.5, exponent=60.0, two_sided=True)
    out = [rigid("glasses", frames, "head", frame, GLASSES)]
    if dark:
        glass = Material(colour=(0.008, 0.008, 0.01), gloss=0.9, exponent=150.0, two_sided=True)
        out.append(rigid("lenses", lenses, "head", glass, GLASSES))
    return out


HATS = ("fedora", "fishing_hat", "beanie", "cap", "beanie", "cap")
DYES = (
    (0.02, 0.02, 0.025), (0.30, 0.02, 0.03), (0.02, 0.05, 0.20), (0.35, 0.33, 0.30),
    (0.03, 0.12, 0.05), (0.40, 0.22, 0.06), (0.55, 0.55, 0.55), (0.12, 0.10, 0.09),
)  # fmt: skip


def hat(person: Person, rest: np.ndarray) -> tuple[list[Mesh], Callable[[np.ndarray], np.ndarray]]:
    """Return a hat on a head at rest, and how far points (N, 3) are above where it hides hair."""
    kind = HATS[int(person.details[11] * len(HATS))]
    dye = DYES[int(person.details[12] * len(DYES))]
    head = rest[head_rows()]
    if kind in ("fedora", "fishing_hat"):
        mesh = body.fit(f"hat/{kind}", rest)
        red, green, blue = (min(3 * c, 1.2) for c in dye)
        look = replace(mesh.material, colour=(red, green, blue))
        line = float(np.percentile(mesh.vertices[:, 1], BELOW_BRIM))
        return [replace(mesh, name="hat", material=look, part=HAT)], lambda v: v[:, 1] - line
    line = float(rest[joint_rows("joint-l-eye")][:, 1].mean()) + 0.043
    middle = float(head[:, 2].mean())

    def above(points: np.ndarray) -> np.ndarray:
        return points[:, 1] - line - TILT * (points[:, 2] - middle)

    dome = _dome(rest, line, 0.012 if kind == "cap" else 0.016, dye, kind == "beanie")
    dome = replace(dome, cut=above(dome.vertices).astype(np.float32))
    meshes = [dome] if kind == "beanie" else [dome, _brim(rest, line, dye)]
    return meshes, lambda points: above(points) + HEM


BELOW_BRIM = 10.0  # percentage of the vertices of a hat with a brim that lie below its crown
TILT = 0.25  # by which the edge of caps and beanies is lower at the back of the head
HEM = 0.003  # metres below that edge from which on no hair is seen, as it would cross the cloth


def _dome(
    rest: np.ndarray, line: float, offset: float, dye: tuple[float, float, float], knit: bool
) -> Mesh:
    """Return the skin of the skull above a line, moved outwards."""
    faces, face_uv = body.group_faces("body")
    keep = region_faces("head", 0.5, every=True)
    slack = np.clip((rest[:, 1] - line) / 0.06, 0, 1)[:, None]
    v = rest + skin_normals(rest) * (offset + 0.008 * slack)
    rows, faces = compact(faces[keep])
    look = Material(
        colour=dye, gloss=0.01, two_sided=True, fold=0.35 if knit else 0.08,
        fold_size=0.012 if knit else 0.05,
    )  # fmt: skip
    rig = body.rig()
    return Mesh(
        "hat", v[rows].astype(np.float32), faces, body.base_uv(), face_uv[keep], rig.bones[rows],
        rig.bone_weights[rows], look, rest=rest[rows].astype(np.float32), part=HAT,
    )  # fmt: skip


def _brim(rest: np.ndarray, line: float, dye: tuple[float, float, float]) -> Mesh:
    """Return a cap's brim: a bent half disc before the forehead."""
    head = rest[head_rows()]
    ring = head[abs(head[:, 1] - line) < 0.015]
    half, front = float(np.abs(ring[:, 0]).max()) * 0.95, float(ring[:, 2].max())
    u, r = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(0, 1, 4))
    x = u * half
    z = front - 0.045 * u**2 + 0.002 + r * 0.07 * np.sqrt(np.clip(1.02 - u**2, 0, 1))
    y = line + 0.016 - 0.02 * u**2 - 0.022 * r
    v = np.stack([x, y, z], -1).reshape(-1, 3)
    i, j = np.mgrid[:3, :16].reshape(2, -1)
    a, b, c, d = i * 17 + j, i * 17 + j + 1, (i + 1) * 17 + j + 1, (i + 1) * 17 + j
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    red, green, blue = (0.8 * c for c in dye)
    dark = Material(colour=(red, green, blue), gloss=0.02, two_sided=True)
    return rigid("brim", [(v, faces)], "head", dark, HAT)


def earrings(person: Person, rest: np.ndarray) -> Mesh:
    """Return a stud, drop or hoop at each ear lobe."""
    ears = np.flatnonzero((body.mask("ears") > 0.5) & (regions()["head"] > 0.5))
    size = 0.004 + 0.012 * person.details[13] ** 2
    pieces = []
    for side in (1, -1):
        rows = ears[side * rest[ears, 0] > 0]
        lobe = rest[rows[rest[rows, 1].argmin()]] + np.array([side * 0.003, -0.001, 0.002])
        angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        hoop = lobe + size * np.stack([0 * angle, np.cos(angle) - 1, np.sin(angle)], 1)
        pieces.append(tube(hoop, 0.0012 + 0.0012 * person.details[14], closed=True))
    colour = ((0.75, 0.6, 0.3), (0.7, 0.7, 0.72), (0.5, 0.05, 0.1))[int(person.details[15] * 3)]
    return rigid("earrings", pieces, "head", replace(METAL, colour=colour), SKIN)


def necklace(person: Person, rest: np.ndarray) -> Mesh:
    """Return a chain around the neck that lies on the chest."""
    neck = rest[joint_rows("joint-neck")].mean(0)
    drop = 0.03 + 0.07 * person.details[13]
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    direction = np.stack([np.sin(angle), np.cos(angle)], 1)
    height = neck[1] + 0.005 - drop * (0.5 + 0.5 * direction[:, 1]) ** 1.5
    near = rest[body_rows()]
    near = near[(abs(near[:, 1] - neck[1] + drop / 2) < drop / 2 + 0.03) & (abs(near[:, 0]) < 0.12)]
    flat = near[:, [0, 2]] - neck[[0, 2]]
    reach = flat @ direction.T
    beside = abs(flat @ (direction[:, ::-1] * (1, -1)).T) < 0.02
    close = beside & (abs(near[:, 1:2] - height) < 0.015) & (reach < 0.13)
    radius = np.where(close, reach, 0.05).max(0) + 0.004
    radius = np.convolve(np.tile(radius, 3), np.ones(5) / 5, "same")[48:96]
    path = np.stack([direction[:, 0] * radius, height, direction[:, 1] * radius], 1)
    path[:, [0, 2]] += neck[[0, 2]]
    chain = tube(path, 0.0012 + 0.002 * person.details[14], closed=True)
    return rigid("necklace", [chain], "neck01", METAL, SKIN)
