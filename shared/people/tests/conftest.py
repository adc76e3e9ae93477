"""Shared fixtures: photographs that stand behind, and a person."""

import pytest

from mannequins import make_mannequin
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.mannequin import Mannequin


@pytest.fixture(scope="session")
def backgrounds() -> Backgrounds:
    return Backgrounds()


@pytest.fixture(scope="session")
def mannequin() -> Mannequin:
    """Somebody who stands and looks ahead, without a hat or glasses."""
    return make_mannequin(3, "standing")
