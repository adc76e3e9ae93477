"""What a finder by tags learns from: tags of whole images, its own finds, or true boxes."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from face_attributes.boxes import FACE_SIZE
from face_attributes.finder_losses import cell_loss, tag_loss
from face_attributes.localize.pyramid import PyramidSearch
from face_attributes.models import TagMaps
from face_attributes.models.tag_maps import CENTRED

ObjectiveName = Literal["tags", "finds", "boxes"]

SURE = 1.5
"""Least logit of a find that is learned from."""


class FinderObjective(nn.Module):
    """The loss of a `TagMaps` on composed images, see `face_attributes.data.canvas_samples`.

    ``tags`` says what is in an image, not where. ``finds`` is self-training: a copy of the network
    as it is at the start finds the faces of images that have the tag "face", and their cells are
    what is learned; no box is shown. ``boxes`` shows the true squares, for comparison and for those
    who have them.

    Args:
        name: one of the three.
        net: the network, of whose kind the teacher of ``finds`` is.

    Raises:
        ValueError: another name.
    """

    def __init__(self, name: ObjectiveName, net: TagMaps) -> None:
        super().__init__()
        if name not in get_args(ObjectiveName):
            raise ValueError(f"expected the objective tags, finds or boxes, got {name!r}")
        self.name: ObjectiveName = name
        self.teacher: Any = deepcopy(net).requires_grad_(False) if name == "finds" else None

    def begin(self, net: TagMaps) -> None:
        """Make the network, as it is now, the teacher.

        Where cells lie is then said by what is learned, no longer by what the network made of it.
        """
        if self.teacher is not None:
            self.teacher.load_state_dict(net.state_dict())
        if self.name != "tags":
            net.offset.fill_(CENTRED)

    def forward(self, net: TagMaps, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of a batch, a scalar."""
        image, has_face = batch["image"], batch["face"]
        if self.name == "tags":
            known = (batch["attributes"] > 0).to(image.dtype)
            return tag_loss(net.tag(image), torch.cat([has_face[:, None], known], 1))
        squares = self._finds(batch["unchanged"], has_face) if self.name == "finds" else None
        if squares is None:
            squares = [each[each.isfinite().all(1)] for each in batch["squares"]]
        return cell_loss(net.response(image), squares, net.grid)

    @torch.no_grad()
    def _finds(self, image: Tensor, has_face: Tensor) -> list[Tensor]:
        """Return what the teacher finds, (N, 3) of each image; nothing without the tag."""
        smallest, largest = 0.79 * FACE_SIZE, 1.27 * FACE_SIZE
        search = PyramidSearch(self.teacher.eval(), smallest=smallest, largest=largest, margin=16)
        squares = [image.new_zeros(0, 3)] * len(image)
        tagged = has_face.nonzero()[:, 0]
        for index, (found, scores) in zip(tagged.tolist(), search.find(image[tagged]), strict=True):
            squares[index] = found[scores >= SURE]
        return squares
