"""Clothes on a body: meshes cut from the shell and hung around it, with the landmarks they carry.

dressed = dress(outfit(rng, "female"), rest)      # rest: body.shape(...)
skin = body.body_mesh(rest, "skin/...", hidden=dressed.hidden)
meshes = [skin, *dressed.meshes]                  # at rest: pose each of them
mannequin = Mannequin(..., textures=own | dressed.textures, garments=dressed.worn)
"""

from dataclasses import dataclass, field, replace

import numpy as np

from synthetic_people import accessories, assets, body, cloth, landmarks
from synthetic_people.cuts import SEAM, cut, has_skirt, opening
from synthetic_people.design import Design
from synthetic_people.drape import (
    ANGLES,
    COLUMNS,
    DIRECTIONS,
    RINGS,
    Hull,
    distance,
    hull,
    points,
    skirt_radii,
    skirt_weights,
)
from synthetic_people.mannequin import Worn
from synthetic_people.mesh import Mesh
from synthetic_people.outfit import Outfit
from synthetic_people.parts import DRESS, LOWER, UPPER
from synthetic_people.shell import OFF_ARM, Fitted, fitted, shell
from synthetic_people.texture import Texture
from synthetic_people.wardrobe import CATEGORIES, attributes

TUCKED_HEM = 0.22  # level at which a shirt ends inside a waistband
COVERED = 0.012  # metres within its edges from which on cloth hides the skin below it


@dataclass
class Dressed:
    """What a person wears, at rest.

    Args:
        meshes: surfaces, at rest; they are posed as the body is.
        worn: the garments, outermost first, as `mannequin.Mannequin` takes them.
        textures: by the names in the meshes' materials.
        hidden: (19158,) vertices of the base mesh that cloth covers, for `body.body_mesh`.
    """

    meshes: list[Mesh] = field(default_factory=list)
    worn: list[Worn] = field(default_factory=list)
    textures: dict[str, Texture] = field(default_factory=dict)
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(body.NUM_VERTICES, bool))


@dataclass
class _Body:
    """A body while it is dressed, from the inside to the outside.

    Args:
        fit: its shell. outside: (N,) metres of what it wears so far above the shell.
        covered: (N,) which of the shell is covered.
        skirt: (R, C) metres from the middle to the skirts that it wears so far, on `drape.RINGS`.
        beneath: level down to which a closed shirt will hide what hangs from the waist.
    """

    fit: Fitted
    outside: np.ndarray
    covered: np.ndarray
    skirt: np.ndarray
    beneath: float = -1.0


def dress(clothes: Outfit, rest: np.ndarray) -> Dressed:
    """Return an outfit on a body at rest (19158, 3), with what it covers of the skin."""
    count = len(shell().rows)
    wearer = _Body(
        fitted(rest), np.zeros(count, np.float32), np.zeros(count, bool),
        np.zeros((len(RINGS), COLUMNS)),
    )  # fmt: skip
    out = Dressed()
    shirts = [d for d in clothes.designs if d.kind == "upper" and not d.open]
    if shirts and not clothes.tucked:
        wearer.beneath = max(d.hem for d in shirts)
    for design in _inside_out(clothes):
        name = f"garment{clothes.designs.index(design)}_{design.category}"
        out.textures[name] = cloth.texture(design)
        tucked = clothes.tucked and CATEGORIES[design.category].layer == 0
        if tucked and design.kind == "upper" and design.hem > TUCKED_HEM:
            design = replace(design, hem=TUCKED_HEM)
        meshes, worn = _garment(design, name, wearer)
        out.meshes += meshes
        out.worn.insert(0, worn)
    out.worn.sort(key=lambda worn: worn.meshes[0])
    if clothes.shoes:
        out.meshes.append(accessories.shoes(clothes.shoes, clothes.extras[0], rest))
        out.textures[f"shoes/{clothes.shoes}"] = assets.texture(f"shoes/{clothes.shoes}")
    out.hidden = wearer.covered[shell().nearest] & shell().close
    if clothes.shoes:
        out.hidden |= body.hidden(f"shoes/{clothes.shoes}")
    return out


def _inside_out(clothes: Outfit) -> list[Design]:
    """The order in which garments are put on; a tucked shirt comes before what holds it."""
    upper = [d for d in clothes.designs[::-1] if d.kind != "lower"]
    lower = [d for d in clothes.designs if d.kind == "lower"]
    tucked = clothes.tucked and upper and CATEGORIES[upper[0].category].layer == 0
    return upper[:1] + lower + upper[1:] if tucked else lower + upper


