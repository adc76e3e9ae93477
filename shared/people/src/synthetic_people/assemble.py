"""Put a person together: shape, expression, hair, what is worn, clothes; posed as one mannequin."""

from dataclasses import replace

import numpy as np

from synthetic_people import assets, body, hair, worn
from synthetic_people.attributes import celeba_attributes
from synthetic_people.face import (
    body_rows,
    expressed,
    face_rows,
    head_rows,
    joint_rows,
    mouth_corners,
    nose_tip,
    region_faces,
    rest_shape,
    skin_name,
    skin_tint,
)
from synthetic_people.garments import dress
from synthetic_people.mannequin import Mannequin
from synthetic_people.mesh import Material, Mesh
from synthetic_people.outfit import Outfit
from synthetic_people.parts import FACE, SKIN
from synthetic_people.person import Moment, Person
from synthetic_people.pose import Pose, head_pose, rotations
from synthetic_people.texture import Texture

PORES = 0.035  # strength of the small bumps of skin
SKIN_WRAP = (0.30, 0.14, 0.09)  # red light travels farthest below skin


def assemble(person: Person, moment: Moment, pose: Pose, clothes: Outfit) -> Mannequin:
    """Return a person at a moment in a pose, feet on the ground y = 0.

    Args:
        person: the person.
        moment: expression, head against the body, what is worn at the head.
        pose: pose of the body.
        clothes: the clothes.
    """
    rest = rest_shape(person)
    face = expressed(rest, moment)
    dressed = dress(clothes, rest)
    own = [_skin(person, moment, face, dressed.hidden), *_eyes(person, moment, face)]
    own += _head(person, moment, rest, face)
    meshes = own + dressed.meshes
    textures = {m.material.texture: _texture(m.material.texture) for m in own}
    matrices = body.transforms(rest, head_pose(moment) | rotations(pose))
    posed = [body.skin(m.vertices, m.bones, m.bone_weights, matrices) for m in meshes]
    lowest = min(posed[0][body_rows(), 1].min(), *(v[:, 1].min() for v in posed[1:]))
    rise = np.array([0, pose.lift - lowest, 0], np.float32)
    posed = [mesh.moved(vertices + rise) for mesh, vertices in zip(meshes, posed, strict=True)]
    skin = posed[0].vertices
    return Mannequin(
        identity=person.identity,
        meshes=posed,
        textures={name: t for name, t in textures.items() if t is not None} | dressed.textures,
        eyes=np.stack([skin[joint_rows(f"joint-{s}-eye")].mean(0) for s in "lr"]),
        nose=nose_tip(),
        mouth=mouth_corners(),
        head=head_rows(),
        face=face_rows(),
        attributes=celeba_attributes(person, moment, clothes.tie),
        metadata={
            "sex": person.sex,
            "age": person.age,
            "ancestry": person.ancestry,
            "tone": person.tone,
            "expression": moment.expression,
            "eyes_closed": moment.eyes_closed,
            "pose": pose.mode,
            "style": clothes.style,
        },
        garments=dressed.worn,
    )


def _texture(name: str) -> Texture | None:
    if name.startswith("shell/"):
        return hair.shell_image(name)
    if name.startswith(("hair/", "brows/")):
        return hair.structure(name)
    return assets.texture(name) if name else None


def _skin(person: Person, moment: Moment, face: np.ndarray, hidden: np.ndarray) -> Mesh:
    mesh = body.body_mesh(face, skin_name(person))
    first, second, third = hidden[mesh.faces.T]
    keep = ~(first & second & third)
    mesh, is_face = mesh.only(keep), region_faces("head", 0.5, every=True)[keep]
    gloss = 0.05 + 0.05 * (1 - person.tone)  # on dark skin a face is seen by its highlights
    look = Material(
        skin_name(person), (1, 1, 1), gloss, 18.0, SKIN_WRAP, fold=PORES, fold_size=0.005
    )
    part = np.where(is_face, FACE, SKIN).astype(np.uint8)
    return replace(mesh, material=look, tint=skin_tint(person, moment), rest=face, part=part)


def _eyes(person: Person, moment: Moment, face: np.ndarray) -> list[Mesh]:
    eyes = body.fit("eyes/eyes_coarse", face)
    dark = 0.55 if person.eyes.startswith("brown") else 0.75
    iris = Material(f"eyes/{person.eyes}", (dark, dark, dark), gloss=1.2, exponent=300.0)
    return [
        replace(eyes, material=iris, part=FACE),
        _teeth(face, moment),
        replace(body.fit("tongue/tongue", face), part=FACE),
        replace(body.fit("lashes/lashes01", face), part=FACE),
    ]


def _teeth(face: np.ndarray, moment: Moment) -> Mesh:
    """Return the teeth; those of a jaw that opens wide go down and back, behind the lower lip."""
    mesh = body.fit("teeth/teeth", face)
    jaw = max(moment.units.get("jawOpen", 0.0) - 0.1, 0.0)
    v = mesh.vertices.copy()
    of_jaw = mesh.bones[:, 0] == body.rig().index("jaw")
    v[of_jaw] += np.array([0, -0.010, -0.008], np.float32) * jaw
    v[:, 2] -= 0.0015
    look = replace(mesh.material, colour=(0.82, 0.80, 0.76))
    return replace(mesh.moved(v), material=look, part=FACE)


def _head(person: Person, moment: Moment, rest: np.ndarray, face: np.ndarray) -> list[Mesh]:
    out, line = [], None
    if "hat" in moment.worn:
        out, line = worn.hat(person, rest)
    out += hair.hair(person, rest, face, line)
    if "glasses" in moment.worn or "sunglasses" in moment.worn:
        out += worn.glasses(person, rest, dark="sunglasses" in moment.worn)
    if "earrings" in moment.worn:
        out.append(worn.earrings(person, rest))
    if "necklace" in moment.worn:
        out.append(worn.necklace(person, rest))
    return out
