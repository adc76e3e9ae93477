"""Masks from boxes: boxes of components, candidates, the choice among them, rounds of training."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from segmentation.box_supervision import estimate
from segmentation.data.boxes import ClassBox, boxes_of, candidates, choose, mask_of_boxes
from segmentation.data.labels import ClassList
from segmentation.data.sets import Sample, SegmentationSet
from segmentation.models import Parsing


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red disc and a green bar on noisy grey, and their mask."""
    rng = np.random.default_rng(0)
    mask = np.zeros((48, 64), np.uint8)
    y, x = np.mgrid[:48, :64]
    mask[(y - 20) ** 2 + (x - 20) ** 2 < 144] = 1
    mask[30:44, 40:60] = 2
    colours = np.array([[120, 120, 120], [210, 40, 40], [40, 190, 60]])
    image = np.clip(colours[mask] + rng.normal(0, 12, (48, 64, 3)), 0, 255).astype(np.uint8)
    return image, mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_boxes_are_of_components_and_leave_out_specks_and_what_is_unlabelled() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:8, 3:9] = 1
    mask[10:18, 5:25] = 1
    mask[0, 29] = 2  # a speck
    mask[18:, :] = 255
    assert boxes_of(mask) == [ClassBox(1, 10, 5, 18, 25), ClassBox(1, 2, 3, 8, 9)]


def test_box_becomes_the_object_in_it() -> None:
    image, mask = scene()
    made = mask_of_boxes(image, boxes_of(mask))
    for label in (1, 2):
        assert iou(made == label, mask == label) > 0.9
    boxes_alone = np.zeros_like(mask)
    for box in boxes_of(mask):
        boxes_alone[box.place] = box.label
    assert iou(made == 1, mask == 1) > iou(boxes_alone == 1, mask == 1) + 0.1


def test_candidates_stay_in_the_box_and_are_never_empty() -> None:
    image, mask = scene()
    box = boxes_of(mask)[0]
    for likely in (None, np.zeros(mask.shape, np.float32), (mask == box.label).astype(np.float32)):
        made = candidates(image, box, likely)
        outside = np.ones(mask.shape, bool)
        outside[box.place] = False
        assert made and all(inside.any() and not (inside & outside).any() for inside in made)
    plain = np.full_like(image, 128)
    assert all(inside.any() for inside in candidates(plain, box))


def test_what_the_network_sees_decides_between_masks_that_fill_the_box() -> None:
    _, mask = scene()
    box = next(b for b in boxes_of(mask) if b.label == 1)
    whole, disc = np.zeros(mask.shape, bool), mask == 1
    whole[box.place] = True
    assert choose([whole, disc], box, disc.astype(np.float32)) is disc
    assert choose([disc & (np.arange(64) < 20), whole], box, None) is whole


class Seer(torch.nn.Module):
    """Knows the true mask."""

    device = torch.device("cpu")

    def __init__(self, mask: np.ndarray) -> None:
        super().__init__()
        self.scores = 9 * torch.nn.functional.one_hot(torch.from_numpy(mask).long()).permute(
            2, 0, 1
        )

    def net(self, image: torch.Tensor) -> Parsing:
        return Parsing(self.scores[None].float())


def test_estimates_use_boxes_and_the_network(tmp_path: Path) -> None:
    image, mask = scene()
    image = np.full_like(image, 90)  # nothing to see: GrabCut alone cannot know
    Image.fromarray(image).save(tmp_path / "a.png")
    classes = ClassList(("ground", "disc", "bar"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    pictures = SegmentationSet(classes, [Sample("a", tmp_path / "a.png", tmp_path)], lambda _: mask)
    alone, seen = estimate(pictures)["a"], estimate(pictures, Seer(mask))["a"]
    assert iou(seen == 1, mask == 1) > iou(alone == 1, mask == 1)
    assert iou(seen == 1, mask == 1) > 0.95
