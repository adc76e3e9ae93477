"""From an image to boxes of faces: LNet_o, then LNet_s on what it proposes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from face_attributes.boxes import box_iou, clip_boxes, contains, enlarge_boxes
from face_attributes.localize.crops import crop_regions, to_image
from face_attributes.localize.peaks import density_peaks
from face_attributes.localize.scores import ScoreName, score_windows
from face_attributes.localize.windows import WindowRule, component_windows, dense_windows
from face_attributes.models import LNet

OVERLAP = 0.3
"""Of two faces' boxes, intersection over union, at most."""

CROWDED = 0.4
"""A window with two peaks further apart than this share of its longer side holds two faces.

Two of one size side by side are half of what holds both apart.
"""


CLOSE_UP = WindowRule(smallest=0.4, largest=0.9, margin=0.3)
"""Windows in an enlarged region, most of which a face takes: no room for a wide ring."""


class Localisation(NamedTuple):
    """What was found in an image; nothing is an answer too.

    Attributes:
        boxes: (N, 4), left, top, right, bottom in pixels of the image, sorted by score, descending.
        scores: (N,), of LNet_o's windows, in units of its response; at least the threshold.
        peak: (2,), x then y in pixels: where the response is highest, face or not.
        response: (H, W), LNet_o's averaged response at the image's pixels.
        regions: (N, 4), LNet_o's boxes, from which LNet_s went on; the boxes where there is none.
    """

    boxes: Tensor
    scores: Tensor
    peak: Tensor
    response: Tensor
    regions: Tensor


