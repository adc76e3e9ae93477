"""DARN, which FashionNet is compared with: two branches for two domains, attributes, ranking.

Huang, Feris, Chen, Yan, "Cross-domain Image Retrieval with a Dual Attribute-aware Ranking Network",
ICCV 2015: a network for shops' images and one for customers', each of which predicts attributes;
what they see is embedded under a ranking loss across both. Ours where it differs: the two have
FashionNet's global branch and trunk, and its triplet loss, so that what is compared is the method.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from fashion.data.taxonomy import CONSUMER
from fashion.models import Alignment, Recognition
from fashion.module import FashionModule


class DarnModule(FashionModule):
    """Trains two networks without landmarks, each on the images of its domain.

    Args: as `FashionModule`'s.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.street = deepcopy(self.net.network)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit":
            street: Any = self.street
            street.attributes.expect(self._data.positive_rates())

    def _terms(self, batch: dict[str, Tensor], wanted: Sequence[str]) -> dict[str, Tensor]:
        assert self.objective is not None
        return self.objective(self._answer(batch), batch, wanted)

    def _answer(self, batch: Mapping[str, Tensor]) -> Recognition:
        """Return what each image's own network says."""
        is_street = batch["domain"] == CONSUMER
        image = batch["image"]
        rows, parts = [], []
        for network, chosen in ((self.net.network, ~is_street), (self.street, is_street)):
            if chosen.any():
                answer: Recognition | Alignment = network(image[chosen])
                assert isinstance(answer, Recognition)
                rows.append(chosen.nonzero()[:, 0])
                parts.append(answer)
        back = torch.cat(rows).argsort()
        return Recognition(*(torch.cat(values)[back] for values in zip(*parts, strict=True)))
