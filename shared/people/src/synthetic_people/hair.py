"""Hair, brows and beards: fitted meshes in any colour, and shells of short hair on the skin."""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from synthetic_people import assets, body
from synthetic_people.face import region_faces, regions
from synthetic_people.mesh import Material, Mesh, compact, vertex_normals
from synthetic_people.parts import FACE, HAIR
from synthetic_people.person import WAVY, Person
from synthetic_people.texture import LINEAR, Texture, to_srgb

GLOSS, EXPONENT, WRAP = 0.06, 16.0, (0.25, 0.25, 0.25)
SHELLS = {  # style or beard: metres of its outermost shell, how many shells, share of hairs
    "buzz": (0.004, 2, 0.8),
    "crop": (0.014, 4, 0.85),
    "short_afro": (0.02, 6, 0.9),
    "stubble": (0.0008, 1, 0.3),
    "full": (0.010, 4, 0.7),
    "goatee": (0.010, 3, 0.7),
    "mustache": (0.007, 3, 0.75),
    "sideburns": (0.007, 3, 0.65),
}


def hair(
    person: Person,
    rest: np.ndarray,
    face: np.ndarray,
    hat_line: Callable[[np.ndarray], np.ndarray] | None,
) -> list[Mesh]:
    """Return a person's hair, brows and beard.

    Args:
        person: the person.
        rest: (19158, 3) the body at rest with a neutral face, which hair of the head follows.
        face: (19158, 3) the body at rest with its expression, which brows and beard follow.
        hat_line: metres of points (N, 3) above the line from which on a hat hides hair; None
            without a hat.
    """
    out = []
    if person.hair in SHELLS:
        out += shells("hair", person.hair, "scalp", rest, person)
    elif person.hair:
        out.append(_styled(person, rest))
    if hat_line is not None:
        out = [_below(mesh, hat_line) for mesh in out]
    if person.beard:
        region = "full" if person.beard == "stubble" else person.beard
        out += shells("beard", person.beard, region, face, person)
    brows = _brows(person, face)
    return [*out, brows]


@functools.lru_cache(maxsize=32)
def structure(name: str) -> Texture:
    """Return a texture of hair without its colour: luminance over its mean, as a grey image."""
    image = assets.image(name)
    if image.shape[2] == 3:
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    light = LINEAR[image[..., :3]].mean(-1)
    solid = image[..., 3] > 128
    light = (light / max(float(light[solid].mean()), 1e-4)).clip(0, 4) ** 0.7 * STRUCTURE_MEAN
    grey = np.uint8(to_srgb(light) * 255 + 0.5)
    alpha = image[..., 3]
    if name.startswith("brows/"):  # thin hairs would vanish at a distance
        alpha = np.minimum(alpha * np.uint16(2), 255).astype(np.uint8)
    return Texture(np.dstack([grey, grey, grey, alpha]))


STRANDS = 9.0  # repetitions of the texture of short hair; a texel is then a third of a millimetre
STRUCTURE_MEAN = 0.25  # linear value of the mean of `structure`; colours are divided by it


def material(person: Person, texture: str) -> Material:
    """Return hair of a person's colour on a grey texture."""
    r, g, b = (c / STRUCTURE_MEAN for c in person.hair_rgb)
    return Material(texture, (r, g, b), GLOSS, EXPONENT, WRAP, two_sided=True)


def _styled(person: Person, rest: np.ndarray) -> Mesh:
    name = f"hair/{person.hair}"
    mesh = body.fit(name, rest)
    v = mesh.vertices.copy()
    ear = rest[regions()["head"] > 0.5, 1].mean()
    below = np.clip(ear - v[:, 1], 0, None)
    v[:, 1] -= below * (person.hair_length - 1)
    if is_wavy(person):
        phase, turns = person.details[4] * 6.3, 60 + 60 * person.details[5]
        swing = 0.012 * np.clip(below / 0.1, 0, 1)
        v[:, 0] += swing * np.sin(turns * v[:, 1] + phase + 40 * v[:, 2])
        v[:, 2] += swing * np.cos(turns * v[:, 1] + phase + 40 * v[:, 0])
    mesh = mesh.moved(v)
    return replace(mesh, name="hair", material=material(person, name), part=HAIR)


