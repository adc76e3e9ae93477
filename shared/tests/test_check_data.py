from pathlib import Path

import pytest

from vision_shared.check_data import check_data, check_each
from vision_shared.faults import Report
from vision_shared.inputs import InputError
from vision_shared.tables import Table

ROOTS = {"letters": Path("data/letters")}


def letters(data: str, root: Path, report: Report) -> list[Table]:
    """A data set of three letters; ``bad`` ones have faults, ``gone`` is not there."""
    if root.name == "gone":
        raise FileNotFoundError(f"{root}: not found")

    def read(index: int) -> None:
        if root.name == "bad" and index != 1:
            raise InputError(f"{root}/{index}: no letter")

    check_each(data, 3, read, report)
    return [Table("letters", ["", "number"], [[data, "3"]])]


def test_every_fault_is_a_line_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_data(ROOTS, letters, ["letters", "bad", "good"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["bad/0: no letter", "bad/2: no letter"]
    assert "bad: 2 faults" in lines and lines[-1] == "good: no faults"
    assert [line.split() for line in lines].count(["letters", "3"]) == 2


def test_next_root_is_checked_after_one_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check_data(ROOTS, letters, ["letters", "gone", "good"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["gone: not found", "gone: 1 fault"] and lines[-1] == "good: no faults"


def test_root_is_the_usual_one_unless_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_data(ROOTS, letters, ["letters"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "data/letters: no faults"


def test_interrupt_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(data: str, root: Path, report: Report) -> list[Table]:
        raise KeyboardInterrupt

    assert check_data(ROOTS, interrupted, ["letters"]) == 130
    assert capsys.readouterr().err == "check_data: interrupted\n"
