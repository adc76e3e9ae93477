"""What a user does with checkpoints: pictures in, faces out, one line for a mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from face_attributes.finder import FaceFinder
from face_attributes.models import build_network
from face_attributes.predict import main
from vision_shared.checkpoints import CheckpointError, write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode

NAMES = ["Bangs", "Male", "Smiling"]
LITE = {"name": "lite", "channels": [4, 4, 4, 4, 4]}
ANET = {"name": "anet", "patch": [55, 47]}


def write(path: Path, network: dict[str, Any], threshold: float | None) -> Path:
    """A checkpoint of an untrained network; an LNet if there is a threshold."""
    torch.manual_seed(0)
    net: Any = build_network(num_outputs=len(NAMES), **network)
    if threshold is not None:
        net.threshold.fill_(threshold)
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={
            "attributes": NAMES,
            "network": network,
            "localizer": None if threshold is None else {"score": "contrast", "image_side": None},
        },
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": "portraits", "values": {"size": [48, 48], "context": 1.2}},
    )
    return path


@pytest.fixture
def lnet(tmp_path: Path) -> Path:
    return write(tmp_path / "lnet.ckpt", LITE, -torch.inf)


@pytest.fixture
def anet(tmp_path: Path) -> Path:
    return write(tmp_path / "anet.ckpt", ANET, None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def run(checkpoint: Path, *arguments: str | Path) -> int:
    return main([str(a) for a in ("--checkpoint", checkpoint, *arguments)])


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]


def test_picture_becomes_faces_with_attributes_and_maps(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    assert run(lnet, photo, "-o", out, "--maps") == ExitCode.DONE
    (line,) = lines(out)
    expected = FaceFinder.from_checkpoint(lnet)(read_image(photo)).faces
    assert line["file"] == str(photo) and len(line["faces"]) == len(expected) > 0
    for face, found in zip(line["faces"], expected, strict=True):
        assert face["box"] == pytest.approx(found.box, abs=0.01)
        assert face["score"] == found.score
        assert face["attributes"] == pytest.approx(found.attributes, abs=1e-4)
        assert list(face["attributes"]) == NAMES
    assert read_image(out / "photo_response.png").shape == (70, 90, 3)
    height, width, _ = read_image(out / "photo_faces.png").shape
    assert height >= 70 and width > 90  # what is said stands beside the picture
    assert "photo.png: " in capsys.readouterr().out


def test_boxes_are_in_pixels_of_the_picture(lnet: Path) -> None:
    blob = np.zeros((192, 192, 3), np.uint8)
    blob[100:160, 20:70] = 255
    finder = FaceFinder.from_checkpoint(lnet)
    once = finder(blob).faces[0].box
    twice = finder(blob.repeat(2, 0).repeat(2, 1)).faces[0].box
    assert np.array(twice) == pytest.approx(2 * np.array(once), abs=8)


def test_no_face_is_an_answer(tmp_path: Path, photo: Path) -> None:
    strict = write(tmp_path / "strict.ckpt", LITE, 1e9)
    assert run(strict, photo, "-o", tmp_path / "out") == ExitCode.DONE
    assert lines(tmp_path / "out") == [{"file": str(photo), "faces": []}]


def test_anet_describes_what_lnet_finds(
    lnet: Path, anet: Path, photo: Path, tmp_path: Path
) -> None:
    assert run(lnet, photo, "-o", tmp_path / "one") == ExitCode.DONE
    assert run(lnet, photo, "-o", tmp_path / "two", "--anet", anet) == ExitCode.DONE
    one, two = (lines(tmp_path / name)[0]["faces"] for name in ("one", "two"))
    assert [face["box"] for face in one] == [face["box"] for face in two]
    assert one[0]["attributes"] != two[0]["attributes"]


def test_anet_alone_takes_the_whole_picture(anet: Path, photo: Path, tmp_path: Path) -> None:
    assert run(anet, photo, "-o", tmp_path / "out", "--maps") == ExitCode.DONE
    (face,) = lines(tmp_path / "out")[0]["faces"]
    assert face["box"] == [0, 0, 90, 70] and face["score"] is None
    assert not list((tmp_path / "out").glob("*_response.png"))


def test_networks_in_each_others_place_are_refused(lnet: Path, anet: Path) -> None:
    with pytest.raises(CheckpointError, match=r"anet\.ckpt: an ANet, expected the LNet"):
        FaceFinder.from_checkpoint(anet, anet=anet)
    with pytest.raises(CheckpointError, match=r"lnet\.ckpt: an LNet, expected an ANet"):
        FaceFinder.from_checkpoint(lnet, anet=lnet)


@pytest.mark.parametrize(
    ("wanted", "told"), [("Smiling,Bangs", ["Bangs", "Smiling"]), ("-Male", ["Bangs", "Smiling"])]
)
def test_attributes_can_be_chosen(
    lnet: Path, photo: Path, tmp_path: Path, wanted: str, told: list[str]
) -> None:
    assert run(lnet, photo, "-o", tmp_path / "out", f"--attributes={wanted}") == ExitCode.DONE
    assert list(lines(tmp_path / "out")[0]["faces"][0]["attributes"]) == told


def test_unknown_attribute_is_one_line(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = ("-o", tmp_path / "out", "--attributes", "Bald")
    assert run(lnet, photo, *asked) == ExitCode.NOTHING_DONE
    said = capsys.readouterr().err
    assert said == "predict: --attributes: 'Bald' is none of Bangs, Male, Smiling\n"
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_named_skipped_and_counted(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, broken = tmp_path / "out", tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert run(lnet, photo, broken, "-o", out) == ExitCode.PARTLY_DONE
    assert capsys.readouterr().err.splitlines() == [
        f"predict: {broken}: not a picture that can be read",
        "predict: 1 of 2 inputs skipped",
    ]
    assert [line["file"] for line in lines(out)] == [str(photo)]
    assert run(lnet, broken, "-o", tmp_path / "none") == ExitCode.NOTHING_DONE
    assert not (tmp_path / "none").exists()


def test_existing_outputs_are_kept(lnet: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "photo_faces.png").write_text("mine")
    assert run(lnet, photo, "-o", out) == ExitCode.NOTHING_DONE
    assert [path.name for path in out.iterdir()] == ["photo_faces.png"]
    assert (out / "photo_faces.png").read_text() == "mine"
    assert run(lnet, photo, "-o", out, "--overwrite") == ExitCode.DONE


def test_help_imports_nothing_heavy() -> None:
    code = "import face_attributes.predict, sys; print([m for m in ('torch',) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
