"""Clothes on a body: meshes cut from the shell and hung around it, with the landmarks they carry.

    dressed = dress(outfit(rng, "female"), rest)      # rest: body.shape(...)
    skin = body.body_mesh(rest, "skin/...", hidden=dressed.hidden)
    meshes = [skin, *dressed.meshes]                  # at rest: pose each of them
    mannequin = Mannequin(..., textures=own | dressed.textures, garments=dressed.worn)

Each garment is cut by levels of fields on the base mesh's tights, so that its edges are numbers.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from synthetic_people import accessories, assets, body, cloth, landmarks
from synthetic_people.collars import collar
from synthetic_people.design import Design
from synthetic_people.design_attributes import attributes
from synthetic_people.drape import CLEAR, COLUMNS, RINGS, distance, hull
from synthetic_people.garment_style import SEAM, has_skirt, style_of
from synthetic_people.mannequin import Worn
from synthetic_people.mesh import Material, Mesh
from synthetic_people.outfit import Outfit
from synthetic_people.parts import DRESS, LOWER, UPPER
from synthetic_people.patches import Patch, any_corner
from synthetic_people.prints import graphic, print_patch
from synthetic_people.shell import Fitted, fitted, shell
from synthetic_people.skirts import met, skirt
from synthetic_people.texture import Texture
from synthetic_people.trims import trims
from synthetic_people.wardrobe import CATEGORIES
from synthetic_people.wearer import Wearer

TUCKED_HEM = 0.22  # level at which a shirt ends inside a waistband
COVERED = 0.012  # metres within its edges from which on cloth hides the skin below it


@dataclass
class Dressed:
    """What a person wears, at rest.

    Args:
        meshes: surfaces, at rest; they are posed as the body is.
        worn: the garments, outermost first, as `mannequin.Mannequin` takes them.
        textures: textures by the names in the meshes' materials.
        hidden: (19158,) vertices of the base mesh that cloth covers, for `body.body_mesh`.
    """

    meshes: list[Mesh] = field(default_factory=list)
    worn: list[Worn] = field(default_factory=list)
    textures: dict[str, Texture] = field(default_factory=dict)
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(body.NUM_VERTICES, bool))


def dress(clothes: Outfit, rest: np.ndarray) -> Dressed:
    """Return an outfit on a body at rest (19158, 3), with what it covers of the skin."""
    count = len(shell().rows)
    wearer = Wearer(
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
        if "graphic" in design.parts:
            out.textures[f"{name}.print"] = graphic(design)
        tucked = clothes.tucked and CATEGORIES[design.category].layer == 0
        if tucked and design.kind == "upper" and design.hem > TUCKED_HEM:
            design = replace(design, hem=TUCKED_HEM)
        meshes, worn = _garment(design, name, wearer)
        out.meshes += meshes
        if clothes.tie and design.category == "shirt":
            out.meshes.append(accessories.tie(clothes.extras[3], wearer.cloth, wearer.fit.normals))
        out.worn.insert(0, worn)
    out.worn.sort(key=lambda worn: worn.meshes[0])
    if clothes.shoes:
        out.meshes.append(accessories.shoes(clothes.shoes, clothes.extras[0], rest))
        out.textures[f"shoes/{clothes.shoes}"] = assets.texture(f"shoes/{clothes.shoes}")
    out.hidden = wearer.covered[shell().nearest] & shell().close
    if clothes.shoes:
        out.hidden |= body.hidden(f"shoes/{clothes.shoes}")
    out.meshes += accessories.carried(clothes, rest, wearer.cloth, wearer.fit.normals)
    return out


def _inside_out(clothes: Outfit) -> list[Design]:
    """The order in which garments are put on; a tucked shirt comes before what holds it."""
    upper = [d for d in clothes.designs[::-1] if d.kind != "lower"]
    lower = [d for d in clothes.designs if d.kind == "lower"]
    tucked = clothes.tucked and upper and CATEGORIES[upper[0].category].layer == 0
    return upper[:1] + lower + upper[1:] if tucked else lower + upper


def _garment(design: Design, name: str, wearer: Wearer) -> tuple[list[Mesh], Worn]:
    """Put a garment on: its meshes, and what is known of it."""
    hangs = has_skirt(design)
    meshes, marks = [], {}
    inside = wearer.outside
    if CATEGORIES[design.category].surface != "skirt":
        above = distance(design, wearer.fit, style_of(design), inside)
        if hangs:
            torso = shell().down < SEAM + 0.1
            inside = np.where(torso, np.maximum(above, inside), inside + CLEAR)
            above = met(design, wearer, hull(wearer.fit, inside), above)
        mesh, marks = _on_shell(design, name, wearer, above)
        meshes += [mesh, *_details(design, name, wearer.fit, above)]
    if hangs:
        mesh, hem = skirt(design, f"{name}.skirt", wearer, hull(wearer.fit, inside))
        meshes.append(mesh)
        marks |= hem
    part = _part(design)
    own_folds = np.float32(np.random.default_rng(design.seed + 3).uniform(0, 50, 3))
    for mesh in meshes:
        mesh.part = part
        mesh.rest = mesh.vertices + own_folds  # where in the noise of folds it lies
    return meshes, Worn(
        design.item, design.category, design.kind, attributes(design),
        tuple(mesh.name for mesh in meshes), marks,
    )  # fmt: skip


def _part(design: Design) -> int:
    if design.category in ("dress", "jumpsuit", "skirt"):
        return DRESS
    return LOWER if design.kind == "lower" else UPPER


def _on_shell(
    design: Design, name: str, wearer: Wearer, above: np.ndarray
) -> tuple[Mesh, dict[str, tuple[str, int]]]:
    """The part of a garment that is cut from the shell, `above` (N,) metres from it."""
    it, edges = shell(), style_of(design)
    vertices = wearer.fit.vertices + wearer.fit.normals * above[:, None].astype(np.float32)
    closed, open_ = edges.closed, edges.cloth
    wearer.outside = np.where(closed > -0.02, np.maximum(wearer.outside, above), wearer.outside)
    wearer.covered |= (open_ > COVERED) & (it.neck > -0.012)  # the chin is near, but bare
    keep = any_corner(open_ > 0, it.faces)
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


def _details(design: Design, name: str, fit: Fitted, above: np.ndarray) -> list[Mesh]:
    """Trims and print, on cloth that is `above` (N,) metres from the shell."""
    cloth_at = fit.vertices + fit.normals * above[:, None].astype(np.float32)
    out = []
    look = cloth.material(design, name)
    if (standing := collar(design, cloth_at, look, f"{name}.collar")) is not None:
        out.append(standing)
    look = replace(look, texture="")
    if (pieces := trims(design)) is not None:
        out.append(_patched(pieces, f"{name}.trim", look, cloth_at, fit.normals))
    if "graphic" in design.parts and (chest := print_patch(design)) is not None:
        look = replace(look, texture=f"{name}.print", tile=1.0)
        out.append(_patched(chest, f"{name}.print", look, cloth_at, fit.normals))
    return out


def _patched(
    piece: Patch, name: str, look: Material, vertices: np.ndarray, normals: np.ndarray
) -> Mesh:
    return Mesh(
        name, piece.place(vertices, normals), piece.faces, piece.uv, piece.faces, piece.bones,
        piece.bone_weights, look, piece.cut, piece.tint,
    )  # fmt: skip


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
