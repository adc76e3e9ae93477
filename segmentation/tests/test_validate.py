"""Precision of classes: measured, recorded, and what is below the least is not predicted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation.data.people import PEOPLE_CLASSES
from segmentation.models import build_network
from segmentation.segmenter import Segmenter
from segmentation.validate import main, measure_precision
from vision_shared.checkpoints import read_checkpoint, write_checkpoint

CLASSES = PEOPLE_CLASSES["parts"]
NETWORK = {
    "name": "cascade",
    "trunk": {"name": "small", "width": 8, "blocks": [1, 1, 1]},
    "head_width": 4,
}


def write(path: Path, **settings: object) -> Path:
    torch.manual_seed(0)
    network = build_network(num_classes=len(CLASSES), **NETWORK)
    palette = [list(colour) for colour in CLASSES.palette]
    classes = {"names": list(CLASSES.names), "palette": palette}
    state = {f"net.{name}": value for name, value in network.state_dict().items()}
    hyper_parameters = {"classes": classes, "network": NETWORK, "inference": None, **settings}
    write_checkpoint(path, task="segmentation", hyper_parameters=hyper_parameters, state_dict=state)
    return path


def test_precision_is_the_share_of_predicted_pixels_that_are_right(tmp_path: Path) -> None:
    segmenter = Segmenter.from_checkpoint(write(tmp_path / "a.ckpt"), "cpu")
    image = torch.rand(2, 3, 32, 32)
    labels = segmenter.network(image).logits.argmax(1)
    first = int(labels.flatten().mode().values)
    mask = torch.full_like(labels, 255)
    mask[0], mask[1] = first, (first + 1) % len(CLASSES)
    precision = measure_precision(segmenter, [{"image": image, "mask": mask}])
    said = (labels == first).sum((1, 2))
    assert precision[CLASSES.names[first]] == pytest.approx(float(said[0] / said.sum()))
    never = set(range(len(CLASSES))) - set(labels.unique().tolist())
    assert all(precision[CLASSES.names[number]] == 0 for number in never)


def test_imprecise_classes_give_way_to_the_next_best(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    said = np.unique(Segmenter.from_checkpoint(write(tmp_path / "a.ckpt"), "cpu")(image).labels)
    worst = CLASSES.names[said[0]]
    precision = {name: 0.2 if name == worst else 0.9 for name in CLASSES.names}
    segmenter = Segmenter.from_checkpoint(write(tmp_path / "b.ckpt", precision=precision), "cpu")
    assert said[0] not in segmenter(image).labels
    assert worst not in segmenter(image).areas(CLASSES)


def test_command_records_precision_and_size(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = write(tmp_path / "a.ckpt")
    data = ["data=people", f"data.root={people}", "data.eval_batch_size=4", "data.num_workers=0"]
    data += [f"data.folder={people}/segmentation/people-smoke", "data.size=32"]
    data += ["data.num_train=16", "data.num_val=4", "data.num_test=4"]
    assert main([str(path), *data, "--long-side", "64"]) == 0
    assert "background" in capsys.readouterr().out
    stored = read_checkpoint(tmp_path / "a-validated.ckpt").hyper_parameters
    assert set(stored["precision"]) == set(CLASSES.names)
    assert Segmenter.from_checkpoint(tmp_path / "a-validated.ckpt").inference.long_side == 64
    assert main([str(path), *data]) == 2
    assert "exists already" in capsys.readouterr().err
