"""What several tests need: the compose fixture, and people that are rendered once."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from colour_shop import COLOURS, DRESS, TEE, photo, run
from fashion import index
from fashion.data.people.recipe import Recipe
from fashion.models import build_pipeline
from vision_shared.checkpoints import write_checkpoint
from vision_shared.inputs import ExitCode
from vision_shared.rendering import render_people

pytest_plugins = ["vision_shared.testing"]

RENDER: dict[str, Any] = {
    "side": 48,
    "items": [4, 2, 2],
    "portraits": [2, 1, 1],
    "backgrounds": 2,
    "missing": 0.5,
    "swapped": 0.05,
    "seed": 0,
}


@pytest.fixture(scope="session")
def render() -> dict[str, Any]:
    """The recipe of the people of tests."""
    return RENDER


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic people, rendered once for all processes; not to be changed."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / "rendered" / "fashion" / "people"
    render_people(folder, Recipe(**RENDER), root / "rendered" / "people")
    return folder


CATEGORIES, ATTRIBUTES = ["Tee", "Skirt", "Dress"], ["red", "striped"]
TRUNK = {"name": "small", "channels": [4, 8, 8, 8], "branch": 8, "grid": 2}
NETWORKS: dict[str, dict[str, Any]] = {
    "fashionnet": {
        "name": "fashionnet",
        "trunk": TRUNK,
        **dict.fromkeys(("pose_width", "local_width", "global_width", "fusion_width"), 16),
        "embedding_width": 8,
        "region": 4,
        "bins": 2,
    },
    "dfa": {"name": "dfa", "trunk": TRUNK, "num_labels": 3, "width": 16, "previous_width": 8},
}
DETECTOR = {"trunk": TRUNK, "size": 48, "width": 32, "num_convs": 1, "min_score": 0.0}


def make_checkpoint(path: Path, name: str = "fashionnet", *, finds: bool = True) -> Path:
    """Write a checkpoint of networks that have not learned anything but to say (0.5, 0.5)."""
    torch.manual_seed(0)
    settings = {"network": NETWORKS[name], "detector": DETECTOR if finds else None}
    network = build_pipeline(len(CATEGORIES), len(ATTRIBUTES), **settings)
    weights = {f"net.{key}": value for key, value in network.state_dict().items()}
    for key, value in weights.items():
        if key.endswith(("landmarks.weight", "change.weight")):
            value.zero_()
    framing = {"region": "box", "context": 1.2, "size": [32, 24]}
    words = {"categories": CATEGORIES, "attributes": ATTRIBUTES}
    write_checkpoint(
        path,
        task="fashion",
        hyper_parameters={**words, **settings, "framing": framing},
        state_dict=weights,
    )
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small FashionNet with a detector, not trained."""
    return make_checkpoint(tmp_path / "fashionnet.ckpt")


@pytest.fixture
def plain_checkpoint(tmp_path: Path) -> Path:
    """A small FashionNet without a detector, not trained."""
    return make_checkpoint(tmp_path / "plain.ckpt", finds=False)


@pytest.fixture
def cascade_checkpoint(tmp_path: Path) -> Path:
    """A small DFA without a detector, not trained."""
    return make_checkpoint(tmp_path / "dfa.ckpt", "dfa", finds=False)


@pytest.fixture
def colour_checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(
        tmp_path / "net.ckpt",
        task="fashion",
        hyper_parameters={"network": {"name": "lite"}},
        state_dict={"net.weight": torch.ones(3)},
    )
    return tmp_path / "net.ckpt"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    for colour in COLOURS:
        photo(folder / f"id_{colour}" / "front.png", (colour, TEE))
    photo(folder / "both.png", ("red", DRESS), ("blue", TEE))
    return folder


@pytest.fixture
def built(colour_checkpoint: Path, shop: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    assert (
        run(index, "build", "--checkpoint", colour_checkpoint, shop, "-o", folder) == ExitCode.DONE
    )
    return folder
