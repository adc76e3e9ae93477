"""What several tests need: the compose fixture, and portraits that are rendered once."""

from pathlib import Path

import pytest

pytest_plugins = ["vision_shared.testing"]


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all data; the first run renders the few portraits of the smoke run there."""
    return tmp_path_factory.mktemp("rendered")
