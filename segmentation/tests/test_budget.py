"""Time budgets of a cascade: how many cells go on, by a clock that the test turns."""

import pytest
import torch

from segmentation.models.budget import TimeBudget

CELLS = 1000
FIRST, FIXED, EACH, REST = 4.0, (1.0, 2.0), (0.01, 0.02), 0.5  # seconds, by stage


class Machine:
    """A cascade's timing: what each part takes, and a clock that shows it."""

    def __init__(self, budget_seconds: float) -> None:
        self.now = 0.0
        self.speed = 1.0
        self.budget = TimeBudget(budget_seconds, lambda: self.now)

    def image(self, wanted: tuple[float, float]) -> tuple[float, list[int]]:
        """Take an image of which these shares of the cells are uncertain; seconds and cells."""
        began, budget = self.now, self.budget
        confidence = torch.linspace(0, 1, CELLS).view(1, 1, CELLS)
        budget.begin()
        self.now += self.speed * FIRST
        goes_on, counts = torch.ones(1, 1, CELLS, dtype=torch.bool), []
        for stage in (1, 2):
            goes_on = goes_on & (confidence < wanted[stage - 1])
            goes_on = budget.select(stage, confidence, goes_on)
            counts.append(int(goes_on.sum()))
            self.now += self.speed * (FIXED[stage - 1] + counts[-1] * EACH[stage - 1])
            budget.end_stage(stage)
        self.now += self.speed * REST
        budget.end()
        return self.now - began, counts


def test_first_image_is_not_limited_and_later_ones_fit() -> None:
    machine = Machine(20.0)
    seconds, counts = machine.image((0.8, 0.6))
    assert counts == [800, 600] and seconds > 20
    times = [machine.image((0.8, 0.6)) for _ in range(30)]
    assert times[-1][0] == pytest.approx(20.0, rel=0.08)
    assert 300 < times[-1][1][0] < 800


def test_what_fits_goes_on_as_the_threshold_lets() -> None:
    machine = Machine(100.0)
    for _ in range(5):
        _, counts = machine.image((0.8, 0.6))
        assert counts == [800, 600]


def test_the_most_uncertain_cells_go_on() -> None:
    machine = Machine(12.0)
    for _ in range(10):
        machine.image((0.9, 0.9))
    confidence = torch.linspace(1, 0, CELLS).view(1, 1, CELLS)
    machine.budget.begin()
    machine.now += FIRST
    goes_on = machine.budget.select(1, confidence, confidence < 0.9).flatten()
    number = int(goes_on.sum())
    assert 0 < number < 900
    assert goes_on[-number:].all()


def test_a_slower_machine_is_followed() -> None:
    machine = Machine(20.0)
    for _ in range(10):
        machine.image((0.8, 0.6))
    machine.speed = 1.5
    times = [machine.image((0.8, 0.6))[0] for _ in range(30)]
    assert times[0] > 20
    assert times[-1] == pytest.approx(20.0, rel=0.1)


def test_no_time_left_lets_nothing_go_on() -> None:
    machine = Machine(5.0)
    for _ in range(5):
        _, counts = machine.image((0.8, 0.6))
    assert counts == [0, 0]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_budget_without_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="above 0 s"):
        TimeBudget(seconds)
