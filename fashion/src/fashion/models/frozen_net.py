"""Recognition on the frozen features of a network that knows photographs: few heads to train.

What a network learns of rendered people carries over to photographs only as far as its features do.
Those of ImageNet have seen photographs, and stay as they are; all that is trained here reads them.
"""

from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion.data.taxonomy import VISIBLE
from fashion.models.fashionnet import Attributes, Nothing
from fashion.models.recognition import NUM_LANDMARKS, NUM_STATES, Recognition
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network

STRIDES = (8, 16, 32)
"""Of the maps that landmarks are looked for in, pixels."""

MIDDLE = 1
"""Of these the one that is pooled at landmarks, and over the whole for the embedding."""

SHARPNESS = 8.0
"""Factor of heat maps: small weights make peaks, which a softmax of small numbers would not."""


class FrozenFeatures(nn.Module):
    """A timm network of images whose parameters and statistics stay as they are.

    Args:
        model: timm's name of it, e.g. ``tf_efficientnet_lite0``.
        pretrained: ImageNet weights, or a file of weights (`vision_shared.pretrained`).
    """

    def __init__(self, model: str, pretrained: bool | str = False) -> None:
        super().__init__()
        if model not in timm.list_models():
            raise ValueError(f"expected a model that timm has (timm.list_models()), got {model!r}")
        network: Any = create_network(model, pretrained, num_classes=0).requires_grad_(False)
        self.network = network
        config, info = network.pretrained_cfg, network.feature_info
        self.normalise = Normalise(config["mean"], config["std"])
        strides = [level["reduction"] for level in info]
        self.levels = [strides.index(stride) for stride in STRIDES]
        self.channels = [info[level]["num_chs"] for level in self.levels]
        self.width: int = network.num_features

    def train(self, mode: bool = True) -> "FrozenFeatures":
        """Stay in evaluation whatever the mode: nothing of it learns."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, 3, H, W), RGB in [0, 1] -> maps of `STRIDES`, and the mean of the last (B, D)."""
        last, maps = self.network.forward_intermediates(self.normalise(image), indices=self.levels)
        return maps, last.mean((2, 3))


class FrozenFashionNet(nn.Module):
    """FashionNet's branches on frozen features: landmarks, what is pooled there, and the whole.

    Landmarks are the centres of mass of heat maps, an eighth of the image a side. The embedding is
    the mean of the frozen middle map, which tells clothes apart better than the last one, a random
    projection of the last one's, which keeps its distances (Johnson and Lindenstrauss 1984), and a
    learned part; each third counts as much.

    Args:
        features: the frozen network.
        num_categories: C.
        num_attributes: A.
        width: channels of the heat maps' layers, a multiple of 8.
        hidden: width of the global and the local branch.
        appearance: width of the embedding's projection of the last map.
        learned: weights of its learned part.
        dropout: dropout of what the heads read.
    """

    phases = ("recognition",)

    def __init__(
        self,
        features: FrozenFeatures,
        num_categories: int,
        num_attributes: int,
        width: int = 64,
        hidden: int = 256,
        appearance: int = 192,
        learned: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.features = features
        self.statistics = nn.BatchNorm1d(features.width, affine=False)
        middle = features.channels[MIDDLE]
        self.middle_statistics = nn.BatchNorm1d(middle, affine=False)
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in features.channels)
        self.heat = nn.Sequential(
            _convolution(width), _convolution(width, dilation=2), _convolution(width, dilation=4)
        )
        self.heat_maps = nn.Conv2d(width, NUM_LANDMARKS, 1)
        self.states = nn.Linear(width + features.width, NUM_LANDMARKS * NUM_STATES)
        pooled = NUM_LANDMARKS * (width + middle)
        self.local = nn.Sequential(nn.Linear(pooled, hidden), nn.ReLU())
        self.whole = nn.Sequential(nn.Linear(features.width, hidden), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        inputs = 2 * hidden + features.width + middle
        self.category = nn.Linear(inputs, num_categories) if num_categories else Nothing()
        self.attributes = Attributes(inputs, num_attributes) if num_attributes else Nothing()
        self.embedding = _Embedding(middle, features.width, inputs, appearance, learned)

    def begin(self, phase: str) -> None:
        """Begin the one phase of the training.

        Raises:
            ValueError: no phase of that name.
        """
        if phase not in self.phases:
            raise ValueError(f"expected a phase among {', '.join(self.phases)}, got {phase!r}")

    def forward(self, image: Tensor, *_: Tensor) -> Recognition:
        """(B, 3, H, W), RGB in [0, 1] -> what is recognised; annotations are not needed."""
        maps, mean = self.features(image)
        mean = self.statistics(mean)  # (B, D)
        middle = self.middle_statistics(maps[MIDDLE].mean((2, 3)))  # (B, M)
        fine = self.lateral[0](maps[0])  # (B, W, h, w)
        for lateral, coarse in zip(self.lateral[1:], maps[1:], strict=True):
            fine = fine + F.interpolate(lateral(coarse), size=fine.shape[2:], mode="bilinear")
        fine = self.heat(fine)
        landmarks = centres(SHARPNESS * self.heat_maps(fine))
        states = self.states(torch.cat([fine.amax((2, 3)), mean], 1))
        state_logits = states.view(-1, NUM_LANDMARKS, NUM_STATES)
        visible = state_logits.argmax(2) == VISIBLE
        pooled = torch.cat([_pooled(each, landmarks.detach()) for each in (fine, maps[MIDDLE])], 2)
        local = self.local((pooled * visible[..., None]).flatten(1))
        read = self.dropout(torch.cat([self.whole(mean), local, mean, middle], 1))
        embedding = self.embedding(middle, mean, read)
        return Recognition(
            landmarks, state_logits, self.category(read), self.attributes(read), embedding
        )


def centres(heat: Tensor) -> Tensor:
    """Centres of mass of the softmax of maps (B, K, h, w): (B, K, 2), x then y, fractions.

    >>> centres(torch.tensor([[[[0.0, 0.0, 99.0, 0.0]]]])).tolist()
    [[[0.625, 0.5]]]
    """
    height, width = heat.shape[2:]
    weights = heat.flatten(2).softmax(2).view_as(heat)
    x = (torch.arange(width, device=heat.device) + 0.5) / width
    y = (torch.arange(height, device=heat.device) + 0.5) / height
    return torch.stack([(weights.sum(2) * x).sum(2), (weights.sum(3) * y).sum(2)], 2)


def _pooled(map: Tensor, landmarks: Tensor) -> Tensor:
    """Bilinear values of a map (B, C, h, w) at landmarks (B, K, 2), fractions: (B, K, C)."""
    values = F.grid_sample(map, 2 * landmarks[:, :, None] - 1, align_corners=False)
    return values[..., 0].transpose(1, 2)


def _convolution(width: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.GroupNorm(8, width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
    )


class _Embedding(nn.Module):
    """(B, M) and (B, D) frozen features, (B, I) what the heads read -> (B, E), of length 1."""

    def __init__(self, middle: int, width: int, inputs: int, appearance: int, learned: int) -> None:
        super().__init__()
        self.appearance = nn.Linear(width, appearance, bias=False).requires_grad_(False)
        nn.init.orthogonal_(self.appearance.weight)
        self.learned = nn.Linear(inputs, learned)
        self.out_features = middle + appearance + learned

    def forward(self, middle: Tensor, mean: Tensor, read: Tensor) -> Tensor:
        parts = (middle, self.appearance(mean), self.learned(read))
        return torch.cat([F.normalize(part) for part in parts], 1) / len(parts) ** 0.5
