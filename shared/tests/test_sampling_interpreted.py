"""The sampling kernels under Triton's interpreter; `test_sampling_triton` runs this file."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from vision_shared.kernels import voxel_flow_cpu

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs a process with TRITON_INTERPRET=1", allow_module_level=True)
pytest.importorskip("triton")

from vision_shared.kernels import voxel_flow_triton
from vision_shared.kernels.voxel_flow import voxel_flow, voxel_flow_backward
from vision_shared.kernels.voxel_flow_triton import backward_kernel, forward_kernel
from vision_shared.layers import sample_voxel_flow

TILE = (8, 16)  # few large programs: the interpreter's time is per program, whatever its size
CANARY = 12345.0


def guarded(x: Tensor, canary: float) -> tuple[Tensor, Callable[[], bool]]:
    """Return a copy of ``x`` inside a larger buffer, and whether what lies around it is intact."""
    margin = 1000
    buffer = x.new_full((x.numel() + 2 * margin,), canary)
    inner = buffer[margin : margin + x.numel()].view(x.shape)
    inner.copy_(x)
    outer = torch.cat([buffer[:margin], buffer[-margin:]]).clone()

    def intact() -> bool:
        now = torch.cat([buffer[:margin], buffer[-margin:]])
        return torch.equal(now.nan_to_num(CANARY), outer.nan_to_num(CANARY))

    return inner, intact


def random_inputs(
    dtype: torch.dtype, num_frames: int, channels: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return frames of ``dtype``; flow, weights and offsets of the type computed in."""
    torch.manual_seed(0)
    computed = torch.promote_types(dtype, torch.float32)
    flow = 3 * torch.randn(2, 2, height, width, dtype=computed)
    flow[0, 0, height // 2, width // 2] = torch.nan
    flow[1, 1, 0, 0] = torch.inf
    flow[1, 0, -1, -1] = -1e30
    frames = torch.rand(2, num_frames, channels, height, width).to(dtype)
    weights = torch.rand(2, num_frames, height, width, dtype=computed)
    return frames, flow, weights, torch.randn(2, num_frames, dtype=computed)


def launcher(kernel: Any, height: int, width: int) -> Any:
    return kernel[-(-width // TILE[1]), -(-height // TILE[0]), 2]


CASES = pytest.mark.parametrize(
    ("dtype", "num_frames", "channels", "height", "width"),
    [
        (torch.float32, 2, 3, 10, 13),
        (torch.float64, 3, 2, 8, 16),
        (torch.float16, 2, 1, 5, 33),
        (torch.float32, 1, 3, 1, 7),
        (torch.float32, 2, 1, 9, 1),
    ],
)
close = partial(torch.testing.assert_close, equal_nan=True)


@CASES
def test_forward_agrees_and_stays_inside_its_memory(
    dtype: torch.dtype, num_frames: int, channels: int, height: int, width: int
) -> None:
    inputs = random_inputs(dtype, num_frames, channels, height, width)
    expected, _ = voxel_flow_cpu.forward(*inputs, keep_reads=False)
    launched, _ = voxel_flow_triton.forward(*inputs, keep_reads=False, tile=TILE)
    close(launched, expected, rtol=1e-5, atol=1e-5)

    # A read outside brings in NaN, which stays visible; a write outside breaks a canary.
    padded = [guarded(x, torch.nan)[0] for x in inputs]
    out, intact = guarded(torch.zeros_like(expected), CANARY)
    launch = launcher(forward_kernel, height, width)
    strides = [step for x in padded[:3] for step in x.stride()]
    launch(*padded, out, *strides, height, width, channels, num_frames, *TILE)
    close(out, launched, rtol=0, atol=0)
    assert intact()


@CASES
@pytest.mark.parametrize("need_frames", [False, True])
def test_backward_agrees_and_stays_inside_its_memory(
    dtype: torch.dtype,
    num_frames: int,
    channels: int,
    height: int,
    width: int,
    need_frames: bool,
) -> None:
    frames, flow, weights, offsets = random_inputs(dtype, num_frames, channels, height, width)
    grad = torch.randn(2, channels, height, width).to(dtype)
    tensors = grad, frames, flow, weights, offsets
    needs = need_frames, not need_frames
    expected = voxel_flow_cpu.backward(*tensors, flow.new_empty(0), *needs)
    launched = voxel_flow_triton.backward(*tensors, flow.new_empty(0), *needs, tile=TILE)
    close(launched, expected, rtol=1e-3, atol=2e-4)

    padded = [guarded(x, torch.nan)[0] for x in tensors]
    outputs = [guarded(torch.zeros_like(x, dtype=flow.dtype), CANARY) for x in expected]
    launch = launcher(backward_kernel, height, width)
    grads = [x for x, _ in outputs]
    strides = [step for x in padded[:4] for step in x.stride()]
    launch(*padded, *grads, *strides, height, width, channels, num_frames, *needs, *TILE)
    assert all(intact() for _, intact in outputs)
    for again, once in zip(grads, launched, strict=True):
        close(again.to(once.dtype), once)


def test_slices_and_channels_last_are_read_where_they_lie() -> None:
    frames, flow, weights, offsets = random_inputs(torch.float32, 3, 3, 6, 9)
    grad = torch.randn(2, 3, 6, 9)
    plain: Any = frames[:, 1:], flow, weights[:, 1:], offsets[:, 1:].clone()
    frames, flow, weights, other = (
        x.movedim(-3, -1).contiguous().movedim(-1, -3) for x in (frames, flow, weights, grad)
    )
    strided = frames[:, 1:], flow, weights[:, 1:], plain[3]
    once = [x.stride() for x in strided]
    kernels: Any = voxel_flow_triton
    for first in (0, 1):  # one image of the batch, too
        tensors, same = ([x[first:] for x in each] for each in (strided, plain))
        expected, reads = voxel_flow_cpu.forward(same[0], same[1], same[2], same[3], False)
        close(kernels.forward(*tensors, False, tile=TILE)[0], expected)
        grads = kernels.backward(other[first:], *tensors, reads, True, True, tile=TILE)
        plain_grads: Any = voxel_flow_cpu.backward
        wanted = plain_grads(grad[first:], *same, reads, True, True)
        close(grads, wanted, rtol=1e-3, atol=2e-4)
    assert [x.stride() for x in strided] == once


def test_broken_offset_breaks_its_item_alone() -> None:
    frames, flow, weights, offsets = random_inputs(torch.float32, 2, 1, 4, 5)
    flow = flow.nan_to_num(0, 0, 0)
    offsets[1, 0] = torch.nan
    out, reads = voxel_flow_triton.forward(frames, flow, weights, offsets, False, tile=TILE)
    assert out[0].isfinite().all()
    assert out[1].isnan().all()
    tensors = torch.ones_like(out), frames, flow, weights, offsets, reads
    expected = voxel_flow_cpu.backward(*tensors, need_frames=True, need_weights=True)
    close(voxel_flow_triton.backward(*tensors, True, True, tile=TILE), expected)


@pytest.fixture
def kernels_as_operators() -> Iterator[None]:
    voxel_flow.register_kernel("cpu")(voxel_flow_triton.forward)
    voxel_flow_backward.register_kernel("cpu")(voxel_flow_triton.backward)
    yield
    voxel_flow.register_kernel("cpu")(voxel_flow_cpu.forward)
    voxel_flow_backward.register_kernel("cpu")(voxel_flow_cpu.backward)


def test_kernels_fit_the_operators(kernels_as_operators: None) -> None:
    frames, flow, weights, _ = random_inputs(torch.float64, 2, 1, 2, 3)
    leaves = frames[:1].clone(), torch.full_like(flow[:1], 0.3), weights[:1].clone()

    def sample(*tensors: Tensor) -> Tensor:
        return sample_voxel_flow(*tensors, times=(0, 1), time=0.3)

    assert torch.autograd.gradcheck(sample, [x.requires_grad_() for x in leaves], fast_mode=True)


def test_gradient_of_frames_obeys_deterministic_mode() -> None:
    frames, flow, weights, offsets = random_inputs(torch.float32, 2, 1, 4, 5)
    tensors = torch.rand(2, 1, 4, 5), frames, flow, weights, offsets, flow.new_empty(0)
    torch.use_deterministic_algorithms(True)
    try:
        voxel_flow_triton.backward(*tensors, need_frames=False, need_weights=True, tile=TILE)
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            voxel_flow_triton.backward(*tensors, need_frames=True, need_weights=True, tile=TILE)
        torch.use_deterministic_algorithms(True, warn_only=True)
        with pytest.warns(UserWarning, match="does not have a deterministic implementation"):
            voxel_flow_triton.backward(*tensors, need_frames=True, need_weights=True, tile=TILE)
    finally:
        torch.use_deterministic_algorithms(False)


def test_empty_batch_launches_nothing() -> None:
    frames, flow, weights, offsets = (x[:0] for x in random_inputs(torch.float32, 2, 3, 4, 5))
    out, reads = voxel_flow_triton.forward(frames, flow, weights, offsets, keep_reads=True)
    assert out.shape == (0, 3, 4, 5)
    grads = voxel_flow_triton.backward(out, frames, flow, weights, offsets, reads, True, True)
    assert [x.shape for x in grads] == [x.shape for x in (frames, flow, weights)]
