"""The unary network that systems with pairwise terms share, so that they differ in those alone.

LargeFOV: Chen et al., "Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected
CRFs", ICLR 2015. Atrous spatial pyramid pooling (ASPP): Chen et al., "DeepLab", TPAMI 2017.
"""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from segmentation.models.parsing import Head
from segmentation.models.trunk import conv_bn_relu

Kind = Literal["classifier", "large_fov", "aspp"]


class Unary(nn.Module):
    """A trunk, a head behind its last stage, and in training classifiers behind the earlier ones.

    Args:
        trunk: trunk with ``channels``; with ``stages`` for auxiliary classifiers.
        num_classes: L.
        head: ``classifier``, a 1x1 convolution; ``large_fov``, a dilated 3x3 convolution before it;
            ``aspp``, the sum of several of those with dilations of their own.
        width: channels of each dilated convolution.
        dilations: one for ``large_fov``; 12 in DeepLab, whose images are 321 pixels wide.
        auxiliary: whether earlier stages are supervised, too (deep supervision): each with weight
            1, the last with 2.

    Raises:
        ValueError: another head, or a number of dilations that it does not take.
    """

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        head: Kind = "classifier",
        width: int = 256,
        dilations: Sequence[int] = (4,),
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        if head not in ("classifier", "large_fov", "aspp") or (
            head == "large_fov" and len(dilations) != 1
        ):
            raise ValueError(
                "expected the head classifier, large_fov with one dilation, or aspp, "
                f"got {head!r}, {list(dilations)}"
            )
        self.trunk = trunk
        channels: tuple[int, ...] = trunk.channels  # type: ignore[assignment]
        if head == "classifier":
            dilations = ()
            self.classifier = nn.Conv2d(channels[-1], num_classes, 1)
            nn.init.normal_(self.classifier.weight, std=0.01)
            nn.init.zeros_(self.classifier.bias)  # type: ignore[arg-type]
        self.branches = nn.ModuleList(
            nn.Sequential(
                conv_bn_relu(channels[-1], width, 3, dilation=dilation),
                nn.Conv2d(width, num_classes, 1),
            )
            for dilation in dilations
        )
        earlier = channels[:-1] if auxiliary else ()
        self.auxiliary = nn.ModuleList(auxiliary_classifier(c, num_classes) for c in earlier)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, tuple[Head, ...]]:
        """Score images (B, 3, H, W), RGB in [0, 1].

        Returns:
            The scores (B, L, h, w), the trunk's last features (B, C, h, w), and in training the
            auxiliary heads.
        """
        if not (self.training and self.auxiliary):
            x, heads = self.trunk(image), []
        else:
            x, heads = image, []
            stages: Any = self.trunk.stages
            *earlier, last = stages
            for stage, classifier in zip(earlier, self.auxiliary, strict=True):
                x = stage(x)
                heads.append(Head(classifier(x)))
            x = last(x)
        if not self.branches:
            return self.classifier(x), x, tuple(heads)
        scores = self.branches[0](x)
        for branch in self.branches[1:]:
            scores = scores + branch(x)
        return scores, x, tuple(heads)

    def heads(self, logits: Tensor, auxiliary: tuple[Head, ...]) -> tuple[Head, ...]:
        """Return what training supervises: the auxiliary heads, and ``logits``, the end's."""
        if not self.training:
            return ()
        return (*auxiliary, Head(logits, weight=2.0 if auxiliary else 1.0))


def auxiliary_classifier(channels: int, num_classes: int, width: int = 32) -> nn.Sequential:
    """Return a classifier behind an earlier stage."""
    return nn.Sequential(
        conv_bn_relu(channels, width, 1),
        conv_bn_relu(width, width, 3),
        nn.Conv2d(width, num_classes, 1),
    )
