"""The page, without gradio: what it shows of a photograph's faces."""

from pathlib import Path

from face_attributes.demo import describe
from face_attributes.finder import FaceFinder
from predicting import NAMES, blob


def test_faces_are_rows_of_probabilities(whole_method: Path) -> None:
    finder = FaceFinder.from_checkpoint(whole_method, device="cpu")
    answer = describe(finder, blob())
    assert answer.columns == ["face", "score", *(f"{name}, %" for name in NAMES)]
    assert len(answer.table) >= 1
    assert all(0 <= percent <= 100 for row in answer.table for percent in row[2:])
    assert answer.response is not None
    assert answer.faces.shape == answer.response.shape == blob().shape


def test_faces_below_the_min_score_are_not_shown(whole_method: Path) -> None:
    finder = FaceFinder.from_checkpoint(whole_method, device="cpu")
    assert describe(finder, blob(), 1e9).table == []
