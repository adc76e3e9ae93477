"""The kernels of region convolution under Triton's interpreter; `test_region_triton` runs this.

Bfloat16 is left out: the interpreter computes with its bits as if they were integers.
"""

import ctypes
import math
import mmap
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from vision_shared.region.kernels import conv_cpu

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs a process with TRITON_INTERPRET=1", allow_module_level=True)
pytest.importorskip("triton")

from vision_shared.region import Region
from vision_shared.region.kernels import conv_triton
from vision_shared.region.kernels.conv import region_conv, region_conv_weight
from vision_shared.region.kernels.conv_triton import Tile, forward_kernel, weight_kernel

# Few large programs: the interpreter's time is per program, whatever its size.
TILE = Tile(rows=64, columns=64, depth=32, warps=4, stages=2, rate=1.0)
forward = partial(conv_triton.forward, tile=TILE)
weight_gradient = partial(conv_triton.weight_gradient, tile=TILE)
CANARY = 12345.0


def random_inputs(
    dtype: torch.dtype, taps: int, num_source: int, num_out: int, channels: int, columns: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return source, table with entries of -1 in it, weight, bias and residual."""
    rng = torch.Generator().manual_seed(0)
    normal = partial(torch.randn, generator=rng, dtype=torch.float64)
    size = taps, num_out
    table = torch.randint(-1, num_source, size, generator=rng, dtype=torch.int32)
    weight = normal(taps, channels, columns) / (taps * channels) ** 0.5
    tensors = normal(num_source, channels), weight, normal(columns), normal(num_out, columns)
    source, weight, bias, residual = (x.to(dtype) for x in tensors)
    return source, table, weight, bias, residual


def tolerance(dtype: torch.dtype) -> float:
    return 20 * torch.finfo(dtype).eps


def assert_close_to_float64(result: Tensor, expected: Tensor) -> None:
    bound = tolerance(result.dtype) * max(1.0, expected.abs().max().item())
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=bound)


def fenced(x: Tensor) -> Tensor:
    """Return a copy of ``x`` that ends where memory ends, for inputs of a kernel.

    To read what lies behind it kills the process; what lies before it is NaN, or the largest
    index.
    """
    size, page = x.numel() * x.element_size(), mmap.PAGESIZE
    end = page * (-(-size // page) + 1)  # a page before it
    memory = mmap.mmap(-1, end + page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    protected = libc.mprotect(ctypes.c_void_p(start + end), ctypes.c_size_t(page), 0) == 0
    assert protected, os.strerror(ctypes.get_errno())
    buffer = torch.frombuffer(memory, dtype=x.dtype, count=end // x.element_size())
    buffer.fill_(torch.nan if x.is_floating_point() else torch.iinfo(x.dtype).max)
    inner = buffer[-x.numel() :].view(x.shape)
    return inner.copy_(x)


def guarded(shape: tuple[int, ...]) -> tuple[Tensor, Callable[[], bool]]:
    """Return a tensor for a kernel's result, and whether what lies around it is intact."""
    margin = 1000
    buffer = torch.full((math.prod(shape) + 2 * margin,), CANARY)

    def intact() -> bool:
        return bool((buffer[:margin] == CANARY).all() and (buffer[-margin:] == CANARY).all())

    return buffer[margin:-margin].view(shape), intact


CASES = pytest.mark.parametrize(
    ("dtype", "taps", "num_source", "num_out", "channels", "columns"),
    [
        (torch.float32, 9, 90, 150, 48, 24),
        (torch.float64, 3, 70, 70, 33, 21),  # rows that start at no multiple of 16 bytes
        (torch.float16, 7, 200, 130, 64, 70),
        (torch.float32, 9, 1, 1, 3, 1),
        (torch.float32, 1, 65, 65, 160, 5),
        (torch.float64, 49, 20, 30, 16, 16),
    ],
)


@CASES
def test_forward_agrees(
    dtype: torch.dtype, taps: int, num_source: int, num_out: int, channels: int, columns: int
) -> None:
    inputs = random_inputs(dtype, taps, num_source, num_out, channels, columns)
    source, table, weight, bias, residual = inputs
    wide = [x.double() for x in (source, weight, bias, residual)]
    expected = conv_cpu.forward(wide[0], table, wide[1], wide[2], wide[3], True)
    assert_close_to_float64(forward(*inputs, True), expected)
    expected = conv_cpu.forward(wide[0], table, wide[1], None, None, False)
    out = forward(source, table, weight, None, None, False)
    assert_close_to_float64(out, expected)
    assert out.dtype == dtype and out.is_contiguous()


@CASES
def test_weight_gradient_agrees(
    dtype: torch.dtype, taps: int, num_source: int, num_out: int, channels: int, columns: int
) -> None:
    inputs = random_inputs(dtype, taps, num_source, num_out, channels, columns)
    source, table, weight, _, grad = inputs
    result = weight_gradient(source, table, grad)
    expected = conv_cpu.weight_gradient(source.double(), table, grad.double())
    assert result.shape == weight.shape
    assert result.dtype == dtype and result.is_contiguous()
    assert_close_to_float64(result, expected)


def test_weight_gradient_of_several_shares_of_rows_agrees() -> None:
    shares = 3
    rows = shares * conv_triton.FEWEST_STEPS * TILE.depth - 5
    source, table, _, _, grad = random_inputs(torch.float32, 2, 50, rows, 16, 16)
    result = weight_gradient(source, table, grad)
    expected = conv_cpu.weight_gradient(source.double(), table, grad.double())
    assert_close_to_float64(result, expected)
    assert torch.equal(weight_gradient(source, table, grad), result)


def test_forward_stays_inside_its_memory() -> None:
    rows, channels, columns = 70, 48, 80
    inputs = random_inputs(torch.float32, 3, 40, rows, channels, columns)
    expected = forward(*inputs, False)
    source, table, weight, bias, residual = inputs
    tensors = source, table, weight.mT.contiguous(), bias, residual
    out, intact = guarded((rows, columns))
    launch: Any = forward_kernel[2 * 2,]
    sizes = rows, len(table), channels, columns
    launch(*map(fenced, tensors), out, *sizes, False, True, "ieee", *TILE[:3])
    assert torch.equal(out, expected)
    assert intact()


def test_weight_gradient_stays_inside_its_memory() -> None:
    rows, channels, columns, share = 70, 48, 80, 64
    inputs = random_inputs(torch.float32, 3, 40, rows, channels, columns)
    source, table, _, _, grad = inputs
    sums, intact = guarded((2, len(table), channels, columns))
    launch: Any = weight_kernel[3 * 2, 2]
    tensors = *map(fenced, (source, table, grad)), sums
    launch(*tensors, rows, len(table), channels, columns, share, "ieee", *TILE[:3])
    expected = conv_cpu.weight_gradient(source.double(), table, grad.double())
    assert_close_to_float64(sums.sum(0), expected)
    assert intact()


def test_missing_rows_read_zeros_and_relu_keeps_nan() -> None:
    source = torch.full((3, 16), torch.nan)
    source[1] = -1
    table = torch.tensor([[-1, 1, 0], [1, -1, 1]], dtype=torch.int32)
    weight = torch.stack([torch.ones(16, 16), -torch.ones(16, 16)])
    out = forward(source, table, weight, None, None, True)
    expected = torch.tensor([16, 0, torch.nan])[:, None].expand(3, 16)
    torch.testing.assert_close(out, expected, equal_nan=True)
    grads = weight_gradient(source, table[1:], torch.ones(3, 16))
    torch.testing.assert_close(grads, torch.full((1, 16, 16), -2.0))


def test_inputs_may_have_any_strides() -> None:
    inputs = random_inputs(torch.float32, 3, 20, 30, 16, 16)
    source, table, weight, bias, residual = inputs
    expected = forward(*inputs, True)
    strided = [x.mT.contiguous().mT for x in (source, table, weight, residual)]
    out = forward(strided[0], strided[1], strided[2], bias, strided[3], True)
    assert torch.equal(out, expected)
    grads = weight_gradient(strided[0], strided[1], torch.ones(()).expand(30, 16))
    assert torch.equal(grads, weight_gradient(source, table, torch.ones(30, 16)))


def test_empty_region_launches_nothing() -> None:
    source, table, weight, bias, residual = random_inputs(torch.float32, 9, 5, 0, 16, 24)
    out = conv_triton.forward(source, table, weight, bias, residual, True)
    assert out.shape == (0, 24)
    grads = conv_triton.weight_gradient(source[:0], table, residual)
    assert torch.equal(grads, torch.zeros_like(weight))


def test_source_without_rows_reads_zeros() -> None:
    source, table, weight, bias, _ = random_inputs(torch.float32, 3, 5, 7, 16, 24)
    out = forward(source[:0], table.fill_(-1), weight, bias, None, False)
    assert torch.equal(out, bias.expand(7, 24))


def register(convolve: Callable[..., Tensor], differentiate: Callable[..., Tensor]) -> None:
    region_conv.register_kernel("cpu")(
        lambda source, table, back_table, *rest: convolve(source, table, *rest)
    )
    region_conv_weight.register_kernel("cpu")(differentiate)


@pytest.fixture
def kernels_as_operators() -> Iterator[None]:
    register(forward, weight_gradient)
    yield
    register(conv_cpu.forward, conv_cpu.weight_gradient)


def test_kernels_fit_the_operators(kernels_as_operators: None) -> None:
    mask = torch.tensor([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=torch.bool)[None]
    region = Region(mask)
    table = region.neighbours((1, 3), (1, 1))
    rows = table.shape[1]
    source, _, weight, bias, residual = random_inputs(torch.float64, 3, rows, rows, 2, 3)

    def convolve(*tensors: Tensor) -> Tensor:
        return region_conv(tensors[0], table, table, *tensors[1:], False)

    leaves = [x.requires_grad_() for x in (source, weight, bias, residual)]
    assert torch.autograd.gradcheck(convolve, leaves, fast_mode=True)


def test_blocks_of_inactive_pixels_are_read_as_on_a_cpu() -> None:
    mask = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(0)) < 0.3
    region = Region(mask, block=3)
    _, _, weight, bias, _ = random_inputs(torch.float32, 9, 4, 4, 16, 24)
    tokens = region.gather(torch.randn(2, 16, 6, 7))
    table = region.neighbours((3, 3), (2, 2))
    expected = conv_cpu.forward(tokens, table, weight, bias, None, True)
    got = forward(tokens, table, weight, bias, None, True)
    assert_close_to_float64(got, expected.double())
