"""Faces of all sizes from a network that knows one: an image pyramid, peaks, fused boxes.

Every local maximum of the response on a level is a square of the network's face size there. Of
overlapping squares the best one stays, and becomes the mean of those that agree with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from face_attributes.boxes import box_iou, clip_boxes, contains, face_boxes
from face_attributes.data.framing import PADDING
from face_attributes.localize.cascade import Localisation, Localizer
from face_attributes.models import LNet, TagMaps

OVERLAP = 0.25
"""Of two faces' squares, intersection over union, at most."""

AGREEING = 0.2
"""Intersection over union of a square with those that are fused into it, at least."""

HEAT = 0.3
"""Of the scores that weigh them: neighbouring sizes score nearly alike, and their mean is better
than any. Chosen with `AGREEING` on the development photographs of `real_photos.py`."""

ROOM = 2.0
"""Sides of a face that the shorter side of the largest level has at least: small images grow."""

WHOLE = 0.9
"""Sides of a face that the shorter side of the smallest level has at least."""


THUMBNAIL, CLOSE, CLOSE_MARGIN = 96, 32.0, 16
"""Pixels of the longer side of images that are searched together, of the smallest face there, and
of the grey around: half of the cost of what single images are searched by."""


class Candidates(NamedTuple):
    """Local maxima in a batch of images.

    Attributes:
        image: (N,) index of the image.
        squares: (N, 3) centre x, y and side, in pixels of the image.
        scores: (N,) logits.
    """

    image: Tensor
    squares: Tensor
    scores: Tensor


