"""The weights that come with the package: small, of this version, and enough to search."""

import json
from pathlib import Path

import pytest

from colour_shop import run
from fashion import index, predict, search
from fashion.data.taxonomy import CATEGORIES
from fashion.weights import SHIPPED
from vision_shared.checkpoints import read_checkpoint
from vision_shared.inputs import ExitCode
from vision_shared.tasks import load_module


def test_shipped_weights_are_small_and_have_a_card() -> None:
    assert SHIPPED.stat().st_size <= 12_000_000
    settings = read_checkpoint(SHIPPED, task="fashion").hyper_parameters
    assert tuple(settings["categories"]) == CATEGORIES and len(settings["attributes"]) >= 40
    card = SHIPPED.with_suffix(".md").read_text()
    assert "Apache-2.0" in card and "ImageNet" in card


def test_own_photos_are_searched_without_any_training(rendered: Path, tmp_path: Path) -> None:
    photos = next(path for path in sorted((rendered / "img" / "WOMEN").rglob("id_*")))
    folder, out = tmp_path / "index", tmp_path / "out"
    assert run(index, "build", photos, "-o", folder, "--whole") == ExitCode.DONE
    photo = sorted(photos.iterdir())[0]
    assert run(search, folder, photo, "-o", out) == ExitCode.DONE
    hits = json.loads((out / f"{photo.stem}.json").read_text())["garments"][0]["hits"]
    assert hits[0]["file"] == str(photo) and hits[0]["similarity"] == pytest.approx(1, abs=1e-3)


def test_predict_says_what_is_in_a_photo(rendered: Path, tmp_path: Path) -> None:
    photo = next((rendered / "img").rglob("shop_01.jpg"))
    assert predict.main([str(photo), "-o", str(tmp_path), "--whole"]) == ExitCode.DONE
    (garment,) = json.loads((tmp_path / f"{photo.stem}.json").read_text())["garments"]
    assert garment["category"] in CATEGORIES and garment["landmarks"] and garment["attributes"]


def test_shipped_weights_are_a_checkpoint_without_what_trained_them() -> None:
    checkpoint = read_checkpoint(SHIPPED)
    module = load_module(checkpoint)  # to evaluate, export and publish it
    assert module.state_dict().keys() > checkpoint.state_dict.keys()