def _garment(design: Design, name: str, wearer: _Body) -> tuple[list[Mesh], Worn]:
    """Put a garment on: its meshes, and what is known of it."""
    skirt = has_skirt(design)
    meshes, marks = [], {}
    inside = wearer.outside
    if CATEGORIES[design.category].surface != "skirt":
        above = distance(design, wearer.fit, cut(design), inside)
        if skirt:
            torso = shell().down < SEAM + 0.1
            inside = np.where(torso, np.maximum(above, inside), inside)
            above = _met(design, wearer, hull(wearer.fit, inside), above)
        mesh, marks = _on_shell(design, name, wearer, above)
        meshes.append(mesh)
    if skirt:
        mesh, hem = _skirt(design, f"{name}.skirt", wearer, hull(wearer.fit, inside))
        meshes.append(mesh)
        marks |= hem
    part = _part(design)
    for mesh in meshes:
        mesh.part = part
        mesh.rest = mesh.vertices
    return meshes, Worn(
        design.item, design.category, design.kind, attributes(design),
        tuple(mesh.name for mesh in meshes), marks,
    )  # fmt: skip


def _part(design: Design) -> int:
    if design.category in ("dress", "jumpsuit", "skirt"):
        return DRESS
    return LOWER if design.kind == "lower" else UPPER


def _on_shell(
    design: Design, name: str, wearer: _Body, above: np.ndarray
) -> tuple[Mesh, dict[str, tuple[str, int]]]:
    """The part of a garment that is cut from the shell, `above` (N,) metres from it."""
    it, edges = shell(), cut(design)
    vertices = wearer.fit.vertices + wearer.fit.normals * above[:, None].astype(np.float32)
    closed, open_ = edges.closed, edges.cloth
    wearer.outside = np.where(closed > -0.02, np.maximum(wearer.outside, above), wearer.outside)
    wearer.covered |= open_ > COVERED
    keep = (open_[it.faces] > 0).any(1)
    uv = it.trouser_uv if "legs" in CATEGORIES[design.category].surface else it.uv
    mesh = Mesh(
        name, vertices.astype(np.float32), it.faces[keep], uv, it.face_uv[keep], it.bones,
        it.bone_weights, cloth.material(design, name), open_.astype(np.float32),
    )  # fmt: skip
    spots = landmarks.on_shell(design)
    mesh = landmarks.with_points(mesh, spots)
    count = len(it.rows)
    marks = {mark: (name, count + n) for n, mark in enumerate(spots)}
    return compact(mesh, marks)


def compact(
    mesh: Mesh, marks: dict[str, tuple[str, int]]
) -> tuple[Mesh, dict[str, tuple[str, int]]]:
    """Return a mesh without the vertices that no face and no landmark uses."""
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces] = True
    used[[vertex for _, vertex in marks.values()]] = True
    number = np.cumsum(used) - 1
    out = mesh.moved(mesh.vertices[used])
    out.faces = number[mesh.faces].astype(np.int32)
    for name in ("bones", "bone_weights", "cut", "tint", "rest"):
        if (array := getattr(mesh, name)) is not None:
            setattr(out, name, array[used])
    return out, {mark: (name, int(number[vertex])) for mark, (name, vertex) in marks.items()}


# ---- what hangs from the waist ------------------------------------------------------------------
def _met(design: Design, wearer: _Body, around: Hull, above: np.ndarray) -> np.ndarray:
    """Move a torso's cloth out to where the skirt that is sewn to it begins."""
    it = shell()
    radius = skirt_radii(design, around, RINGS, wearer.skirt)
    gap = _gap(wearer.fit, around, radius) - 0.003
    near = np.interp(it.down, [-0.22, SEAM - 0.02], [0, 1]) * (it.arm == OFF_ARM)
    return above + near * np.maximum(gap - above, 0)


def _gap(fit: Fitted, around: Hull, radius: np.ndarray) -> np.ndarray:
    """Metres (N,) from the shell to a tube of radii (R, C) around it, along the shell's normals."""
    it = shell()
    x, z = fit.vertices[:, 0], fit.vertices[:, 2] - np.interp(it.down, RINGS, around.middle)
    sideways = np.hypot(x, z)
    facing = (fit.normals[:, 0] * x + fit.normals[:, 2] * z) / np.maximum(sideways, 1e-6)
    return (around.sample(radius, it.down, np.arctan2(x, z)) - sideways) / np.maximum(facing, 0.6)


