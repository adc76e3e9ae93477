"""Fully convolutional network with skips, FCN-8s.

Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015.
"""

from torch import Tensor, nn

from segmentation.models.parsing import Head, Parsing, enlarge


class FCN8s(nn.Module):
    """Scores at a 32nd of the size, refined by scores at a 16th and an eighth (figure 3).

    Args:
        trunk: trunk whose three stages end at an eighth, a 16th and a 32nd of the size.
        num_classes: L.
        auxiliary: whether the scores of the earlier stages are supervised by themselves, too, each
            with weight 1, and what all make together with 2.
    """

    phases = ("whole",)

    def __init__(self, trunk: nn.Module, num_classes: int, auxiliary: bool = False) -> None:
        super().__init__()
        self.auxiliary = auxiliary
        self.stages: nn.ModuleList = trunk.stages  # type: ignore[assignment]
        self.scores = nn.ModuleList([nn.Conv2d(c, num_classes, 1) for c in trunk.channels])  # type: ignore

    def begin(self, phase: str) -> None:
        """There is one phase: the whole."""

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """(B, 3, H, W), RGB in [0, 1] -> Parsing."""
        x, scores = image, []
        for stage, score in zip(self.stages, self.scores, strict=True):
            x = stage(x)
            scores.append(score(x))
        earlier = tuple(map(Head, scores[:-1])) if self.auxiliary else ()
        fused = scores.pop()
        while scores:
            finer = scores.pop()
            fused = finer + enlarge(fused, finer.shape[-2:])
        logits = enlarge(fused, image.shape[-2:])
        whole = Head(logits, weight=2.0 if earlier else 1.0)
        return Parsing(logits, (*earlier, whole) if self.training else ())
