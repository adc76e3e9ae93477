"""Some of the hostile files of shared/benchmarks/soak, through the commands that take them."""

from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "shared" / "benchmarks" / "soak"
CHOSEN = (
    "a value that is called",
    "values that are a call",
    "a value from the environment",
    "a choice outside of the package",
    "an instantiator",
    "a network of another name",
    "no format",
    "a state dict that is a list",
    "a pickled call in a checkpoint",
    "JSON nested 10,000 deep",
)


def test_hostile_checkpoints_are_refused_in_a_line_and_call_write_and_tell_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(SOAK)
    monkeypatch.setenv("HOSTILE_SECRET", "")  # so that it is gone afterwards
    import hostile

    commands = ("evaluate", "predict", "export", "export weights")
    outcomes = list(
        hostile.run(tmp_path, ["voxel-flow"], commands, lambda case: case.name.startswith(CHOSEN))
    )
    assert len(outcomes) >= 4 * 12
    assert [outcome for outcome in outcomes if outcome[2].faults] == []


def test_training_state_that_cannot_be_restored_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(SOAK)
    monkeypatch.setenv("HOSTILE_SECRET", "")
    import hostile

    chosen = "a network of another name"  # whose loops are empty
    outcomes = hostile.run(
        tmp_path, ["voxel-flow"], ["resume"], lambda case: case.name.startswith(chosen)
    )
    lines = {case.path.suffix: outcome.line for case, _, outcome in outcomes}
    assert "cannot be resumed from: no 'fit_loop'" in lines[".ckpt"]
    assert "weights alone" in lines[".safetensors"]
