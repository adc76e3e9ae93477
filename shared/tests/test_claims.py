import argparse
import sys
from pathlib import Path

import pytest

from vision_shared.claims import mean_and_interval, run_claim
from vision_shared.tables import Table


def test_interval_is_students() -> None:  # scipy.stats.t.interval(0.95, n - 1, mean, sem)
    assert mean_and_interval([1.0, 2.0, 6.0], 3) == "3.000 +- 6.573 (1.000-6.000)"
    assert mean_and_interval([float(i) for i in range(10)]) == "4.50 +- 2.17 (0.00-9.00)"


def test_interval_of_one_value_is_left_out() -> None:
    assert mean_and_interval([1.25], 1) == "1.2"


def test_all_claims_run_in_their_order_and_each_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def claim(name: str) -> list[Table]:
        print("runs", name)
        return [Table(name, ["", "value"], [["ours", name]], "")]

    def second(options: argparse.Namespace) -> list[Table]:
        return claim("second")

    def first(options: argparse.Namespace) -> list[Table]:
        return claim("first")

    monkeypatch.setattr(sys, "argv", ["claims.py", "all", "--runs", str(tmp_path)])
    run_claim("", {"second": second, "first": first})
    printed = capsys.readouterr().out
    assert printed.index("runs second") < printed.index("runs first")
    assert "| ours | first |" in (tmp_path / "all" / "first.md").read_text()
    assert "| ours | second |" in (tmp_path / "all" / "second.md").read_text()