class Localizer:
    """Finds faces by the averaged responses of LNets that learned from attributes of images.

    LNet_o looks at the whole image. Each peak of its response takes the best window around it that
    holds no other face; of overlapping ones the best stays, if its score reaches the threshold.
    LNet_s looks at each such region, enlarged and resized, and its best window there is the face.
    The networks are used as they are: put them in evaluation first.

    Args:
        lnet_o: LNet_o of whole images.
        lnet_s: LNet_s of the regions that it finds; None answers with those regions.
        threshold: least score of a face, see `fit_threshold`; by default everything is one.
        score: ``contrast`` or the paper's ``mean``, see `face_attributes.localize.scores`.
        windows: windows that LNet_o's response is searched for.
        enlarge: factor of a region's sides, before LNet_s looks at it.
        close_up: windows that LNet_s's response is searched for; it goes with ``enlarge``.
        image_side: images are resized so that their shorter side is this many pixels; None takes
            them as they are.
    """

    def __init__(
        self,
        lnet_o: LNet,
        lnet_s: LNet | None = None,
        threshold: float = -torch.inf,
        *,
        score: ScoreName = "contrast",
        windows: WindowRule | None = None,
        enlarge: float = 1.6,
        close_up: WindowRule | None = None,
        image_side: int | None = None,
    ) -> None:
        self.lnet_o = lnet_o
        self.lnet_s = lnet_s
        self.threshold = threshold
        self.score: ScoreName = score
        self.windows = windows or WindowRule()
        self.close_up = close_up or CLOSE_UP
        self.enlarge = enlarge
        self.image_side = image_side

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Localisation:
        """Find the faces of an image (3, H, W), RGB in [0, 1], on the networks' device."""
        if image.ndim != 3:
            raise ValueError(f"expected image (3, H, W), got {tuple(image.shape)}")
        small = self._resize(image[None])
        scale = image.new_tensor([image.shape[2] / small.shape[3], image.shape[1] / small.shape[2]])
        response, pixels = self._respond(self.lnet_o, small)
        found = self._search(response[0].cpu(), pixels[0].cpu()).to(image.device)
        kept = found.scores >= self.threshold
        regions = found.boxes[kept] * scale.repeat(2)
        boxes = regions if self.lnet_s is None else self.refine(image, regions)
        full = pixels if small is image else _resize_map(pixels, image.shape[1:])
        return Localisation(boxes, found.scores[kept], found.peak * scale, full[0], regions)

    def best_boxes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the best box of each image (3, H, W), of any sizes, (N, 4); ignores no score."""
        return torch.stack([self(image).boxes[0] for image in images])

    @torch.no_grad()
    def best_regions(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return LNet_o's best region of each image, whatever its score, and the scores.

        The scores of images with and without faces are what `fit_threshold` takes; the regions
        are what LNet_s is trained on (one face an image, section 3.1).

        Args:
            images: (B, 3, H, W), RGB in [0, 1].

        Returns:
            (B, 4) in pixels, not enlarged, and (B,).
        """
        small = self._resize(images)
        scale = images.new_tensor(
            [images.shape[3] / small.shape[3], images.shape[2] / small.shape[2]]
        )
        maps = zip(*(each.cpu() for each in self._respond(self.lnet_o, small)), strict=True)
        found = [self._search(*each).to(images.device) for each in maps]
        boxes = torch.stack([each.boxes[0] for each in found]) * scale.repeat(2)
        return boxes, torch.stack([each.scores[0] for each in found])

    def region_pictures(self, image: Tensor, regions: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Cut what LNet_s sees: squares around the enlarged regions (N, 4), resized to ``side``.

        Returns:
            (N, 3, side, side), and (N, 4), what was cut, in pixels of the image.
        """
        return crop_regions(image, enlarge_boxes(regions, self.enlarge), (side, side))

    def _respond(self, net: LNet, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the averaged responses (B, h, w), and what they are at pixels (B, H, W)."""
        response = net.response(images)
        return response, net.trunk.grid.to_pixels(response, (images.shape[2], images.shape[3]))

    def _search(self, response: Tensor, pixels: Tensor) -> "_Found":
        """Find the best window of each peak; the first one always is.

        On the CPU: choosing among windows is many small steps in Python.
        """
        peaks = self.lnet_o.trunk.grid.centres(density_peaks(response).cells).to(pixels.dtype)
        windows, scores = self._propose(pixels, self.windows)
        inside = contains(windows, peaks)  # (N, K)
        crowded = _is_crowded(windows, peaks, inside)
        worst = scores.min() - scores.max() - 1
        ranked = scores[:, None] + worst * crowded[:, None] + (2 * worst) * ~inside
        best = ranked.argmax(0)
        kept = best[_one_a_face(windows[best], scores[best], peaks)]
        return _Found(windows[kept].to(pixels.dtype), scores[kept].to(pixels.dtype), peaks[0])

    def _propose(self, pixels: Tensor, rule: WindowRule) -> tuple[Tensor, Tensor]:
        """Return dense windows, components and the whole image, (N, 4), and their scores (N,)."""
        height, width = pixels.shape
        whole = torch.tensor([[0, 0, width, height]], device=pixels.device)
        dense = dense_windows((height, width), rule).to(pixels.device)
        windows = torch.cat([dense, component_windows(pixels, rule.levels), whole])
        return windows, score_windows(self.score, pixels, windows, rule.margin)

    def refine(self, image: Tensor, regions: Tensor) -> Tensor:
        """Let LNet_s find the face in each region, (N, 4): its best window that holds the middle.

        Elsewhere may be a neighbour's face, or the border of the image.
        """
        assert self.lnet_s is not None
        if len(regions) == 0:
            return regions
        side = self.lnet_s.trunk.input_size
        pictures, cut = self.region_pictures(image, regions, side)
        faces, middle = [], torch.full((1, 2), side / 2)
        for pixels in self._respond(self.lnet_s, pictures)[1].cpu():
            windows, scores = self._propose(pixels, self.close_up)
            held = contains(windows, middle)[:, 0]
            faces.append(windows[held][scores[held].argmax()])
        boxes = to_image(torch.stack(faces).to(cut), cut, (side, side))
        return clip_boxes(boxes, (image.shape[1], image.shape[2]))

    def _resize(self, images: Tensor) -> Tensor:
        if self.image_side is None or min(images.shape[2:]) == self.image_side:
            return images
        scale = self.image_side / min(images.shape[2:])
        size = [max(1, round(side * scale)) for side in images.shape[2:]]
        return F.interpolate(
            images, size=size, mode="bilinear", align_corners=False, antialias=True
        )


class _Found(NamedTuple):
    """Windows (N, 4) and scores (N,), sorted by score, descending, and the highest peak (2,)."""

    boxes: Tensor
    scores: Tensor
    peak: Tensor

    def to(self, device: torch.device) -> "_Found":
        return _Found(*(each.to(device) for each in self))


def _is_crowded(windows: Tensor, peaks: Tensor, inside: Tensor) -> Tensor:
    """(N, 4), (K, 2), (N, K) -> (N,): whether a window holds peaks of more than one face."""
    longer = (windows[:, 2:] - windows[:, :2]).amax(1)
    apart = torch.cdist(peaks.double(), peaks.double())  # (K, K)
    crowded = torch.zeros_like(inside[:, 0])
    for i in range(len(peaks)):
        for j in range(i):
            crowded |= inside[:, i] & inside[:, j] & (apart[i, j] > CROWDED * longer)
    return crowded


def _one_a_face(windows: Tensor, scores: Tensor, peaks: Tensor) -> list[int]:
    """Choose among the windows (K, 4) of peaks (K, 2), sorted by score, descending.

    Left out is one that overlaps a better one, or holds its peak: it is of the same face.
    """
    same = (box_iou(windows, windows) > OVERLAP) | contains(windows, peaks).T  # (better, other)
    kept: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not any(bool(same[better, index]) for better in kept):
            kept.append(index)
    return kept


def _resize_map(pixels: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(pixels[:, None], size=tuple(size), mode="bilinear", align_corners=False)[
        :, 0
    ]
