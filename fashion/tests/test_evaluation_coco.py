"""COCO's average precision, against its own code."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from fashion.evaluation.boxes import BoxResults, score_table

Image = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def images(number: int = 12, num_types: int = 3) -> list[Image]:
    """Garments that are found more or less well, next to false alarms; some images are empty."""
    rng = np.random.default_rng(0)
    made, offset = [], np.array([0, 0, 45, 45])
    for place in range(number):
        truth = rng.uniform(0, 60, (0 if place == 3 else rng.integers(1, 5), 4))
        truth[:, 2:] = truth[:, :2] + rng.uniform(10, 50, (len(truth), 2))
        types = rng.integers(num_types, size=len(truth))
        boxes = np.concatenate([truth + rng.normal(0, 3, truth.shape), truth[:1] + 1])
        boxes = np.concatenate([boxes, rng.uniform(0, 40, (2, 4)) + offset])
        said = np.concatenate([types, types[:1], rng.integers(num_types, size=2)])
        boxes = np.array(boxes[: len(said)], np.float32)
        scores = rng.random(len(said)).round(2)
        parts = (boxes, scores, said, truth.astype(np.float32), types)
        made.append(tuple(torch.from_numpy(np.asarray(part)) for part in parts))
    return made  # type: ignore[return-value]


def coco_figures(made: list[Image], num_types: int = 3) -> list[float]:
    """Average precision of each type, by pycocotools."""
    truth: list[Any] = []
    said: list[Any] = []
    for place, (boxes, scores, kinds, true_boxes, true_types) in enumerate(made, 1):
        for box, kind in zip(true_boxes.tolist(), true_types.tolist(), strict=True):
            width, height = box[2] - box[0], box[3] - box[1]
            one = {"image_id": place, "category_id": kind + 1, "iscrowd": 0, "id": len(truth) + 1}
            truth.append({**one, "bbox": [*box[:2], width, height], "area": width * height})
        for box, score, kind in zip(boxes.tolist(), scores.tolist(), kinds.tolist(), strict=True):
            corner = [*box[:2], box[2] - box[0], box[3] - box[1]]
            one = {"image_id": place, "category_id": kind + 1, "bbox": corner, "score": score}
            said.append(one)
    with contextlib.redirect_stdout(io.StringIO()):
        reference: Any = COCO()
        reference.dataset = {
            "images": [{"id": place} for place in range(1, len(made) + 1)],
            "categories": [{"id": kind + 1} for kind in range(num_types)],
            "annotations": truth,
        }
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(said), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # of every area, 100 boxes an image
    return [float(precision[:, :, kind].mean()) for kind in range(num_types)]


def measured(made: list[Image], num_types: int = 3) -> BoxResults:
    results = BoxResults(num_types)
    for image in made:
        results.update(*image)
    return results


def test_average_precision_is_cocos() -> None:
    made = images()
    ours = measured(made).compute().coco.tolist()
    assert ours == pytest.approx(coco_figures(made), abs=1e-6)
    assert min(ours) > 0.1 and max(ours) < 0.95


def test_types_without_garments_have_no_precision() -> None:
    boxes, scores, types, truth, _ = images(1)[0]
    results = BoxResults(2)
    results.update(boxes, scores, torch.zeros_like(types), truth, torch.zeros(len(truth)).long())
    coco = results.compute().coco
    assert coco[0] > 0 and coco[1].isnan()


def test_scores_promise_what_is_right() -> None:
    scores = measured(images()).compute()
    table = score_table(scores, (0.0, 0.5))
    everything = float(scores.is_garment.double().mean())
    assert table.rows[0][1:3] == [str(len(scores.scores)), f"{everything:.3f}"]
    assert int(table.rows[1][1]) == int((scores.scores >= 0.5).sum())
