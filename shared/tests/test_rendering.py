import subprocess
import sys
from pathlib import Path

import pytest

from vision_shared.inputs import InputError
from vision_shared.rendering import nothing_rendered_in, render_once

RENDER = """
import sys, time
from pathlib import Path
from vision_shared.inputs import InputError
from vision_shared.rendering import render_once

folder, recipe = Path(sys.argv[1]), sys.argv[2]

def render(new):
    with (folder.parent / "renders").open("a") as log:
        log.write(recipe + "\\n")
    (new / "1.png").write_text(recipe)
    time.sleep(0.5)

try:
    render_once(folder, recipe, render, 1, "scenes")
except InputError as error:
    sys.exit(f"{error}")
print("ready", flush=True)
sys.stdin.read()
assert (folder / "1.png").read_text() == recipe
"""


def start(folder: Path, recipe: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RENDER, str(folder), recipe],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_of_two_that_render_at_once_one_waits_for_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    processes = [start(folder, "red") for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert (tmp_path / "renders").read_text() == "red\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "renders"]


def test_data_in_use_is_not_replaced_by_other_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    reader = start(folder, "red")
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    with pytest.raises(InputError, match="another recipe that another process reads"):
        render_once(folder, "blue", lambda new: None, 1, "scenes")
    _, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    for recipe in ("blue", "green"):  # nobody but this process reads it now
        render_once(folder, recipe, lambda new: None, 1, "scenes")
    assert [path.name for path in folder.iterdir()] == ["recipe.json"]
    assert list(tmp_path.glob(".*")) == []


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
