"""Contextual pairwise terms that a network learns piece by piece.

Lin, Shen, van den Hengel, Reid, "Efficient Piecewise Training of Deep Structured Models for
Semantic Segmentation", CVPR 2016. A pair of cells of the grid has a potential for each pair of
classes, which a network computes from the features of both. Training maximises each term's own
likelihood (piecewise), so no inference runs in it; a test runs a few iterations of mean field, and
a dense CRF sharpens the borders. Theirs normalises a pair's potentials over all L * L pairs of
classes; ours over the second's classes given the first's, P(v | u).
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segmentation.models.mean_field import MeanField
from segmentation.models.parsing import IGNORE, Head, Parsing, enlarge, shrink_target
from segmentation.models.unary import Unary

AROUND = ((0, -2), (0, 2))
ABOVE, BELOW = (-2, 0), (2, 0)


class PairwiseTerm(nn.Module):
    """log P(v at the second cell | u at the first), of the features of both.

    Args:
        channels: C.
        num_classes: L.
        width: channels of the layer that sees both cells.
    """

    def __init__(self, channels: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.first = nn.Conv2d(channels, width, 1)
        self.second = nn.Conv2d(channels, width, 1, bias=False)
        self.classifier = nn.Conv2d(width, num_classes * num_classes, 1)

    def forward(self, features: Tensor, offset: tuple[int, int]) -> Tensor:
        """(B, C, h, w), rows and columns to the second cell -> (B, L first, L second, h, w)."""
        both = self.first(features) + shift(self.second(features), offset)
        scores = self.classifier(both.relu())
        return scores.unflatten(1, (self.num_classes, -1)).log_softmax(2)


class ContextualPairs(nn.Module):
    """`Unary`, pairwise terms of cells around, above and below, mean field, and a dense CRF.

    Args:
        trunk: stages that keep an eighth of the size.
        num_classes: L.
        unary: the arguments of `Unary` but for the first two.
        width: width of the pairwise terms.
        iterations: iterations of mean field on the grid.
        strength: weight of the pairwise terms' mean.
        crf: the arguments of `MeanField` but for the classes.
    """

    phases = ("piecewise",)

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        unary: Mapping[str, Any] | None = None,
        width: int = 64,
        iterations: int = 3,
        strength: float = 1.0,
        crf: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        settings: dict[str, Any] = {"head": "large_fov", **(unary or {})}
        self.unary = Unary(trunk, num_classes, **settings)
        channels: int = trunk.channels[-1]  # type: ignore[index, assignment]
        self.around, self.above, self.below = (
            PairwiseTerm(channels, num_classes, width) for _ in range(3)
        )
        self.iterations, self.strength = iterations, strength
        self.crf = MeanField(num_classes, **{"iterations": 10, **(crf or {})}, learns=False)

    def begin(self, phase: str) -> None:
        """There is one phase: every term by itself, at the same time."""

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: not the CRF, whose lattices differ in size."""
        return [self.unary, self.around, self.above, self.below]

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """(B, 3, H, W), RGB in [0, 1] -> Parsing, whose ``terms`` hold the unary's scores."""
        scores, features, auxiliary = self.unary(image)
        if self.training:
            heads = self.unary.heads(scores, auxiliary)
            pairs = () if target is None else self._pair_heads(features, target)
            return Parsing(enlarge(scores, image.shape[-2:]), (*heads, *pairs))
        refined = enlarge(self.mean_field(scores, features), image.shape[-2:])
        terms = {"unary": enlarge(scores, image.shape[-2:])}
        return Parsing(self.crf(refined, image), terms=terms)

    def mean_field(self, scores: Tensor, features: Tensor) -> Tensor:
        """Refine scores (B, L, h, w) by the pairwise terms."""
        pairs = list(self._pairs(features))
        unary = refined = scores.log_softmax(1)
        for _ in range(self.iterations):
            marginals = refined.softmax(1)
            messages = [
                torch.einsum("buvhw,bvhw->buhw", term, shift(marginals, offset))
                for term, offset in pairs
            ]
            refined = unary + self.strength * torch.stack(messages).mean(0)
        return refined

    def _pairs(self, features: Tensor) -> list[tuple[Tensor, tuple[int, int]]]:
        terms = [*((self.around, offset) for offset in AROUND), (self.above, ABOVE)]
        return [(term(features, offset), offset) for term, offset in (*terms, (self.below, BELOW))]

    def _pair_heads(self, features: Tensor, target: Tensor) -> list[Head]:
        """Return each pairwise term as scores of the second cell's class, given the first's."""
        target = shrink_target(target, features.shape[-2:])
        given = target.masked_fill(target == IGNORE, 0)[:, None, None]
        heads = []
        for term, offset in self._pairs(features):
            rows = given.expand(-1, -1, term.shape[2], -1, -1)
            second = shift(target[:, None] + 1, offset)[:, 0] - 1  # -1 outside the image
            unknown = (second < 0) | (target == IGNORE)
            heads.append(
                Head(term.gather(1, rows)[:, 0], target=second.masked_fill(unknown, IGNORE))
            )
        return heads


def shift(x: Tensor, offset: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> each cell gets what lies so many rows and columns from it; zeros outside."""
    dy, dx = offset
    height, width = x.shape[-2:]
    wide = F.pad(x, (max(-dx, 0), max(dx, 0), max(-dy, 0), max(dy, 0)))
    return wide[..., max(dy, 0) : max(dy, 0) + height, max(dx, 0) : max(dx, 0) + width]