def _skirt(
    design: Design, name: str, wearer: _Body, around: Hull
) -> tuple[Mesh, dict[str, tuple[str, int]]]:
    """A tube around both legs, from the waist to the hem."""
    start = design.rise if design.kind == "lower" else SEAM - 0.02
    inner = (start + 0.02 < RINGS) & (design.hem - 0.02 > RINGS)
    levels = np.concatenate([[start], RINGS[inner], [design.hem]])
    radius = skirt_radii(design, around, levels, wearer.skirt)
    place = points(around, radius, levels)
    vertices = place.reshape(-1, 3)
    bones, weights = _weights(levels)
    seen = levels > wearer.beneath - 0.08 if design.kind == "lower" else levels > -1
    faces, uv, face_uv = _tube(seen, place)
    mesh = Mesh(
        name, vertices, faces, uv, face_uv, bones, weights,
        cloth.material(design, name.removesuffix(".skirt")),
        _tube_opening(design, levels, place) if design.open else None,
    )  # fmt: skip
    _wear_skirt(design, wearer, around, levels, radius)
    left, right = 3 * COLUMNS // 4, COLUMNS // 4  # of the image: -x, +x of the body
    last = (len(levels) - 1) * COLUMNS
    marks = {"left_hem": (name, last + left), "right_hem": (name, last + right)}
    if design.kind == "lower":
        marks |= {"left_waistline": (name, left), "right_waistline": (name, right)}
    return mesh, marks


def _wear_skirt(
    design: Design, wearer: _Body, around: Hull, levels: np.ndarray, radius: np.ndarray
) -> None:
    """Note what a skirt covers, and how far out it is where other clothes fall over it."""
    it = shell()
    within = ((levels[0] - 0.05 < RINGS) & (levels[-1] + 0.05 > RINGS))[:, None]
    full = np.stack([np.interp(RINGS, levels, radius[:, c]) for c in range(COLUMNS)], 1) + 0.006
    wearer.skirt = np.where(within, np.maximum(wearer.skirt, full), wearer.skirt)
    on = (it.arm == OFF_ARM) & (it.down > levels[0]) & (it.down < min(0.45, levels[-1]))
    gap = np.minimum(_gap(wearer.fit, around, full), 0.1)
    wearer.outside = np.where(on, np.maximum(wearer.outside, gap), wearer.outside)
    if not design.open:
        hidden = (it.arm == OFF_ARM) & (it.down > levels[0] + 0.03)
        wearer.covered |= hidden & (it.down < levels[-1] - 0.06)


def _tube_opening(design: Design, levels: np.ndarray, place: np.ndarray) -> np.ndarray:
    front = np.broadcast_to(DIRECTIONS[:, 1] > 0, place.shape[:2])
    down = np.repeat(levels, COLUMNS)
    return opening(design, place[..., 0].ravel(), down, front.ravel()).astype(np.float32)


def _weights(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bones, grid = skirt_weights()
    row = ((levels - RINGS[0]) / (RINGS[1] - RINGS[0])).clip(0, len(RINGS) - 1.001)
    i = row.astype(int)
    part = (row - i)[:, None, None].astype(np.float32)
    dense = (grid[i] * (1 - part) + grid[i + 1] * part).reshape(-1, len(bones))
    order = np.argpartition(-dense, 4, axis=1)[:, :4]
    kept = np.take_along_axis(dense, order, 1)
    return bones[order].astype(np.uint8), kept / kept.sum(1, keepdims=True)


def _tube(seen: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return faces and texture coordinates (metres of cloth) of a tube of rings (L, C, 3).

    There are faces only between rings that are `seen` (L,).
    """
    rings = len(place)
    ring, column = np.mgrid[: rings - 1, :COLUMNS]
    ring, column = ring[seen[:-1]], column[seen[:-1]]
    after = (column + 1) % COLUMNS
    a, b = ring * COLUMNS + column, ring * COLUMNS + after
    c, d = a + COLUMNS, b + COLUMNS
    faces = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
    wide = COLUMNS + 1
    radius = np.hypot(place[..., 0], place[..., 2]).mean()
    u = np.broadcast_to(np.append(ANGLES, 2 * np.pi) * radius, (rings, wide))
    v = np.broadcast_to(place[:, :1, 1], (rings, wide))
    a, b = ring * wide + column, ring * wide + column + 1
    c, d = a + wide, b + wide
    face_uv = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
    return faces, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), face_uv
