"""DeepLab: a large field of view and a dense CRF; CRF as RNN, where the CRF learns, too.

Chen, Papandreou, Kokkinos, Murphy, Yuille, "Semantic Image Segmentation with Deep Convolutional
Nets and Fully Connected CRFs", ICLR 2015. Zheng, Jayasumana, Romera-Paredes, Vineet, Su, Du, Huang,
Torr, "Conditional Random Fields as Recurrent Neural Networks", ICCV 2015.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segmentation.models.mean_field import MeanField
from segmentation.models.parsing import Parsing, enlarge
from segmentation.models.unary import Unary


class DeepLab(nn.Module):
    """`Unary`, whose scores mean-field inference refines at the image's own size.

    Args:
        trunk: stages that keep an eighth of the size.
        num_classes: L.
        joint: false is DeepLab: the CRF's weights are fixed, and it is used in evaluation alone.
            True is CRF as RNN: a first phase, ``unary``, trains without the CRF, and a second,
            ``joint``, all of it together.
        train_iterations: train iterations of mean field, where it trains; more are for evaluation.
        unary: the arguments of `Unary` but for the first two; ``large_fov`` is DeepLab's,
            ``aspp`` DeepLab-v2's.
        crf: the arguments of `MeanField` but for the classes.
    """

    phases = ("unary", "joint")

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        joint: bool = False,
        train_iterations: int = 5,
        unary: Mapping[str, Any] | None = None,
        crf: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        settings: dict[str, Any] = {"head": "large_fov", **(unary or {})}
        self.unary = Unary(trunk, num_classes, **settings)
        self.crf = MeanField(num_classes, **{"iterations": 10, **(crf or {})}, learns=joint)
        self.joint = joint
        self.train_iterations = train_iterations
        self.joined = False

    def begin(self, phase: str) -> None:
        """Begin a phase of the training, one of ``phases``."""
        self.joined = phase == "joint"

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: not the CRF, whose lattices differ in size."""
        return [self.unary]

    def get_extra_state(self) -> Tensor:
        """Return the phase, for a checkpoint."""
        return torch.tensor(self.joined)

    def set_extra_state(self, state: Tensor) -> None:
        """Return to a checkpoint's phase."""
        self.joined = bool(state)

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """(B, 3, H, W), RGB in [0, 1] -> Parsing, whose ``terms`` hold the unary's scores."""
        scores, _, auxiliary = self.unary(image)
        unary = enlarge(scores, image.shape[-2:])
        if (self.training or self.joint) and not self.joined:
            return Parsing(unary, self.unary.heads(unary, auxiliary))
        iterations = self.train_iterations if self.training else self.crf.iterations
        refined = self.crf(unary, image, iterations)
        return Parsing(refined, self.unary.heads(refined, auxiliary), terms={"unary": unary})
