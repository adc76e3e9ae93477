"""How a network that trains looks for faces: its localisers, its threshold, and its test."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from face_attributes.data.face_data import FaceData, Size
from face_attributes.evaluation.finders import FinderComparison
from face_attributes.localize import Decision, Localizer, PyramidSearch, fit_threshold
from face_attributes.models import TagMaps

NUM_SCORED = 200
"""Images with a face, at most, and as many without, that set the threshold after every epoch."""

OF_PYRAMID = 64
CLOSER = 2
"""LNet_s is tested on images with so many times the pixels a side that LNet_o looks at; a search
over a pyramid, which has no such side, on as many pixels."""


class FaceSearch:
    """Looks for faces with the network of a module.

    Args:
        settings: the arguments of `Localizer`, or of `PyramidSearch` for a `TagMaps`, but for
            networks and threshold.
        part: part of `LNetsANet`, which trains; None for a network of one part.
    """

    def __init__(self, settings: Mapping[str, Any], part: str | None) -> None:
        self.settings = settings
        self.part = part
        self._is_said = False

    @property
    def trains(self) -> bool:
        """Whether what trains is the network that looks at whole images."""
        return self.part in (None, "lnet_o")

    def localizer(self, net: Any, *, closer: bool = False) -> Localizer | PyramidSearch:
        """Return what finds faces of any score; ``closer``: with LNet_s, too."""
        lnet_o = net if self.part is None else net.lnet_o
        if isinstance(lnet_o, TagMaps):
            closest = net.lnet_s if closer and self.part is not None else None
            return PyramidSearch(lnet_o, -torch.inf, lnet_s=closest, **self.settings)
        if self.part is None:
            return Localizer(net, **self.settings)
        return Localizer(net.lnet_o, net.lnet_s if closer else None, **self.settings)

    def check(self, data: FaceData) -> None:
        """Raise InputError where there is nothing that could set a threshold, or test it."""
        for part in ("val", "test"):
            data.background_samples(part)
        if data.backgrounds is None and not self._is_said:
            self._is_said = True
            print(
                "no data.backgrounds: what lies beside the faces of the images stands in for them"
            )

    def set_threshold(self, net: Any, faces: Tensor, data: FaceData) -> Decision:
        """Let images with faces, of scores (N,), and backgrounds say what a face is."""
        samples = data.background_samples("val")
        images = [samples[i]["image"] for i in range(min(len(faces), len(samples)))]
        localizer = self.localizer(net)
        empty = localizer.best_regions(torch.stack(images).to(faces.device))[1]
        decision = fit_threshold(faces, empty)
        localizer.lnet_o.threshold.fill_(decision.threshold)
        return decision

    def comparison(
        self, finders: Mapping[str, Localizer | PyramidSearch], data: FaceData
    ) -> FinderComparison:
        """Return what `test` fills; the first of the finders has a threshold."""
        threshold = float(next(iter(finders.values())).lnet_o.threshold)
        return FinderComparison(
            finders, threshold, data.typical_boxes(NUM_SCORED, self._whole_size(data))
        )

    def test(
        self, finders: FinderComparison, data: FaceData, number: int, device: torch.device
    ) -> None:
        """Look at up to so many whole images of the test, and at its backgrounds."""
        samples = data.whole_samples("test", self._whole_size(data))
        for sample in map(samples.__getitem__, range(min(number, len(samples)))):
            if sample["box"].isfinite().all():
                finders.update(sample["image"].to(device), sample["box"][None])
        empty = data.background_samples("test", self._whole_size(data))
        for sample in map(empty.__getitem__, range(len(empty))):
            finders.update(sample["image"].to(device), torch.zeros(0, 4))

    def _whole_size(self, data: FaceData) -> Size:
        if self.part is None:
            return data.eval_size
        side = CLOSER * self.settings.get("image_side", OF_PYRAMID)
        return side, side
