"""Sets: the same samples everywhere, in shards that a kill cannot tear, read back as they were."""

import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthetic_people import dataset
from synthetic_people.__main__ import main
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.dataset import Recipe, decode, encode, read_set, render_set, sample

SMALL = Recipe("portraits", 3, size=32, per_identity=2)


def test_a_set_is_read_back_as_it_was_rendered(tmp_path: Path, backgrounds: Backgrounds) -> None:
    folder = render_set(SMALL, tmp_path, workers=1)
    read = list(read_set(folder))
    assert len(read) == SMALL.count
    for index, back in enumerate(read):
        one = sample(SMALL, index, backgrounds)
        for name in ("parts", "person", "garment", "edge"):
            assert np.array_equal(getattr(back, name), getattr(one, name))
        assert np.abs(back.image.astype(int) - one.image).mean() < 4  # JPEG
        assert [p.identity for p in back.people] == [p.identity for p in one.people]
        for mine, theirs in zip(back.people, one.people, strict=True):
            assert mine.attributes == theirs.attributes
            assert mine.face_box == pytest.approx(theirs.face_box) or mine.face_box is None
            assert len(mine.garments) == len(theirs.garments)


def test_motion_keeps_its_flow(backgrounds: Backgrounds) -> None:
    one = sample(Recipe("motion", 1, size=48), 0, backgrounds)
    back = decode(encode(one))
    assert one.flow is not None
    assert back.flow == pytest.approx(one.flow, rel=2e-3, abs=1e-2)
    assert back.occluded is not None
    assert one.occluded is not None
    assert np.array_equal(back.occluded, one.occluded)


def test_what_is_missing_is_rendered_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 1)
    folder = render_set(SMALL, tmp_path, workers=1)
    shards = sorted(folder.glob("shard-*.zip"))
    assert len(shards) == SMALL.count
    before = shards[1].read_bytes()
    shards[1].unlink()
    times = [shards[n].stat().st_mtime_ns for n in (0, 2)]
    render_set(SMALL, tmp_path, workers=1)
    assert shards[1].read_bytes() == before
    assert [shards[n].stat().st_mtime_ns for n in (0, 2)] == times


def test_unfinished_shards_of_ended_processes_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / SMALL.folder_name()
    folder.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    abandoned, ours = (folder / f".shard-00000.zip.{pid}" for pid in (ended.pid, os.getppid()))
    abandoned.touch()
    ours.touch()
    render_set(SMALL, tmp_path, workers=1)
    assert not abandoned.exists()
    assert ours.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "import os\n"
        "from synthetic_people.dataset import _end_with_parent\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPoolExecutor(1, get_context('spawn'), _end_with_parent)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = Path("/proc") / parent.stdout.readline().decode().strip()
        assert worker.exists()
        parent.kill()
    for _ in range(100):
        if not worker.exists():
            return
        time.sleep(0.1)
    raise AssertionError("the worker goes on without its parent")


def test_a_script_without_a_guard_renders_by_several_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from synthetic_people.dataset import Recipe, render_set\n"
        "print('once')\n"
        f"render_set(Recipe('portraits', 65, size=32), Path({str(tmp_path)!r}), workers=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "once\n"
    assert len(list(tmp_path.glob("*/shard-*.zip"))) == 2


def test_another_recipe_is_another_folder() -> None:
    names = {
        Recipe("portraits", 3, size=32).folder_name(),
        Recipe("portraits", 3, size=48).folder_name(),
        Recipe("bodies", 3, size=32).folder_name(),
        Recipe("portraits", 3, size=32, split="test").folder_name(),
    }
    assert len(names) == 4


def test_people_of_splits_differ(backgrounds: Backgrounds) -> None:
    identities = {
        split: {
            person.identity
            for index in range(2)
            for person in sample(
                Recipe("portraits", 2, size=16, split=split), index, Backgrounds(split=split)
            ).people
        }
        for split in ("train", "val")
    }
    assert not identities["train"] & identities["val"]


def test_the_same_in_another_process(tmp_path: Path, backgrounds: Backgrounds) -> None:
    code = (
        "import hashlib\n"
        "from synthetic_people.dataset import Recipe, open_backgrounds, sample\n"
        "recipe = Recipe('bodies', 1, size=32)\n"
        "one = sample(recipe, 5, open_backgrounds(recipe))\n"
        "print(hashlib.sha256(one.image.tobytes() + one.parts.tobytes()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    first = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    one = sample(Recipe("bodies", 1, size=32), 5, backgrounds)
    assert first.strip() == sha256(one.image.tobytes() + one.parts.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "animals"}, "expected a kind of"),
        ({"count": 0}, "expected a count of 1 or more"),
        ({"size": 8}, "expected a size of 16 or more"),
        ({"split": "dev"}, "expected a split of"),
    ],
)
def test_impossible_recipes_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{"kind": "portraits", "count": 1, **values})  # pyrefly: ignore[bad-argument-type]


def test_a_damaged_shard_names_itself(tmp_path: Path) -> None:
    folder = render_set(Recipe("portraits", 1, size=16), tmp_path, workers=1)
    shard = next(folder.glob("shard-*.zip"))
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"shard-00000.*remove it"):
        list(read_set(folder))


def test_show_writes_a_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "sheet.png"
    assert main(["show", str(out), "--portraits", "-n", "2", "--size", "32", "--labels"]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (2 * 128, 64)
    assert "2 portraits" in capsys.readouterr().out


def test_a_folder_without_photographs_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["show", str(tmp_path / "x.png"), "--backgrounds", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "photographs" in error


def test_recipe_lies_beside_the_shards(tmp_path: Path) -> None:
    folder = render_set(Recipe("portraits", 1, size=16, seed=4), tmp_path, workers=1)
    assert json.loads((folder / "recipe.json").read_text())["seed"] == 4
