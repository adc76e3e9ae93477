"""A person posed and dressed: the meshes that are rendered, and where their labels lie on them."""

from dataclasses import dataclass, field, replace

import numpy as np

from synthetic_people.camera import in_axes
from synthetic_people.mesh import Mesh
from synthetic_people.texture import Texture


@dataclass
class Worn:
    """A garment on a person.

    Args:
        item, category, kind, attributes: item, category, kind and attributes as in
            `sample.Garment`.
        meshes: names of the meshes that it is made of; they begin with the garment's
            own name.
        landmarks: landmarks for each of `sample.GARMENT_LANDMARKS` that it has, a mesh's name and a
            vertex.
    """

    item: int
    category: str
    kind: str
    attributes: tuple[str, ...]
    meshes: tuple[str, ...]
    landmarks: dict[str, tuple[str, int]] = field(default_factory=dict)


@dataclass
class Mannequin:
    """A person at a moment, in the world.

    Args:
        identity: number of the person.
        meshes: posed surfaces; each name occurs once, "skin" carries all vertices of the base mesh.
        textures: textures by the names in the meshes' materials.
        eyes: (2, 3) centres of the person's left and right eye, metres.
        nose, mouth: vertices of "skin" at the tip of the nose; at the left and right corner.
        head, face: vertices of "skin" on the skull; on the face from brows to chin.
        attributes: CelebA's attributes that hold or not.
        metadata: plain values: age, sex, ancestry, pose mode, expression ...
        garments: clothes, outermost first.
    """

    identity: int
    meshes: list[Mesh]
    textures: dict[str, Texture]
    eyes: np.ndarray
    nose: int
    mouth: tuple[int, int]
    head: np.ndarray
    face: np.ndarray
    attributes: dict[str, bool]
    metadata: dict[str, float | int | str]
    garments: list[Worn] = field(default_factory=list)

    def mesh(self, name: str) -> Mesh:
        """Return the mesh of that name."""
        return next(mesh for mesh in self.meshes if mesh.name == name)

    def face_landmarks(self) -> np.ndarray:
        """Return the five points of a face in space (5, 3): eyes, nose, corners of the mouth.

        The person's right comes first: it is on the left of the image of a face that looks at us.
        """
        skin = self.mesh("skin").vertices
        left, right = self.mouth
        return np.stack([self.eyes[1], self.eyes[0], skin[self.nose], skin[right], skin[left]])

    def moved(self, offset: np.ndarray, turn: float = 0.0) -> "Mannequin":
        """Return it turned about the vertical through the origin (radians), then moved (3,)."""
        c, s = np.cos(turn), np.sin(turn)
        rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        meshes = [
            mesh.moved(in_axes(mesh.vertices, np.zeros(3), rotation) + offset)
            for mesh in self.meshes
        ]
        return replace(
            self, meshes=meshes, eyes=(self.eyes @ rotation.T + offset).astype(np.float32)
        )
