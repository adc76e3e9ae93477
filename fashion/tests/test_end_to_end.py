"""Whole images for the detector, and the pipeline tested on them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fashion.data.collage import Collage
from fashion.data.garments import Garments, rows_of_images
from fashion.data.registry import load_garments
from fashion.data.whole_images import WholeImages
from fashion.end_to_end import measure_whole_images
from fashion.recogniser import GarmentRecogniser
from vision_shared.inputs import InputError


@pytest.fixture
def garments(rendered: Path, tmp_path: Path) -> Garments:
    return load_garments("cap", rendered / "cap", tmp_path).of_split("test")


def doubled(garments: Garments) -> Garments:
    """The first two rows as two garments of one image."""
    names = garments.names.copy()
    names[1] = names[0]
    return dataclasses.replace(garments, names=names)


def test_a_picture_comes_once_with_all_of_its_garments(garments: Garments) -> None:
    samples = WholeImages(doubled(garments), Collage(48, 0.0))
    assert len(samples) == len(garments) - 1
    assert [len(rows) for rows in samples.pictures[:2]] == [2, 1]
    several = [samples[0, seed] for seed in range(12)]
    assert all(sample["image"].shape == (3, 48, 48) for sample in several)
    numbers = {int((sample["types"] >= 0).sum()) for sample in several}
    assert min(numbers) >= 1 and max(numbers) > 4  # a few images side by side
    for sample in several:
        assert torch.equal(sample["boxes"].isfinite().all(1), sample["types"] >= 0)
    one, again = samples[0, 5], samples[0, 5]
    assert all(torch.equal(one[key].nan_to_num(), again[key].nan_to_num()) for key in one)


def test_background_has_no_garment_and_is_told_apart(garments: Garments, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (9, 200, 9)).save(tmp_path / "wall.png")
    samples = WholeImages(garments, Collage(48, 0.0), [tmp_path / "wall.png"])
    assert len(samples) == len(garments) + 1
    shown = [samples[len(garments), seed] for seed in range(12)]
    empty = [sample for sample in shown if not sample["types"].ge(0).any()]
    assert empty and all((sample["image"][1] > 0.7).any() for sample in empty)


def test_detector_without_boxes_is_refused(garments: Garments) -> None:
    unknown = garments.changed(boxes=np.full((len(garments), 4), np.nan, np.float32))
    with pytest.raises(InputError, match=r"no box .* add module\.detector=null"):
        WholeImages(unknown, Collage(48, 0.0))


def test_rows_of_pictures_are_in_the_order_of_the_first(garments: Garments) -> None:
    rows = rows_of_images(doubled(garments))
    assert rows[0].tolist() == [0, 1] and rows[1].tolist() == [2]


def test_pipeline_is_tested_by_the_boxes_it_finds(checkpoint: Path, garments: Garments) -> None:
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint)
    some: Any = garments.take(np.arange(6))
    found = measure_whole_images(recogniser, some, "ours")
    assert found is not None and list(found.boxes) == ["ours", "whole image"]
    assert all(int(scores.num_garments.sum()) == 6 for scores in found.boxes.values())
    assert found.boxes["whole image"].mean_iou == pytest.approx(_mean_share(some), abs=0.02)


def _mean_share(garments: Garments) -> float:
    boxes = garments.columns.boxes.clip(0, 48)
    return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).mean() / 48**2)
