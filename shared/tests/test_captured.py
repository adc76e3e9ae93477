"""Captured calls, told without a device by a capture that computes once more at each replay."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vision_shared.captured import CapturedCalls
from vision_shared.testing import Captures


def test_what_comes_twice_is_captured_and_answers_are_one_s_own() -> None:
    captures = Captures()
    calls = CapturedCalls(lambda x: x + 1, capture=captures)
    inputs = [torch.full((3,), float(i)) for i in range(4)]
    answers = [calls(x) for x in inputs]
    assert (captures.number, captures.replays) == (1, 3)
    assert all(torch.equal(answer, x + 1) for answer, x in zip(answers, inputs, strict=True))
    calls(torch.zeros(4))  # once: not worth it
    assert captures.number == 1


def test_other_types_and_sizes_have_graphs_of_their_own_and_the_oldest_goes() -> None:
    captures = Captures()
    calls = CapturedCalls(lambda x: x * 2, most=2, capture=captures)
    kinds = [torch.ones(2), torch.ones(3), torch.ones(2, dtype=torch.float64)]
    for x in kinds * 2:
        assert torch.equal(calls(x), x * 2)
    assert captures.number == 3
    calls(kinds[2])
    calls(kinds[0])
    assert captures.number == 4


def test_sizes_share_a_graph_in_the_room_that_they_are_given() -> None:
    captures = Captures()
    calls = CapturedCalls(lambda x: x.cumsum(0), capture=captures)
    for length in (3, 5, 4, 2):
        x = torch.arange(1.0, length + 1)
        assert torch.equal(calls(x, room=[torch.Size([8])])[:length], x.cumsum(0))
    assert captures.number == 1


def test_calls_in_inference_mode_and_outside_of_it_share_a_graph() -> None:
    calls = CapturedCalls(lambda x: x + 1, capture=Captures())
    for inference in (True, True, False):
        with torch.inference_mode(inference):
            x = torch.rand(3)
            assert torch.equal(calls(x), x + 1)


def test_what_cannot_be_captured_is_called_with_one_warning() -> None:
    def fail(run: Callable[[], Any]) -> Any:
        raise RuntimeError("operation not permitted")

    def function(x: Tensor) -> Tensor:
        return x + 1

    calls, x = CapturedCalls(function, capture=fail), torch.rand(3)
    calls(x)
    with pytest.warns(UserWarning, match="a CUDA graph failed: operation not permitted"):
        calls(x)
    assert torch.equal(calls(x), x + 1)
