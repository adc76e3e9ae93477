"""Photographs that scikit-image ships: faces against backgrounds, and the astronaut."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from face_attributes.finder import FaceFinder
from face_attributes.localize import fit_threshold
from face_attributes.losses import attribute_loss
from face_attributes.models import build_network
from face_attributes.predict import main
from vision_shared.checkpoints import write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode

photographs = pytest.importorskip("skimage.data", reason="scikit-image has the photographs")

STEPS = 120
SIDE = 25


@pytest.fixture(scope="module")
def crops() -> tuple[Tensor, Tensor]:
    """The 200 grey crops of its lfw_subset, (200, 3, 25, 25), and 1 of a face or -1, (200, 1)."""
    grey = torch.from_numpy(np.array(photographs.lfw_subset())).float()
    labels = torch.cat([torch.ones(100, 1), -torch.ones(100, 1)])
    return grey[:, None].repeat(1, 3, 1, 1), labels


@pytest.fixture(scope="module")
def checkpoint(crops: tuple[Tensor, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LNet that learned whether there is a face from every other crop, in two seconds."""
    images, labels = (each[::2] for each in crops)
    torch.manual_seed(0)
    network: dict[str, Any] = {"name": "lite"}
    net: Any = build_network(num_outputs=1, **network)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for step in range(STEPS):
        rows = torch.randint(0, len(images), (32,))
        top, left = torch.randint(0, 7, (2,)).tolist()
        padded = F.pad(images[rows], (3, 3, 3, 3), mode="reflect")
        batch = padded[:, :, top : top + SIDE, left : left + SIDE].flip([3] if step % 2 else [])
        loss = attribute_loss(net(batch).logits, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("lnet") / "lnet.ckpt"
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={
            **{"attributes": ["Face"], "network": network},
            "localizer": {"score": "contrast", "image_side": 128},
        },
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": "folder", "values": {"size": [SIDE, SIDE], "region": "whole"}},
    )
    return path


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]


def test_faces_are_told_from_backgrounds_by_a_tag_alone(
    crops: tuple[Tensor, Tensor], checkpoint: Path, tmp_path: Path
) -> None:
    images, labels = (each[1::2] for each in crops)
    folder = tmp_path / "crops"
    folder.mkdir()
    for number, image in enumerate(images):
        picture = (image[0] * 255).round().byte().numpy()
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    asked = ["--crop", "whole", "--checkpoint", str(checkpoint), "-o", str(tmp_path / "out")]
    assert main([str(folder), *asked]) == ExitCode.DONE
    found = lines(tmp_path / "out")
    assert [len(line["faces"]) for line in found] == [1] * 100
    said = torch.tensor([line["faces"][0]["attributes"]["Face"] for line in found])
    decision = fit_threshold(said[labels[:, 0] == 1], said[labels[:, 0] == -1])
    assert decision.auc > 0.9


def test_astronaut_goes_through_localisation_and_prediction(
    checkpoint: Path, tmp_path: Path
) -> None:
    photo, out = tmp_path / "astronaut.png", tmp_path / "out"
    picture = photographs.astronaut()
    Image.fromarray(picture).save(photo)
    asked = ["--checkpoint", str(checkpoint), "-o", str(out), "--maps"]
    assert main([str(photo), *asked]) == ExitCode.DONE
    (line,) = lines(out)
    assert line["faces"]
    for face in line["faces"]:
        left, top, right, bottom = face["box"]
        assert 0 <= left < right <= 512 and 0 <= top < bottom <= 512
        assert np.isfinite(face["score"]) and 0 <= face["attributes"]["Face"] <= 1
    scores = [face["score"] for face in line["faces"]]
    assert scores == sorted(scores, reverse=True)
    assert read_image(out / "astronaut_response.png").shape == picture.shape


def test_threshold_decides_about_real_photographs(
    crops: tuple[Tensor, Tensor], checkpoint: Path
) -> None:
    finder = FaceFinder.from_checkpoint(checkpoint)
    assert finder.localizer is not None
    images, labels = crops
    boxes, scores = finder.localizer.best_regions(images)
    assert boxes.shape == (200, 4) and (boxes >= 0).all() and (boxes <= SIDE).all()
    decision = fit_threshold(scores[labels[:, 0] == 1], scores[labels[:, 0] == -1])
    finder.localizer.threshold = decision.threshold
    answers = torch.tensor([len(finder.localizer(image).boxes) > 0 for image in images[::20]])
    assert torch.equal(answers, scores[::20] >= decision.threshold)
