"""LNet on an ImageNet trunk: a response map for each tag, learned from tags of whole images.

A tag of an image says that something is in it, not where. Pooled by a soft maximum, the map of the
tag "face" has to be high where a face is (Pinheiro, Collobert, CVPR 2015, who pool so). The other
tags, what the faces look like, make the shared features look at faces rather than at what comes
with them (Liu et al. 2015, section 3.1: the richer the tags, the better they localise).
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_attributes.boxes import FACE_SIZE
from face_attributes.models.response_grid import ResponseGrid
from face_attributes.models.tagging import Tagging, expect_image
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network

STRIDE, CENTRED = 8, 0.5
NEAR, FAR = 2, 4
"""Stages of EfficientNet whose outputs have strides of 8 and 16 pixels."""

RARE = -2.0
"""First logit of every cell: most show nothing."""

TRUNK_RATE = 0.3
"""Of the learning rate, for layers with first weights."""


class TagMaps(nn.Module):
    """Logits of "face" and of every attribute at every cell, and of the whole image.

    A face is one whose square from brows to chin has `face_size` pixels: other sizes are found on
    the levels of a pyramid.

    Args:
        num_outputs: A, attributes: the tags besides "face".
        model: timm's name of an EfficientNet.
        pretrained: its first weights, see `vision_shared.pretrained`.
        frozen: stages, from the first, that keep them; batch normalisation keeps its statistics
            everywhere. 0 trains everything.
        width: channels of the features that the maps are a linear function of.
        sharpness: r of the pooling; towards 0 the mean, towards infinity the maximum.

    Attributes:
        face_size: pixels.
        offset: scalar, pixel on which cell 0 is centred. By its receptive fields that is .5, for
            the trunk pads both sides alike; a network that was shown no box may answer beside what
            it saw, see `face_attributes.localize.fit_offset`.
        threshold: scalar, least score of a face, see `face_attributes.localize.fit_threshold`;
            -inf until it is fitted: everything is a face.
    """

    offset: Tensor
    threshold: Tensor
    smallest = 32
    input_size = 128
    face_size = FACE_SIZE

    def __init__(
        self,
        num_outputs: int,
        model: str = "tf_efficientnet_lite0",
        pretrained: bool | str = False,
        frozen: int = 2,
        width: int = 64,
        sharpness: float = 3.0,
    ) -> None:
        super().__init__()
        whole: Any = create_network(model, pretrained)
        config: Mapping[str, Any] = whole.default_cfg
        self.normalise = Normalise(config["mean"], config["std"])
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.blocks = whole.blocks[: FAR + 1]
        pad_evenly(self.stem)
        pad_evenly(self.blocks)
        self.frozen = frozen
        with torch.no_grad():
            near, far = (f.shape[1] for f in self._features(torch.zeros(1, 3, 32, 32)))
        self.near, self.far = nn.Conv2d(near, width, 1), nn.Conv2d(far, width, 1)
        self.head = nn.Conv2d(width, 1 + num_outputs, 1)
        nn.init.constant_(self.head.bias, RARE)  # type: ignore[arg-type]
        self.sharpness = sharpness
        self.register_buffer("offset", torch.tensor(CENTRED))
        self.register_buffer("threshold", torch.tensor(-torch.inf))

    @property
    def grid(self) -> ResponseGrid:
        """Where cells lie in the image."""
        return ResponseGrid(STRIDE, float(self.offset))

    def train(self, mode: bool = True) -> "TagMaps":
        """Keep batch normalisation's first statistics: those of renders are not photographs'."""
        super().train(mode)
        if not self.frozen:
            return self
        for module in (*self.stem.modules(), *self.blocks.modules()):
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: the stages of the trunk, which every way to call it calls."""
        return [self.stem, *self.blocks]

    def forward(self, image: Tensor) -> Tagging:
        """Tag whole images (B, 3, H, W), RGB in [0, 1]; ``maps`` has ``tags``, (B, 1 + A, h, w).

        There is no linear function from features to logits: `features` are the largest of each.
        """
        cells = self._cells(image)
        maps = self.head(cells)
        tags = soft_maximum(maps, self.sharpness)
        return Tagging(tags[:, 1:], cells.amax((2, 3)), {"tags": maps})

    def tag(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1 + A), logits of whole images, of "face" first."""
        return soft_maximum(self.head(self._cells(image)), self.sharpness)

    def response(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, ceil(H / 8), ceil(W / 8)): logits of a face; ``grid`` places it."""
        return self.head(self._cells(image))[:, 0]

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Return what an optimiser takes: the trunk learns more slowly than the new layers."""
        new = [*self.near.parameters(), *self.far.parameters(), *self.head.parameters()]
        trunk = [*self.stem.parameters(), *self.blocks.parameters()]
        rate = learning_rate * (TRUNK_RATE if self.frozen else 1.0)
        return [{"params": new, "lr": learning_rate}, {"params": trunk, "lr": rate}]

    def _cells(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, width, h, w), features of each cell."""
        expect_image(image, self.smallest)
        near, far = self._features(image)
        mixed = self.near(near) + upsample(self.far(far), near.shape[2:])
        return F.dropout(F.relu(mixed), 0.1, self.training)

    def _features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x, found = self.normalise(image), []
        for index, stage in enumerate((self.stem, *self.blocks)):
            is_frozen = index <= self.frozen and self.frozen > 0
            with torch.set_grad_enabled(torch.is_grad_enabled() and not is_frozen):
                x = stage(x)
            if index - 1 in (NEAR, FAR):
                found.append(x)
        return found[0], found[1]


def pad_evenly(network: nn.Module) -> None:
    """Make convolutions pad both sides by half of their kernel.

    TensorFlow's "same" pads the right side more where it strides, by how much depends on the
    image's size: cells would lie off the image's centre, and elsewhere for odd sizes. The weights
    stay good, each layer sees its input moved by a pixel.
    """
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv2d):
            even = nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,  # type: ignore[arg-type]
                layer.stride,  # type: ignore[arg-type]
                tuple((k - 1) // 2 for k in layer.kernel_size),  # type: ignore[arg-type]
                groups=layer.groups,
                bias=layer.bias is not None,
            )
            even.weight, even.bias = layer.weight, layer.bias
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, even)


def upsample(far: Tensor, size: torch.Size) -> Tensor:
    """Bring cells twice as far apart onto others: cell i lies on cell 2 i of ``size`` (h, w)."""
    onto = [2 * n - 1 for n in far.shape[2:]]
    fine = F.interpolate(far, size=onto, mode="bilinear", align_corners=True)
    return F.pad(fine, (0, size[1] - onto[1], 0, size[0] - onto[0]), mode="replicate")


def soft_maximum(maps: Tensor, sharpness: float) -> Tensor:
    """(B, T, h, w) -> (B, T): log-mean-exp of all cells, between their mean and their maximum."""
    cells = maps.flatten(2)
    number = cells.new_full((), cells.shape[2])  # a tensor: math.log would fix the size in exports
    total = torch.logsumexp(sharpness * cells, 2) - number.log()
    return total / sharpness
