"""Phases of a training: which one it is, and how fast it learns."""

import pytest

from vision_shared.phases import Phases

TABLE = [
    {"name": "first", "share": 0.75, "learning_rate": 1.0},
    {"name": "second", "share": 0.25, "learning_rate": 0.1},
]


@pytest.mark.parametrize(
    ("progress", "name", "done"),
    [
        (0.0, "first", 0.0),
        (0.3, "first", 0.4),
        (0.75, "second", 0.0),
        (0.8, "second", 0.2),
        (1.0, "second", 1.0),
    ],
)
def test_progress_finds_its_phase(progress: float, name: str, done: float) -> None:
    phase, inside = Phases(TABLE).at(progress)
    assert (phase.name, inside) == (name, pytest.approx(done))


def test_every_phase_starts_at_its_rate_and_falls_to_zero() -> None:
    phases = Phases(TABLE)
    rates = [phases.learning_rate(p, 0.5) for p in (0.0, 0.5625, 0.7499999, 0.75, 1.0)]
    assert rates == [1.0, pytest.approx(0.5), pytest.approx(0, abs=1e-3), 0.1, 0.0]


def test_a_phase_without_a_rate_goes_on_with_the_schedule_before() -> None:
    table = [*TABLE[:1], {"name": "second", "share": 0.25}]
    phases = Phases(table)
    rates = [phases.learning_rate(p, 1.0) for p in (0.0, 0.5, 0.75, 0.9, 1.0)]
    assert rates == pytest.approx([1.0, 0.5, 0.25, 0.1, 0.0])
    assert phases.at(0.8)[0].name == "second"
    with pytest.raises(ValueError, match="learning rate of the first phase"):
        Phases(table[1:] + table[:1])


def test_boundaries_that_no_float_meets_are_met() -> None:
    thirds = [{"name": str(i), "share": 1 / 3, "learning_rate": 1.0} for i in range(3)]
    steps = [int(Phases(thirds).at(step / 300)[0].name) for step in range(300)]
    assert [steps.count(i) for i in range(3)] == [100, 100, 100]


@pytest.mark.parametrize("shares", [[], [0.5], [1.5, -0.5]])
def test_shares_that_are_not_a_whole_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Phases([{"name": "a", "share": share, "learning_rate": 1.0} for share in shares])
