"""The console command of a task."""

import sys

import pytest

from voxel_flow.__main__ import COMMANDS, main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["voxel-flow", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_every_command_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]}
    assert listed == {"train", "predict", "evaluate", "export", "publish", "demo", *COMMANDS}


def test_an_unknown_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "interpolate") == 2
    assert "expected one of train" in capsys.readouterr().err


def test_last_is_of_the_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delitem(sys.modules, "vision_shared.publish", raising=False)  # of other tests
    assert call(monkeypatch, "publish", "last", "out") == 2
    assert "no best.ckpt of voxel-flow" in capsys.readouterr().err
