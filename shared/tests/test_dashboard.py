"""The start page of runs."""

import json
from pathlib import Path

import pytest

from vision_shared.dashboard import find_runs, main


def make_run(
    folder: Path, *, choices: str = "seed=1", rows: str = "", scores: object = None
) -> None:
    (folder / "csv").mkdir(parents=True)
    (folder / "panels").mkdir()
    command = f"train.py {choices}"
    config = f"task: fashion\nmonitor: val/map\nmode: max\ncommit: abc\ncommand: '{command}'\n"
    (folder / "config.yaml").write_text(config)
    (folder / "csv" / "metrics.csv").write_text(f"epoch,step,val/map,test/map\n{rows}")
    (folder / "panels" / "val items_1.png").write_bytes(b"")
    if scores is not None:
        (folder / "results.json").write_text(json.dumps(scores))


def test_a_run_shows_its_best_value_its_steps_and_its_test(tmp_path: Path) -> None:
    make_run(
        tmp_path / "a" / "b",
        rows="0,9,0.5,\n0,19,,\n1,29,0.25,\n1,30,,0.4\n",
        scores={"test/map": 0.4},
    )
    (run,) = find_runs(tmp_path)
    assert (run.task, run.best, run.step, run.choices) == ("fashion", 0.5, 30, "seed=1")
    assert run.scores == {"test/map": 0.4}
    assert run.commit == "abc"


def test_what_is_no_run_or_damaged_is_left_out(tmp_path: Path) -> None:
    make_run(tmp_path / "good")
    make_run(tmp_path / "cut", rows="0,x,1,\n")
    (tmp_path / "other" / "csv").mkdir(parents=True)
    (tmp_path / "other" / "config.yaml").write_text("{")
    (run,) = find_runs(tmp_path)
    assert run.folder.name == "good"
    assert run.best is None


def test_the_page_shows_files_as_text_and_links_relative(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    make_run(tmp_path / "runs" / "x <b>", choices="tags=[<script>]")
    assert main([str(tmp_path / "runs")]) == 0
    assert "1 runs" in capsys.readouterr().out
    text = (tmp_path / "runs" / "index.html").read_text()
    assert "&lt;script&gt;" in text
    assert "<b>" not in text
    assert 'src="x%20%3Cb%3E/panels/val%20items_1.png"' in text
    assert str(tmp_path) not in text
