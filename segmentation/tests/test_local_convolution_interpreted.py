"""The kernels under Triton's interpreter; `test_local_convolution_triton` runs this file."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from segmentation.kernels import local_convolution_cpu

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs a process with TRITON_INTERPRET=1", allow_module_level=True)
pytest.importorskip("triton")

from segmentation.kernels import local_convolution_triton
from segmentation.kernels.local_convolution import local_convolution, local_convolution_backward
from segmentation.kernels.local_convolution_triton import differentiate_kernel, filter_kernel

TILE = (8, 16)  # few large programs: the interpreter's time is per program, whatever its size
CANARY = 12345.0


def guarded(x: Tensor, canary: float) -> tuple[Tensor, Callable[[], bool]]:
    """Return a copy of ``x`` inside a larger buffer, and whether what lies around it is intact."""
    margin = 1000
    buffer = x.new_full((x.numel() + 2 * margin,), canary)
    inner = buffer[margin : margin + x.numel()].view(x.shape)
    inner.copy_(x)

    def intact() -> bool:
        outer = torch.cat([buffer[:margin], buffer[-margin:]])
        return bool((outer == canary).all())

    return inner, intact


def random_inputs(
    dtype: torch.dtype, labels: int, channels: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return values, image and weights."""
    torch.manual_seed(0)
    values = torch.rand(2, labels, height, width, dtype=dtype)
    image = torch.rand(2, channels, height, width, dtype=dtype)
    return values, image, torch.tensor([3.0, 0.05], dtype=dtype)


CASES = pytest.mark.parametrize(
    ("dtype", "labels", "channels", "height", "width", "window"),
    [
        (torch.float32, 3, 3, 9, 13, 4),
        (torch.float64, 21, 3, 3, 17, 3),
        (torch.float32, 40, 1, 3, 4, 2),  # more classes than one program takes
        (torch.float32, 2, 3, 1, 5, 18),  # a window larger than the image and a piece
        (torch.float32, 1, 3, 7, 1, 1),
    ],
)
close = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5)


@CASES
def test_forward_agrees_and_stays_inside_its_memory(
    dtype: torch.dtype, labels: int, channels: int, height: int, width: int, window: int
) -> None:
    inputs = random_inputs(dtype, labels, channels, height, width)
    expected = local_convolution_cpu.forward(*inputs, window)
    launched = local_convolution_triton.forward(*inputs, window, tile=TILE)
    close(launched, expected)

    # A read outside brings in NaN, which stays visible; a write outside breaks a canary.
    padded = [guarded(x, torch.nan)[0] for x in inputs]
    outputs = [guarded(torch.zeros_like(x), CANARY) for x in expected]
    launch: Any = filter_kernel[local_convolution_triton.grid(inputs[0], TILE)]
    sizes = labels, height, width, window, (window - 1) // 2, channels, True
    tiles = local_convolution_triton.tile_sizes(inputs[0], window, TILE)
    launch(*padded, *(x for x, _ in outputs), *sizes, *tiles)
    close(tuple(x for x, _ in outputs), launched, rtol=0, atol=0)
    assert all(intact() for _, intact in outputs)


@CASES
def test_backward_agrees_and_stays_inside_its_memory(
    dtype: torch.dtype, labels: int, channels: int, height: int, width: int, window: int
) -> None:
    inputs = random_inputs(dtype, labels, channels, height, width)
    mean, total = local_convolution_cpu.forward(*inputs, window)
    grad = torch.randn_like(mean)
    tensors = grad, *inputs, mean, total
    expected = local_convolution_cpu.backward(*tensors, window, True, True)
    launched = local_convolution_triton.backward(*tensors, window, True, True, tile=TILE)
    close(launched, expected, rtol=1e-4)

    padded = [guarded(x, torch.nan)[0] for x in (grad / total, *inputs, mean)]
    grid = local_convolution_triton.grid(grad, TILE)
    parts, intact = guarded(grad.new_zeros(grid[0] * grid[1] * grid[2], 2), CANARY)
    sizes = labels, height, width, window, (window - 1) // 2, channels
    tiles = local_convolution_triton.tile_sizes(grad, window, TILE)
    launch: Any = differentiate_kernel[grid]
    launch(*padded, parts, *sizes, *tiles)
    close(-parts.sum(0), launched[1], rtol=1e-4)
    assert intact()


def test_gradients_that_nobody_needs_are_not_made() -> None:
    values, image, weights = random_inputs(torch.float32, 2, 3, 4, 5)
    mean, total = local_convolution_cpu.forward(values, image, weights, 3)
    tensors = mean, values, image, weights, mean, total, 3
    for needs in ((False, True), (True, False)):
        grads = local_convolution_triton.backward(*tensors, *needs, tile=TILE)
        assert [x.numel() > 0 for x in grads] == list(needs)


@pytest.fixture
def kernels_as_operators() -> Iterator[None]:
    def forward(*inputs: Any) -> tuple[Tensor, Tensor]:
        return local_convolution_triton.forward(*inputs[:4], tile=TILE)

    def backward(*inputs: Any) -> tuple[Tensor, Tensor]:
        return local_convolution_triton.backward(*inputs[:7], *inputs[8:], tile=TILE)

    local_convolution.register_kernel("cpu")(forward)
    local_convolution_backward.register_kernel("cpu")(backward)
    yield
    local_convolution.register_kernel("cpu")(
        lambda *inputs: local_convolution_cpu.forward(*inputs[:4])
    )
    local_convolution_backward.register_kernel("cpu")(
        lambda *inputs: local_convolution_cpu.backward(*inputs[:7], *inputs[8:])
    )


def test_kernels_fit_the_operators(kernels_as_operators: None) -> None:
    values, image, weights = random_inputs(torch.float64, 2, 1, 3, 4)
    values, image = values[:1], image[:1]

    def run(values: Tensor, weights: Tensor) -> Tensor:
        return local_convolution(values, image, weights, 2, "affinity")[0]

    leaves = values.requires_grad_(), weights.requires_grad_()
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


def test_empty_batch_launches_nothing() -> None:
    values, image, weights = random_inputs(torch.float32, 2, 3, 4, 5)
    mean, total = local_convolution_triton.forward(values[:0], image[:0], weights, 3)
    assert mean.shape == (0, 2, 4, 5)
    assert total.shape == (0, 1, 4, 5)
    tensors = mean, values[:0], image[:0], weights, mean, total
    grads = local_convolution_triton.backward(*tensors, 3, True, True)
    assert grads[0].shape == (0, 2, 4, 5)
    assert (grads[1] == 0).all()
