"""The notebook runs from its first cell to its last."""

from pathlib import Path

from vision_shared.testing import run_notebook

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "voxel-flow.ipynb"


def test_notebook_runs() -> None:
    scope = run_notebook(NOTEBOOK)
    assert scope["ours"] > scope["average"] + 3
