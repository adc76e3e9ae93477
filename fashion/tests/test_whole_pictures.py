"""Whole pictures for the detector, and the pipeline tested on them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fashion.data.augment import Augmentation
from fashion.data.benchmarks import load_garments
from fashion.data.garments import Garments
from fashion.recogniser import GarmentRecogniser
from fashion.whole_pictures import WholePictures, look_at_pictures, rows_of_pictures


@pytest.fixture
def garments(rendered: Path, tmp_path: Path) -> Garments:
    return load_garments("cap", rendered / "cap", tmp_path).part("test")


def doubled(garments: Garments) -> Garments:
    """The first two rows as two garments of one picture."""
    names = garments.names.copy()
    names[1] = names[0]
    return dataclasses.replace(garments, names=names)


def test_a_picture_comes_once_with_all_of_its_garments(garments: Garments) -> None:
    augmentation = Augmentation(size=(48, 48), scale=(1.0, 1.0), shift=0.0, jitter=0.0)
    samples = WholePictures(doubled(garments), augmentation)
    assert len(samples) == len(garments) - 1
    both, one = samples[0, 5], samples[1, 5]
    assert both["image"].shape == (3, 48, 48)
    assert both["boxes"].isfinite().all() and one["boxes"].isfinite().all(1).tolist() == [
        True,
        False,
    ]
    assert one["types"].tolist() == [int(garments.columns.types[2]), -1]
    repeated = samples[0, 5]
    assert all(torch.equal(both[name], repeated[name]) for name in both)


def test_boxes_follow_the_letterbox_and_the_mirror(garments: Garments) -> None:
    """64x48 pictures in 48x48: as high as the sample, 36 wide, 6 of padding on each side."""
    augmentation = Augmentation(size=(48, 48), scale=(1.0, 1.0), shift=0.0, jitter=0.0)
    samples = WholePictures(garments, augmentation)
    x1, y1, x2, y2 = (garments.columns.boxes[0] * 0.75).tolist()
    plain = np.array([x1 + 6, y1, x2 + 6, y2]) / 48
    mirrored = np.array([1 - plain[2], plain[1], 1 - plain[0], plain[3]])
    seen = [samples[0, seed]["boxes"][0].numpy() for seed in range(8)]
    kinds = {(bool(np.allclose(b, plain)), bool(np.allclose(b, mirrored))) for b in seen}
    assert kinds <= {(True, False), (False, True), (True, True)} and len(kinds) > 1


def test_rows_of_pictures_are_in_the_order_of_the_first(garments: Garments) -> None:
    rows = rows_of_pictures(doubled(garments))
    assert rows[0].tolist() == [0, 1] and rows[1].tolist() == [2]


def test_pipeline_is_tested_by_the_boxes_it_finds(checkpoint: Path, garments: Garments) -> None:
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint)
    some: Any = garments.take(np.arange(6))
    found = look_at_pictures(recogniser, some, "ours")
    assert found is not None and list(found.boxes) == ["ours", "whole image"]
    assert all(int(scores.num_garments.sum()) == 6 for scores in found.boxes.values())
    assert found.boxes["whole image"].mean_iou == pytest.approx(_mean_share(some), abs=0.02)


def _mean_share(garments: Garments) -> float:
    boxes = garments.columns.boxes.clip(0, [48, 64, 48, 64])
    return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).mean() / (48 * 64))
