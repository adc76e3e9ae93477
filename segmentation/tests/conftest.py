"""What several tests need: the compose fixture, people rendered once, a checkpoint of a cascade."""

from pathlib import Path

import pytest
import torch

from segmentation.data.labels import ClassList
from segmentation.data.people import Recipe
from segmentation.models import build_network
from vision_shared.checkpoints import write_checkpoint
from vision_shared.rendering import render_people

pytest_plugins = ["vision_shared.testing"]

CLASSES = ClassList(("ground", "red", "green"), ((0, 0, 0), (200, 0, 0), (0, 200, 0)))
NETWORK = {
    "name": "cascade",
    "trunk": {"name": "small", "width": 8, "blocks": [1, 1, 1]},
    "rho": 0.4,
    "head_width": 4,
}


RECIPE = Recipe(32, 16, 4, 4, portraits=0.25, without_people=0.1)
"""Of the smoke run, but smaller."""


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all data, with the people of `RECIPE` where the smoke run has its own."""
    root = tmp_path_factory.mktemp("rendered")
    render_people(root / "segmentation/people-smoke", RECIPE, root / "synthetic-people")
    return root


@pytest.fixture
def cascade_checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of an untrained cascade in its cascade step."""
    torch.manual_seed(0)
    network = build_network(num_classes=len(CLASSES), **NETWORK)
    network.begin("cascade")  # type: ignore[operator]
    path = tmp_path / "cascade.ckpt"
    write_checkpoint(
        path,
        task="segmentation",
        hyper_parameters={
            "classes": {
                "names": list(CLASSES.names),
                "palette": [list(colour) for colour in CLASSES.palette],
            },
            "network": NETWORK,
        },
        state_dict={f"net.{name}": value for name, value in network.state_dict().items()},
    )
    return path
