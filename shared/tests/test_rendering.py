from pathlib import Path

import pytest

from vision_shared.inputs import InputError
from vision_shared.rendering import nothing_rendered_in, render_once


def test_nothing_is_rendered_into_a_folder_that_a_checkpoint_names(tmp_path: Path) -> None:
    def render(folder: Path) -> None:
        (folder / "0.png").touch()

    theirs, own = tmp_path / "theirs", tmp_path / "own"
    render_once(theirs, "recipe 1", render, 1, "scenes")
    with nothing_rendered_in([theirs, tmp_path / "new"]):
        render_once(theirs, "recipe 1", render, 1, "scenes")
        render_once(own, "recipe 1", render, 1, "scenes")
        for folder, recipe in ((theirs, "recipe 2"), (tmp_path / "new", "recipe 1")):
            with pytest.raises(InputError, match=f"{folder}: does not hold the scenes"):
                render_once(folder, recipe, render, 1, "scenes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "theirs"]
