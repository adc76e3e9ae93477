"""DeepLab with a large field of view and a dense CRF; CRF as RNN, where the CRF learns too.

Chen, Papandreou, Kokkinos, Murphy, Yuille, "Semantic Image Segmentation with Deep Convolutional
Nets and Fully Connected CRFs", ICLR 2015. Zheng, Jayasumana, Romera-Paredes, Vineet, Su, Du, Huang,
Torr, "Conditional Random Fields as Recurrent Neural Networks", ICCV 2015.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segmentation.models.mean_field import MeanField
from segmentation.models.parsing import Head, Parsing, enlarge


class LargeFOV(nn.Module):
    """Trunk, one dilated 3x3 convolution and a classifier, on an eighth of the size.

    Args:
        trunk: three stages that keep an eighth of the size.
        num_classes: L.
        width: channels of the dilated convolution.
        dilation: of it; 12 in DeepLab, whose images are 321 pixels wide.
    """

    def __init__(
        self, trunk: nn.Module, num_classes: int, width: int = 256, dilation: int = 4
    ) -> None:
        super().__init__()
        self.trunk = trunk
        channels: tuple[int, ...] = trunk.channels  # type: ignore[assignment]
        self.head = nn.Sequential(
            nn.Conv2d(channels[-1], width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, num_classes, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [0, 1] -> scores (B, L, ceil(H / 8), ceil(W / 8))."""
        return self.head(self.trunk(image))


class DeepLab(nn.Module):
    """`LargeFOV`, whose answers mean-field inference refines at the image's own size.

    Args:
        trunk: three stages that keep an eighth of the size.
        num_classes: L.
        joint: false is DeepLab: the CRF's weights are fixed, and it is used in evaluation alone.
            True is CRF as RNN: a first step, ``unary``, trains without the CRF, and a second,
            ``joint``, all of it together.
        train_iterations: of mean field, where it trains; more are for evaluation.
        fov: the arguments of `LargeFOV` but for the first two.
        crf: the arguments of `MeanField` but for the classes.
    """

    steps = ("unary", "joint")

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        joint: bool = False,
        train_iterations: int = 5,
        fov: Mapping[str, Any] | None = None,
        crf: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.unary = LargeFOV(trunk, num_classes, **(fov or {}))
        self.crf = MeanField(num_classes, **{"iterations": 10, **(crf or {})}, learns=joint)
        self.joint = joint
        self.train_iterations = train_iterations
        self.joined = False

    def begin(self, step: str) -> None:
        """Begin a step of the training, one of ``steps``."""
        self.joined = step == "joint"

    def get_extra_state(self) -> Tensor:
        """Return the step, for a checkpoint."""
        return torch.tensor(self.joined)

    def set_extra_state(self, state: Tensor) -> None:
        """Return to a checkpoint's step."""
        self.joined = bool(state)

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """(B, 3, H, W), RGB in [0, 1] -> Parsing, whose ``terms`` hold the unary's scores."""
        unary = enlarge(self.unary(image), image.shape[-2:])
        if self.training and not self.joined:
            return Parsing(unary, (Head(unary),))
        if self.joint and not self.joined:
            return Parsing(unary)
        iterations = self.train_iterations if self.training else self.crf.iterations
        refined = self.crf(unary, image, iterations)
        heads = (Head(refined),) if self.training else ()
        return Parsing(refined, heads, terms={"unary": unary})
