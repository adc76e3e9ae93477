"""Segmenting an image of any size: whole or in windows, at several scales, mirrored."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Self

import torch
from torch import Tensor, nn

from segmentation.models.parsing import Parsing, enlarge

STRIDE = 32
"""Of the coarsest features of common encoders, in pixels; reduced sizes are its multiples."""


class Inference:
    """The procedure that applies a network at test time.

    Args:
        window: side of the square windows that slide over the image; None takes it whole.
        overlap: smallest overlap of neighbouring windows, in [0, 1).
        scales: factors of the image's size, with one pass at each.
        mirrored: whether the mirrored image is used as well, at each scale.
        long_side: longest side in pixels; a larger image is reduced to it first, for people in
            photos of telephones are far larger than a network has learned. None reduces nothing.
        min_part_score: lowest summed probability of the classes above 0, where they are parts of
            one thing and class 0 is all else: each part alone has less at the borders between
            them. None predicts the likeliest class.

    Raises:
        ValueError: a value out of range.
    """

    def __init__(
        self,
        window: int | None = None,
        overlap: float = 1 / 3,
        scales: Sequence[float] = (1.0,),
        mirrored: bool = False,
        long_side: int | None = None,
        min_part_score: float | None = None,
    ) -> None:
        if window is not None and window < 1:
            raise ValueError(f"expected a window of at least 1 pixel, got {window}")
        if long_side is not None and long_side < 32:
            raise ValueError(f"expected a long side of at least 32 pixels, got {long_side}")
        if not 0 <= overlap < 1:
            raise ValueError(f"expected an overlap in [0, 1), got {overlap}")
        if not scales or not all(scale > 0 for scale in scales):
            raise ValueError(f"expected scales above 0, at least one, got {list(scales)}")
        self.window = window
        self.overlap = overlap
        self.scales = tuple(scales)
        self.mirrored = mirrored
        self.long_side = long_side
        self.min_part_score = min_part_score

    @classmethod
    def recorded(cls, settings: Mapping[str, Any] | None) -> Self:
        """Return the procedure that a checkpoint records; older ones say ``least_parts``."""
        names = {"least_parts": "min_part_score"}
        return cls(**{names.get(key, key): value for key, value in (settings or {}).items()})

    @property
    def looks_once(self) -> bool:
        """Whether a network sees an image exactly once, reduced or not."""
        return self.window is None and self.scales == (1.0,) and not self.mirrored

    def __call__(self, network: nn.Module, image: Tensor) -> Parsing:
        """Segment images (B, 3, H, W), RGB in [0, 1], without gradients.

        Returns:
            The network's output, where there is one pass. Else ``logits`` alone, the logarithm of
            the mean probability over all passes that a pixel got, each weighing the same.
        """
        size = image.shape[-2:]
        with torch.no_grad():
            image = self._reduce(image)
            if self.looks_once:
                parsing = network(image)
                return parsing._replace(logits=self._decide(parsing.logits, size))
            looks = [
                self._look(network, image, scale, mirror)
                for scale, mirror in product(self.scales, (False, True)[: 1 + self.mirrored])
            ]
            logits = torch.stack(looks).mean(0).clamp_min(1e-12).log()
            return Parsing(self._decide(logits, size))

    def _decide(self, logits: Tensor, size: torch.Size) -> Tensor:
        """Return scores at an image's own size whose largest is what is predicted."""
        if logits.shape[-2:] != size:
            logits = enlarge(logits, size)
        if self.min_part_score is not None:
            rest, parts = logits[:, 0], logits[:, 1:].amax(1)
            is_part = logits.float().softmax(1)[:, 0] <= 1 - self.min_part_score
            rest = torch.where(is_part, torch.minimum(rest, parts - 1e-3), parts + 1e-3)
            logits = torch.cat([rest[:, None], logits[:, 1:]], 1)
        return logits

    def _reduce(self, image: Tensor) -> Tensor:
        """Return images whose longer side has at most ``long_side`` pixels."""
        longer = max(image.shape[-2:])
        if self.long_side is None or longer <= self.long_side:
            return image
        factor = self.long_side / longer
        # encoders pad other sizes at one side, which shifts their coarse features
        size = [max(1, round(factor * side / STRIDE)) * STRIDE for side in image.shape[-2:]]
        return nn.functional.interpolate(
            image, size, mode="bilinear", antialias=True, align_corners=False
        )

    def _look(self, network: nn.Module, image: Tensor, scale: float, mirror: bool) -> Tensor:
        """Return probabilities (B, L, H, W)."""
        size = image.shape[-2:]
        seen = image
        if scale != 1:
            height, width = (max(1, round(scale * side)) for side in size)
            seen = nn.functional.interpolate(
                image, (height, width), mode="bilinear", antialias=True, align_corners=False
            )
        if mirror:
            seen = seen.flip(-1)
        probabilities = self._slide(network, seen)
        if mirror:
            probabilities = probabilities.flip(-1)
        return probabilities if scale == 1 else enlarge(probabilities, size)

    def _slide(self, network: nn.Module, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if self.window is None:
            return network(image).logits.float().softmax(1)
        tall, wide = min(self.window, height), min(self.window, width)
        total = weight = image.new_zeros(())
        for y, x in product(starts(height, tall, self.overlap), starts(width, wide, self.overlap)):
            logits = network(image[..., y : y + tall, x : x + wide]).logits
            margins = (x, width - x - wide, y, height - y - tall)
            pad = nn.functional.pad
            total = total + pad(logits.float().softmax(1), margins)
            weight = weight + pad(logits.new_ones(tall, wide, dtype=torch.float32), margins)
        return total / weight


def starts(length: int, window: int, overlap: float) -> list[int]:
    """Return where windows begin so that they cover ``length``, evenly, the last one flush.

    Neighbours share at least ``overlap`` of a window.
    """
    step = max(1, int(window * (1 - overlap)))
    gaps = -(-(length - window) // step)
    return [round(i * (length - window) / gaps) for i in range(gaps + 1)] if gaps else [0]