class PyramidSearch:
    """Finds the faces of images by the response of a `TagMaps`.

    The network is used as it is: put it in evaluation first. Levels are framed in grey, so that a
    face that touches the image's border is seen whole.

    Args:
        net: the network; its ``threshold`` is the one by default.
        threshold: least score of a face; None is the network's.
        lnet_s: the paper's second pass, an `LNet` that looks at each face again, enlarged: it says
            where the box ends. None leaves the boxes as they are.
        enlarge: factor of a box's sides, before LNet_s looks at it.
        smallest: pixels of the smallest face's side, in the image.
        largest: pixels of the largest face's side; None is as large as the image.
        longest: pixels of the longer side of the largest level, which bounds the cost: in larger
            images the smallest face is larger.
        step: step between the sizes of two levels.
        floor: least score of what may be fused.
        margin: grey pixels around a level; a multiple of the network's stride.
        correction: offset of a face from its square, right and down, in sides, and how
            many times as large: a network that was shown no box answers a little beside, always
            alike (`benchmarks/ship_finder.py` fits it).
    """

    def __init__(
        self,
        net: TagMaps,
        threshold: float | None = None,
        *,
        lnet_s: LNet | None = None,
        enlarge: float = 1.6,
        smallest: float = 24.0,
        largest: float | None = None,
        longest: int = 640,
        step: float = 1.26,
        floor: float = 0.0,
        margin: int = 24,
        correction: Sequence[float] = (0.0, 0.0, 1.0),
    ) -> None:
        self.net = net
        self.threshold = float(net.threshold) if threshold is None else threshold
        self.lnet_o, self.lnet_s = net, lnet_s
        self.enlarge = enlarge
        self.smallest = smallest
        self.largest = largest
        self.longest = longest
        self.step = step
        self.floor = floor
        self.margin = margin
        self.correction = correction

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Localisation:
        """Find the faces of an image (3, H, W), RGB in [0, 1], on the network's device."""
        if image.ndim != 3:
            raise ValueError(f"expected image (3, H, W), got {tuple(image.shape)}")
        levels = _on_the_cpu(self._respond(image[None]))
        found = self._candidates(levels, image.shape[1:])
        squares, scores = fuse(found.squares, found.scores)
        kept = scores >= self.threshold
        boxes, scores = face_boxes(squares[kept]).to(image.device), scores[kept].to(image.device)
        best = max(range(len(levels)), key=lambda n: float(levels[n].max()))
        response = self._at_pixels(levels[best].to(image.device), image.shape[1:])[0]
        peak = response.argmax()
        at = torch.stack([peak % image.shape[2], peak // image.shape[2]]) + 0.5
        clipped = clip_boxes(boxes, (image.shape[1], image.shape[2]))
        return Localisation(self._refine(image, clipped), scores, at, response, boxes)

    @torch.no_grad()
    def best_boxes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the best box of each image (3, H, W), of any sizes, whatever its score, (N, 4).

        They are searched together, at the size of `THUMBNAIL`: for data sets, most of whose images
        a face fills.
        """
        small = [_thumbnail(image) for image in images]
        search = copy(self)
        search.smallest, search.margin = max(self.smallest, CLOSE), CLOSE_MARGIN
        squares = [found[0][0] for found in search.find(torch.stack([s for s, _ in small]))]
        scales = torch.stack([scale for _, scale in small])
        boxes = face_boxes(torch.stack(squares)) / scales.repeat(1, 2)
        clipped = [
            clip_boxes(box[None], (image.shape[1], image.shape[2]))
            for box, image in zip(boxes, images, strict=True)
        ]
        faces = [self._refine(i, box) for i, box in zip(images, clipped, strict=True)]
        return torch.cat(faces)

    def _refine(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Let LNet_s, if there is one, say where boxes end."""
        if self.lnet_s is None:
            return boxes
        return Localizer(self.lnet_s, self.lnet_s, enlarge=self.enlarge).refine(image, boxes)

    @torch.no_grad()
    def find(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return squares (N, 3), centre and side, and scores (N,) of each of (B, 3, H, W).

        They are fused, in descending order, and of any score: there is one at least.
        """
        found = self._candidates(_on_the_cpu(self._respond(images)), images.shape[2:])
        own = [found.image == index for index in range(len(images))]
        fused = [fuse(found.squares[rows], found.scores[rows]) for rows in own]
        return [(squares.to(images.device), scores.to(images.device)) for squares, scores in fused]

    def best_regions(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best box of each of (B, 3, H, W), whatever its score: (B, 4), (B,)."""
        found = self.find(images)
        squares = torch.stack([squares[0] for squares, _ in found])
        return face_boxes(squares), torch.stack([scores[0] for _, scores in found])

    def scales(self, size: torch.Size) -> list[float]:
        """Return the scales of the levels of an image (H, W), the largest first."""
        face, shorter = self.net.face_size, min(size)
        scale = min(face / self.smallest, self.longest / max(size))
        scale = max(scale, ROOM * face / shorter)
        last = max(WHOLE * face / shorter, 0 if self.largest is None else face / self.largest)
        scales = [scale]
        while scales[-1] / self.step >= last:
            scales.append(scales[-1] / self.step)
        return scales

    def _respond(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the responses (B, h, w) of the levels, the largest first."""
        grey = images.new_tensor(PADDING)[:, None, None] / 255
        for scale in self.scales(images.shape[2:]):
            size = [max(1, round(side * scale)) for side in images.shape[2:]]
            small = F.interpolate(
                images, size=size, mode="bilinear", align_corners=False, antialias=scale < 1
            )
            yield self.net.response(F.pad(small - grey, 4 * (self.margin,)) + grey)

    def _candidates(self, levels: list[Tensor], size: torch.Size) -> Candidates:
        """Return the local maxima above the floor of all levels, and each image's highest cell."""
        parts, half, grid = [], self.net.face_size / 2, self.net.grid
        tops = torch.stack([level.amax((1, 2)) for level in levels], 1).amax(1)  # (B,)
        for level, scale in zip(levels, self.scales(size), strict=True):
            is_peak = level == F.max_pool2d(level[:, None], 3, 1, 1)[:, 0]
            high = (level > self.floor) | (level == tops[:, None, None])
            image, y, x = torch.nonzero(is_peak & high, as_tuple=True)
            centre = grid.centres(torch.stack([x, y], 1)) - self.margin
            inside = (centre > -half / 2).all(1)
            inside &= (centre < centre.new_tensor(size[::-1]) * scale + half / 2).all(1)
            inside |= level[image, y, x] == tops[image]
            side = torch.full_like(centre[:, :1], self.net.face_size)
            squares = self._corrected(torch.cat([centre, side], 1)[inside] / scale)
            parts.append(Candidates(image[inside], squares, level[image, y, x][inside]))
        return Candidates(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _corrected(self, squares: Tensor) -> Tensor:
        right, down, factor = self.correction
        side = squares[:, 2:]
        moved = squares[:, :2] + side * squares.new_tensor([right, down])
        return torch.cat([moved, factor * side], 1)

    def _at_pixels(self, level: Tensor, size: torch.Size) -> Tensor:
        """Read a level's response (B, h, w) at the pixels of the image, (B, H, W)."""
        scales = self.scales(size)
        shapes = [round(size[0] * scale) + 2 * self.margin for scale in scales]
        cells = [-(-shape // int(self.net.grid.stride)) for shape in shapes]
        scale = scales[cells.index(level.shape[1])]
        inner = [max(1, round(side * scale)) for side in size]
        around = [side + 2 * self.margin for side in inner]
        pixels = self.net.grid.to_pixels(level, (around[0], around[1]))
        m = self.margin
        cut = pixels[:, m : m + inner[0], m : m + inner[1]]
        return F.interpolate(cut[:, None], size=list(size), mode="bilinear")[:, 0]


def _on_the_cpu(levels: Iterable[Tensor]) -> list[Tensor]:
    """Bring responses there once: choosing among a few squares is many small steps in Python."""
    return [level.cpu() for level in list(levels)]


def _thumbnail(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return an image in a grey square of `THUMBNAIL` pixels, and its scale in x and y, (2,)."""
    longer = max(image.shape[1:])
    size = [max(1, round(side * THUMBNAIL / longer)) for side in image.shape[1:]]
    small = F.interpolate(
        image[None], size=size, mode="bilinear", align_corners=False, antialias=longer > THUMBNAIL
    )[0]
    square = (image.new_tensor(PADDING) / 255)[:, None, None].repeat(1, THUMBNAIL, THUMBNAIL)
    square[:, : size[0], : size[1]] = small
    return square, image.new_tensor([size[1] / image.shape[2], size[0] / image.shape[1]])


def fuse(squares: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Fuse squares that show one face.

    Args:
        squares: (N, 3), centre x, y and side.
        scores: (N,), logits.

    Returns:
        (K, 3), each the mean of those that agree with it, weighted by exp(`HEAT` score), the side
        in logarithms; and (K,), the best score among them, descending.
    """
    order = scores.argsort(descending=True)
    squares, scores = squares[order], scores[order]
    centres, sides = squares[:, :2], squares[:, 2:]
    boxes = torch.cat([centres - sides / 2, centres + sides / 2], 1)
    overlap = box_iou(boxes, boxes).to(squares.dtype)
    holds = contains(boxes, centres)  # (N, N), row holds the column's centre
    same = (overlap >= OVERLAP) | holds | holds.T
    kept: list[int] = []
    for index in range(len(boxes)):
        if not same[index, kept].any():
            kept.append(index)
    weights = (HEAT * (scores[None] - scores[kept, None])).exp() * (overlap[kept] > AGREEING)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.cat([weights @ centres, (weights @ sides.log()).exp()], 1), scores[kept]
