"""What several tests need: the compose fixture, people rendered once, untrained networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from predicting import ALL, ANET, LITE, write

pytest_plugins = ["vision_shared.testing"]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all data; the first run renders the few people of the smoke run there."""
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture
def lnet(tmp_path: Path) -> Path:
    return write(tmp_path / "lnet.ckpt", LITE, -torch.inf)


@pytest.fixture
def anet(tmp_path: Path) -> Path:
    return write(tmp_path / "anet.ckpt", ANET, None)


@pytest.fixture
def whole_method(tmp_path: Path) -> Path:
    return write(tmp_path / "all.ckpt", ALL, -torch.inf, part="anet")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"
