"""From a data set's folder to the files that its test server takes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segmentation.data.labels import CITYSCAPES, VOC, ClassList
from segmentation.models import build_network
from segmentation.segmenter import Segmenter
from segmentation.submit import main
from vision_shared.checkpoints import write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    Image.fromarray(noise).save(path)


def write_network(path: Path, classes: ClassList) -> Path:
    torch.manual_seed(0)
    settings = {"name": "fcn", "trunk": {"name": "small", "width": 8, "blocks": [1, 1, 1]}}
    network = build_network(num_classes=len(classes), **settings)
    described = {"names": list(classes.names), "palette": [list(c) for c in classes.palette]}
    write_checkpoint(
        path,
        task="segmentation",
        hyper_parameters={"classes": described, "network": settings},
        state_dict={f"net.{name}": value for name, value in network.state_dict().items()},
    )
    return path


def voc_test(root: Path) -> Path:
    folder = root / "VOCdevkit" / "VOC2012"
    write_picture(folder / "JPEGImages" / "2008_000006.jpg")
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "test.txt").write_text("2008_000006\n")
    return root


def test_voc_results_are_named_as_the_server_wants_them(tmp_path: Path) -> None:
    root, checkpoint = voc_test(tmp_path / "voc"), write_network(tmp_path / "a.ckpt", VOC)
    arguments = ["voc", str(root), "-o", str(tmp_path / "out"), "--checkpoint", str(checkpoint)]
    assert main(arguments) == ExitCode.DONE
    place = tmp_path / "out/results/VOC2012/Segmentation/comp6_test_cls"
    picture = read_image(root / "VOCdevkit/VOC2012/JPEGImages/2008_000006.jpg")
    with Image.open(place / "2008_000006.png") as written:
        assert written.mode == "P"
        expected = Segmenter.from_checkpoint(checkpoint)(picture).labels
        assert np.array_equal(np.asarray(written), expected)
    assert main(arguments) == ExitCode.NOTHING_DONE  # what is there is not replaced


def test_cityscapes_results_have_ids(tmp_path: Path) -> None:
    name = "berlin_000000_000019"
    write_picture(tmp_path / "leftImg8bit" / "test" / "berlin" / f"{name}_leftImg8bit.png")
    checkpoint = write_network(tmp_path / "a.ckpt", CITYSCAPES)
    out = tmp_path / "out"
    arguments = ["cityscapes", str(tmp_path), "-o", str(out), "--checkpoint", str(checkpoint)]
    assert main(arguments) == ExitCode.DONE
    assert [path.name for path in out.iterdir()] == [f"{name}.png"]


def test_network_of_other_classes_is_refused(
    tmp_path: Path, cascade_checkpoint: Path, capsys: pytest.CaptureFixture
) -> None:
    root, out = voc_test(tmp_path / "voc"), tmp_path / "out"
    arguments = ["voc", str(root), "-o", str(out), "--checkpoint", str(cascade_checkpoint)]
    assert main(arguments) == ExitCode.NOTHING_DONE
    assert "expected the 21 classes of the data set, got ground, red" in capsys.readouterr().err
    assert not out.exists()