def is_wavy(person: Person) -> bool:
    """Return whether a person's hair is wavy or curly rather than straight."""
    return person.hair in WAVY or (person.hair not in SHELLS and person.details[3] < 0.35)


def _below(mesh: Mesh, above: Callable[[np.ndarray], np.ndarray]) -> Mesh:
    """Cut a mesh off where it is above a line of the body at rest."""
    inside = -above(mesh.vertices).astype(np.float32)
    return replace(mesh, cut=inside if mesh.cut is None else np.minimum(mesh.cut, inside))


def _brows(person: Person, face: np.ndarray) -> Mesh:
    name = f"brows/brow{person.brow:02d}"
    mesh = body.fit(name, face)
    centre = np.median(mesh.vertices[:, 1])
    v = mesh.vertices.copy()
    v[:, 1] = centre + (v[:, 1] - centre) * min(person.brow_weight, 1.6)
    dark = replace(material(person, name), gloss=0.0)
    return replace(mesh.moved(v), name="brows", material=dark, part=FACE)


# ------------------------------------------------------------------------------ short hair
def shells(name: str, style: str, region: str, vertices: np.ndarray, person: Person) -> list[Mesh]:
    """Return copies of the skin, moved outwards, that are there where hairs cross them.

    Shell texturing (Lengyel et al. 2001): each shell keeps the texels whose hair is long enough.
    """
    height, number, share = SHELLS[style]
    mask = regions()[region]
    faces, face_uv = body.group_faces("body")
    keep = region_faces(region, 0.05)
    rows, faces = compact(faces[keep])
    mask = mask[rows]
    lift = regions()["crown"][rows] if name == "hair" else mask  # hair lies flat at the hairline
    ragged = 0.16 * np.random.default_rng(11).random(len(rows), np.float32)  # no shaven edge
    rig, out = body.rig(), []
    normals = skin_normals(vertices)[rows]
    vertices = vertices[rows]
    look = material(person, "")
    for shell in range(number):
        level = (shell + 1) / number
        drop = np.array([0, -0.35, 0.1], np.float32) * height * level**2  # hairs hang
        drop *= style not in WAVY
        v = vertices + (normals * height * level + drop) * lift[:, None]
        out.append(
            Mesh(
                f"{name}{shell}",
                np.ascontiguousarray(v, np.float32),
                faces,
                body.base_uv(),
                face_uv[keep],
                rig.bones[rows],
                rig.bone_weights[rows],
                replace(
                    look, texture=shell_texture(round(share * (1 - 0.6 * level), 2)), tile=STRANDS
                ),
                cut=(mask - 0.06 - ragged - 0.25 * level).astype(np.float32),
                part=HAIR if name == "hair" else FACE,
            )
        )
    return out


def skin_normals(vertices: np.ndarray) -> np.ndarray:
    """Return unit normals of the body's skin (19158, 3)."""
    return vertex_normals(vertices, body.group_faces("body")[0])


def shell_texture(share: float) -> str:
    """Return the name of a texture of hairs of which a share is there; see `SHELL_TEXTURES`."""
    return f"shell/{share}"


@functools.lru_cache(maxsize=16)
def shell_image(name: str) -> Texture:
    """Return the texture that `shell_texture` names: strands as short vertical streaks."""
    share = float(name.split("/")[1])
    rng = np.random.default_rng(7)
    noise = rng.random((256, 256), np.float32)
    streaks = sum((np.roll(noise, step, 0) for step in range(1, 4)), noise)
    order = streaks.ravel().argsort().argsort().reshape(streaks.shape) / streaks.size
    grey = np.uint8(to_srgb(STRUCTURE_MEAN * (0.5 + rng.random((256, 256), np.float32))) * 255)
    alpha = np.where(order < share, 255, 0).astype(np.uint8)
    return Texture(np.dstack([grey, grey, grey, alpha]))
