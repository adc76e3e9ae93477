"""Datamodules: rendered people, CelebA, LFWA, or a folder of the user's own."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_attributes.data import people
from face_attributes.data.celeba import Images, celeba_faces
from face_attributes.data.face_data import FaceData
from face_attributes.data.faces import Faces, Part
from face_attributes.data.folder import folder_attributes, folder_faces
from face_attributes.data.layers import Layers, cut_layers
from face_attributes.data.lfwa import lfwa_faces
from face_attributes.data.names import CELEBA_ATTRIBUTES, PARTS
from synthetic_people.backgrounds import Backgrounds
from vision_shared.rendering import render_people

NUM_CUT = 1600
"""Rendered images, at most, whose people are cut out for composed ones."""


class PeopleData(FaceData):
    """Rendered 3-D people (`face_attributes.data.people`).

    They are rendered once, into `folder`. Which there are does not depend on the run's seed.

    Args:
        render: the arguments of `face_attributes.data.people.Recipe`.
        sets: folder of rendered samples, from which `folder` is written.
        common: the arguments of `FaceData`.
    """

    def __init__(self, *, render: Mapping[str, Any], sets: str, **common: Any) -> None:
        super().__init__(**common)
        self.recipe = people.Recipe(**render)
        self.sets = Path(sets)

    def prepare_data(self) -> None:
        """Render the people if the folder does not hold them."""
        render_people(self.folder, self.recipe, self.sets)

    def layers(self, part: Part) -> Layers:
        """Return people cut out of their images, by the maps that the rendering brings."""
        samples = people.samples(self.recipe, PARTS.index(part), self.sets)
        return cut_layers(itertools.islice(samples, NUM_CUT), self.all_faces.attributes)

    def photographs(self, part: Part) -> list[NDArray[np.uint8]]:
        """Return the photographs that stand behind the people of a part."""
        backgrounds = Backgrounds(self.recipe.photographs, part)
        return [backgrounds.whole(index) for index in range(len(backgrounds))]

    def groups_of_people(self, part: Part) -> dict[str, NDArray[np.bool_]]:
        """Return the faces (N,) of a part by sex and by tone of the skin, each known exactly."""
        return people.groups(self.folder, self.faces(part).names)

    def known_attributes(self) -> Sequence[str]:
        """Return the names of the attributes, before any image is read."""
        return people.PEOPLE_ATTRIBUTES

    def read_faces(self) -> Faces:
        """Read the lists; see `face_attributes.data.faces.Faces`."""
        return celeba_faces(self.folder, "wild", self.cache)


class CelebaData(FaceData):
    """CelebA (`face_attributes.data.celeba`).

    Args:
        images: ``aligned``, or ``wild``: the photographs, which have boxes.
        common: the arguments of `FaceData`.
    """

    def __init__(self, *, images: Images, **common: Any) -> None:
        super().__init__(**common)
        self.images: Images = images

    def known_attributes(self) -> Sequence[str]:
        """Return the names of the attributes, before any image is read."""
        return CELEBA_ATTRIBUTES

    def read_faces(self) -> Faces:
        """Read the lists; see `face_attributes.data.faces.Faces`."""
        return celeba_faces(self.folder, self.images, self.cache)


class LfwaData(FaceData):
    """LFWA (`face_attributes.data.lfwa`); its training split is its validation split, too.

    Args:
        num_attributes: 40, those of CelebA, or 73.
        common: the arguments of `FaceData`.
    """

    def __init__(self, *, num_attributes: int, **common: Any) -> None:
        super().__init__(**common)
        self.num_attributes = num_attributes

    def known_attributes(self) -> Sequence[str]:
        """Return the names of the attributes, before any image is read."""
        if self.num_attributes == len(CELEBA_ATTRIBUTES):
            return CELEBA_ATTRIBUTES
        return self.read_faces().attributes

    def read_faces(self) -> Faces:
        """Read the lists; see `face_attributes.data.faces.Faces`."""
        return lfwa_faces(self.folder, self.num_attributes, self.cache)

    def faces(self, part: Part) -> Faces:
        """Return the faces of a split; a split that is missing is validation's."""
        return super().faces("val" if part == "train" else part)


class FolderData(FaceData):
    """A folder of the user's own (`face_attributes.data.folder`)."""

    def known_attributes(self) -> Sequence[str]:
        """Return the names of the attributes, before any image is read."""
        return folder_attributes(self.folder)

    def read_faces(self) -> Faces:
        """Read the lists; see `face_attributes.data.faces.Faces`."""
        return folder_faces(self.folder)

    def faces(self, part: Part) -> Faces:
        """Return the faces of a split; a split that is missing is validation's."""
        has_test = len(self.all_faces.part("test"))
        return super().faces("val" if part == "test" and not has_test else part)
