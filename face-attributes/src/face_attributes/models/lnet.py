"""LNet: five convolutions that learn where heads are from what is said about whole images.

Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015, section 3.1, and the
table of its supplement. LNet_o, of whole images, and LNet_s, of what LNet_o finds, have one shape.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from face_attributes.models.response_grid import fold_layers
from face_attributes.models.tagging import Tagging, expect_image
from vision_shared.layers import Normalise

HeadName = Literal["gap", "paper"]


class LNet(nn.Module):
    """A trunk, a head that reads attributes off it, and its averaged response.

    Args:
        trunk: (B, 3, H, W) in [0, 1] -> (B, C, h, w), not negative; with ``channels``, ``grid``
            (where its cells lie), ``input_size`` and ``smallest`` (pixels a side: what it is made
            for, and what it needs).
        num_outputs: A, attributes.
        head: ``gap`` is one linear layer of the mean over the map; ``paper``, AlexNet's two layers
            on the map pooled to 6x6. At 227 pixels that pooling is the paper's 3x3 with stride 2;
            at other sizes its windows follow the map's.
        hidden: width of those two layers.

    Attributes:
        threshold: scalar, least score of a face, see `face_attributes.localize.fit_threshold`;
            -inf until it is fitted: everything is a face.

    Raises:
        ValueError: another head.
    """

    threshold: Tensor

    def __init__(
        self, trunk: nn.Module, num_outputs: int, head: HeadName = "gap", hidden: int = 4096
    ) -> None:
        super().__init__()
        self.trunk: Any = trunk
        self.register_buffer("threshold", torch.tensor(-torch.inf))
        if head not in ("gap", "paper"):
            raise ValueError(f"expected the head gap or paper, got {head!r}")
        channels: int = trunk.channels  # type: ignore[assignment]
        is_gap = head == "gap"
        self.neck = MeanOfMap() if is_gap else fully_connected(channels, hidden)
        self.head = nn.Linear(channels if is_gap else hidden, num_outputs)

    def forward(self, image: Tensor) -> Tagging:
        """Tag images (B, 3, H, W), RGB in [0, 1]; ``maps`` has ``c5``."""
        c5 = self._respond(image)
        features = self.neck(c5)
        return Tagging(self.head(features), features, {"c5": c5})

    def response(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, h, w): C5 averaged over its channels; ``trunk.grid`` places it."""
        return self._respond(image).mean(1)

    def _respond(self, image: Tensor) -> Tensor:
        expect_image(image, self.trunk.smallest)
        return self.trunk(image)


class PaperTrunk(nn.Module):
    """C1 to C5 of the supplement, (B, 3, H, W) -> (B, 256, h, w), one cell each 16 pixels.

    Padding and grouping are not stated: those of AlexNet (Krizhevsky et al. 2012), whose local
    response normalisation this is too, but on one device, that is without groups. 3.75 million
    weights; 13x13 cells at 227 pixels. torch divides alpha by the window's 5 channels.
    """

    channels = 256
    input_size = 227
    smallest = 35

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Normalise(),
            nn.Conv2d(3, 96, 11, 4),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.grid = fold_layers(self.layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, C, h, w)."""
        return self.layers(image)


class MeanOfMap(nn.Module):
    """(B, C, h, w) -> (B, C), global average pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean of each map: (B, C, h, w) -> (B, C)."""
        return torch.mean(x, (2, 3))


def fully_connected(channels: int, hidden: int) -> nn.Sequential:
    """Pool 5, FC 6 and FC 7 of AlexNet, for maps of any size."""
    return nn.Sequential(
        nn.AdaptiveMaxPool2d(6),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(channels * 36, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
    )
