"""The notebook runs from its first cell to its last."""

from pathlib import Path

from vision_shared.testing import run_notebook

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "face-attributes.ipynb"


def test_notebook_runs() -> None:
    scope = run_notebook(NOTEBOOK)
    assert len(scope["faces"]) == 1
