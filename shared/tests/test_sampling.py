"""Sampling on the CPU: values, gradients, the border, number types, broken input."""

import subprocess
import sys
from collections.abc import Iterator

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from vision_shared.layers import sample_bilinear, sample_voxel_flow


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def random_inputs(
    batch: int, frames: int, channels: int, height: int, width: int, seed: int = 0, reach: float = 3
) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames, flow of about ``reach`` pixels and weights, float64."""
    rng = torch.Generator().manual_seed(seed)
    size = (batch, frames, channels, height, width)
    return (
        torch.rand(size, generator=rng, dtype=torch.double),
        torch.randn(batch, 2, height, width, generator=rng, dtype=torch.double) * reach,
        torch.rand(batch, frames, height, width, generator=rng, dtype=torch.double),
    )


def read_by_hand(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Read image (C, H, W) at one position, straight from the definition."""
    _, height, width = image.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    east, south = x - left, y - top
    upper = (1 - east) * image[:, top, left] + east * image[:, top, right]
    lower = (1 - east) * image[:, bottom, left] + east * image[:, bottom, right]
    return (1 - south) * upper + south * lower


def pixel_points(batch: int, height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).expand(batch, -1, -1, -1).double()


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    frames=st.integers(1, 3),
    channels=st.integers(1, 2),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    reach=st.sampled_from([0.0, 0.4, 3.0, 1e3, 1e30]),
    time=st.floats(-2, 4),
    seed=st.integers(0, 1000),
)
def test_voxel_flow_matches_a_loop_over_pixels(
    batch: int,
    frames: int,
    channels: int,
    height: int,
    width: int,
    reach: float,
    time: float,
    seed: int,
) -> None:
    inputs = random_inputs(batch, frames, channels, height, width, seed, reach)
    images, flow, weights = (x.numpy() for x in inputs)
    expected = np.zeros((batch, channels, height, width))
    for b, k, y, x in np.ndindex(batch, frames, height, width):
        dx, dy = (k - time) * flow[b, :, y, x]
        expected[b, :, y, x] += weights[b, k, y, x] * read_by_hand(images[b, k], x + dx, y + dy)
    result = sample_voxel_flow(*inputs, times=range(frames), time=time)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    reach=st.sampled_from([2.0, 10.0, 1e6]),
    seed=st.integers(0, 1000),
)
def test_bilinear_matches_a_loop_over_points(
    size: tuple[int, int], reach: float, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 3, *size, generator=rng, dtype=torch.double)
    points = torch.randn(2, 2, 5, 2, generator=rng, dtype=torch.double) * reach
    result = sample_bilinear(image, points)
    assert result.shape == (2, 3, 2, 5)
    for b, i, j in np.ndindex(2, 2, 5):
        expected = read_by_hand(image[b].numpy(), *points[b, i, j].tolist())
        np.testing.assert_allclose(result[b, :, i, j].numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("time", [-1.0, 0.0, 0.25, 2.5])
def test_constant_motion_is_followed_to_any_time(time: float) -> None:
    velocity = torch.tensor([1.5, -0.5])
    points = pixel_points(1, 16, 16).float()
    frames = torch.stack([points @ torch.tensor([2.0, 3.0]) for _ in range(3)], 1)
    shift = velocity @ torch.tensor([2.0, 3.0])
    frames = (frames - shift * torch.arange(3.0).view(1, 3, 1, 1))[:, :, None]
    flow = velocity.view(1, 2, 1, 1).expand(1, 2, 16, 16)
    result = sample_voxel_flow(frames, flow, torch.full((1, 3, 16, 16), 1 / 3), (0, 1, 2), time)
    expected = frames[:, 0] - shift * time
    torch.testing.assert_close(result[..., 6:-6, 6:-6], expected[..., 6:-6, 6:-6])


def test_times_of_each_item_equal_the_items_alone() -> None:
    frames, flow, weights = random_inputs(2, 2, 3, 5, 6)
    times = torch.tensor([[0.0, 1.0], [-1.0, 3.0]])
    time = torch.tensor([0.25, 0.5])
    result = sample_voxel_flow(frames, flow, weights, times, time)
    for b in range(2):
        item = slice(b, b + 1)
        alone = sample_voxel_flow(
            frames[item], flow[item], weights[item], times[b].tolist(), time[b].item()
        )
        torch.testing.assert_close(result[item], alone)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 9), (7, 1), (11, 13), (256, 256), (3, 4096), (2160, 2)]
)
def test_zero_flow_returns_the_frame(size: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(0))
    frames = (image / 255)[:, None]
    result = sample_voxel_flow(frames, torch.zeros(1, 2, *size), torch.ones(1, 1, *size), [0], 0.5)
    torch.testing.assert_close(result, frames[:, 0], rtol=0, atol=2.5e-4)
    assert torch.equal((result * 255).round(), image.float())
    points = pixel_points(1, *size).float()
    torch.testing.assert_close(sample_bilinear(frames[:, 0], points), result, rtol=0, atol=2.5e-4)


def test_gradients_are_those_of_the_values() -> None:
    frames, flow, weights = (x.requires_grad_() for x in random_inputs(1, 3, 2, 4, 5))

    def sample(frames: Tensor, flow: Tensor, weights: Tensor) -> Tensor:
        return sample_voxel_flow(frames, flow, weights, (-1, 0, 1), 0.3)

    assert torch.autograd.gradcheck(sample, (frames, flow, weights))
    assert torch.autograd.gradcheck(sample, (frames.detach(), flow, weights))
    assert torch.autograd.gradcheck(sample, (frames, flow, weights.detach()))
    points = (pixel_points(1, 4, 5) + flow.detach().permute(0, 2, 3, 1)).requires_grad_()
    assert torch.autograd.gradcheck(sample_bilinear, (frames[:, 0], points))


def test_outside_reads_the_border_and_moving_changes_nothing() -> None:
    frames, flow, weights = random_inputs(1, 1, 1, 5, 6)
    flow = torch.full_like(flow, 100.0).requires_grad_()
    result = sample_voxel_flow(frames, flow, torch.ones_like(weights), [1], 0)
    assert torch.equal(result, frames[:, 0, :, -1:, -1:].expand_as(result))
    result.sum().backward()
    assert flow.grad is not None
    assert not flow.grad.any()


@pytest.mark.parametrize("height", [2, 7, 12])
def test_number_of_threads_does_not_change_the_result(height: int, threads: None) -> None:
    inputs = [x.requires_grad_() for x in random_inputs(2, 2, 3, height, 9)]
    results = []
    for count in (1, 3, 5, 6):
        torch.set_num_threads(count)
        result = sample_voxel_flow(*inputs, times=(0, 1), time=0.4)
        results.append((result, *torch.autograd.grad(result.square().sum(), inputs)))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], rtol=1e-12, atol=1e-12)


def test_large_batch_equals_its_items(threads: None) -> None:
    torch.set_num_threads(1)
    inputs = [x.requires_grad_() for x in random_inputs(3, 2, 1, 500, 600)]
    result = sample_voxel_flow(*inputs, times=(0, 1), time=0.4)
    grads = torch.autograd.grad(result.square().sum(), inputs)
    for b in range(3):
        items = [x.detach()[b : b + 1].requires_grad_() for x in inputs]
        item = sample_voxel_flow(*items, times=(0, 1), time=0.4)
        assert torch.equal(item[0], result[b])
        for alone, grad in zip(torch.autograd.grad(item.square().sum(), items), grads, strict=True):
            assert torch.equal(alone[0], grad[b])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_frames_keep_their_type_and_positions_their_precision(dtype: torch.dtype) -> None:
    frames, flow, weights = random_inputs(2, 2, 3, 20, 30)
    frames = frames.to(dtype).requires_grad_()
    flow, weights = flow.float().requires_grad_(), weights.float().requires_grad_()
    exact = sample_voxel_flow(frames.double(), flow, weights, (0, 1), 0.5)
    result = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
    assert (result.dtype, exact.dtype) == (dtype, torch.float64)
    torch.testing.assert_close(
        result, exact.to(dtype), rtol=2e-5, atol=2e-5 + torch.finfo(dtype).eps
    )
    grads = torch.autograd.grad(result.float().sum(), (frames, flow, weights))
    assert [x.dtype for x in grads] == [dtype, torch.float32, torch.float32]
    assert sample_bilinear(frames[:, 0], flow.permute(0, 2, 3, 1)).dtype == dtype


def test_autocast_computes_in_float32() -> None:
    frames, flow, weights = (x.float() for x in random_inputs(1, 2, 3, 8, 9))
    flow, weights = flow.bfloat16().requires_grad_(), weights.bfloat16().requires_grad_()
    expected = sample_voxel_flow(frames, flow.float(), weights.float(), (0, 1), 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        result = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
        assert torch.equal(result, expected)
        assert sample_bilinear(frames[:, 0], flow.permute(0, 2, 3, 1)).dtype == torch.float32
    result.sum().backward()
    assert flow.grad is not None
    assert flow.grad.dtype == torch.bfloat16


def test_whatever_is_float64_makes_all_of_it_float64() -> None:
    image = torch.rand(1, 2, 3, 4001, generator=torch.Generator().manual_seed(0)).double() / 3
    points = torch.tensor([[[[3000.3, 1.7], [17.1, 0.2]]]], dtype=torch.double)
    exact = sample_bilinear(image, points)
    torch.testing.assert_close(
        sample_bilinear(image.float(), points), exact.float(), rtol=0, atol=1e-7
    )
    rounded = points.float()
    expected = sample_bilinear(image, rounded.double())
    torch.testing.assert_close(sample_bilinear(image, rounded), expected, rtol=0, atol=1e-12)
    frames, flow, weights = (x.float() for x in random_inputs(1, 2, 3, 8, 900, reach=300))
    expected = sample_voxel_flow(frames.double(), flow.double(), weights.double(), (0, 1), 0.3)
    for chosen in range(3):
        inputs = [frames, flow, weights]
        inputs[chosen] = inputs[chosen].double()
        result = sample_voxel_flow(*inputs, times=(0, 1), time=0.3)
        torch.testing.assert_close(result, expected.to(result.dtype), rtol=0, atol=1e-7)


def test_half_precision_points_are_positions_too() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    points = torch.tensor([[[[0.5, 1.0], [2.25, 0.5]]]])
    assert torch.equal(sample_bilinear(image, points.half()), sample_bilinear(image, points))


def test_broken_points_read_nan_and_the_farthest_the_border() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    values = [torch.nan, torch.inf, -torch.inf]
    points = torch.tensor([[[[value, 1.0] for value in values], [[1.0, v] for v in values]]])
    assert sample_bilinear(image, points).isnan().all()
    far = torch.finfo(torch.float32).max
    points = torch.tensor([[[[far, far], [-far, -far]]]], requires_grad=True)
    result = sample_bilinear(image, points)
    assert result.flatten().tolist() == [11, 0]
    result.sum().backward()
    assert points.grad is not None and not points.grad.any()


BROKEN_FLOW = """
import math, sys, torch
from vision_shared.layers import sample_bilinear, sample_voxel_flow
assert "triton" not in sys.modules  # a CPU needs none of it, and it takes its time

def compare(sample, good, bad, where):
    # `bad` differs from `good` at pixel [where] alone: so must everything made from it
    def run(position):
        image, position = image0.clone().requires_grad_(), position.clone().requires_grad_()
        out = sample(image, position)
        keep = torch.ones_like(out)
        keep[..., where[0], where[1]] = 0
        loss = torch.where(keep > 0, out, 0).square().sum()
        return out, *torch.autograd.grad(loss, (image, position)), keep > 0
    expected, image_grad, grad, keep = run(good)
    out, bad_image_grad, bad_grad, _ = run(bad)
    assert out[~keep].isnan().all() and torch.equal(out[keep], expected[keep])
    torch.testing.assert_close(bad_image_grad, image_grad)
    at = torch.zeros(8, 9, dtype=torch.bool)
    at[where] = True
    at = at[..., None].expand(good.shape) if good.shape[-1] == 2 else at.expand(good.shape)
    assert torch.equal(bad_grad[~at], grad[~at])

torch.manual_seed(0)
for threads in (1, 3):
    torch.set_num_threads(threads)
    for value in (math.nan, math.inf, -math.inf):
        for dtype in (torch.float32, torch.float64):
            image0 = torch.rand(1, 2, 3, 8, 9, dtype=dtype)
            good = torch.randn(1, 2, 8, 9, dtype=dtype)
            bad = good.clone()
            bad[0, 1, 4, 5] = value
            weights = torch.rand(1, 2, 8, 9, dtype=dtype)
            flow_sample = lambda i, p: sample_voxel_flow(i, p, weights, (0, 1), 0.5)
            compare(flow_sample, good, bad, (4, 5))
            image0 = image0[:, 0]
            compare(sample_bilinear, *(4 + x.permute(0, 2, 3, 1) for x in (good, bad)), (4, 5))
    flow = torch.full((2, 2, 8, 9), math.nan, requires_grad=True)
    frames = torch.rand(2, 2, 3, 8, 9, requires_grad=True)
    weights = torch.rand(2, 2, 8, 9, requires_grad=True)
    out = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
    grads = torch.autograd.grad(out.sum(), (frames, flow, weights))
    assert not grads[0].any() and grads[1].isnan().all() and grads[2].isnan().all()
    sample_voxel_flow(frames, flow, weights, (0, math.nan), 0.5).sum().backward()
print("survived")
"""


def test_broken_flow_is_visible_and_harms_nothing_else() -> None:
    # In a process of its own: without care PyTorch's backward ends it by a segmentation fault.
    done = subprocess.run([sys.executable, "-c", BROKEN_FLOW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "survived"


def test_broken_weight_stays_at_its_pixel() -> None:
    frames, flow, weights = random_inputs(1, 2, 3, 5, 6)
    weights[0, 1, 2, 3] = torch.nan
    result = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
    assert result[..., 2, 3].isnan().all()
    assert result.isnan().sum() == 3


def test_empty_batch_gives_an_empty_batch() -> None:
    frames, flow, weights = (x.requires_grad_() for x in random_inputs(0, 2, 3, 5, 6))
    result = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
    assert result.shape == (0, 3, 5, 6)
    result.sum().backward()
    assert sample_bilinear(frames[:, 0], flow.permute(0, 2, 3, 1)).shape == (0, 3, 5, 6)


ZERO = {
    "frames": torch.zeros(2, 3, 1, 4, 5),
    "flow": torch.zeros(2, 2, 4, 5),
    "weights": torch.zeros(2, 3, 4, 5),
    "times": (0, 1, 2),
    "time": 0.5,
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": torch.zeros(2, 3, 4, 5)}, r"frames \(B, K, C, H, W\).* got \(2, 3, 4, 5\)"),
        ({"frames": torch.zeros(2, 0, 1, 4, 5)}, r"frames .* got \(2, 0, 1, 4, 5\)"),
        (
            {"frames": torch.zeros(2, 3, 1, 4, 5).byte()},
            r"frames .* floating point, got torch.uint8",
        ),
        ({"flow": torch.zeros(2, 2, 4, 6)}, r"flow .* \(2, 2, 4, 5\), got \(2, 2, 4, 6\)"),
        ({"flow": torch.zeros(2, 2, 4, 5).int()}, r"flow .* floating point, got torch.int32"),
        ({"flow": torch.zeros(2, 2, 4, 5, device="meta")}, r"flow .* on cpu, got meta"),
        ({"weights": torch.zeros(2, 1, 4, 5)}, r"weights .* \(2, 3, 4, 5\), got \(2, 1, 4, 5\)"),
        ({"weights": torch.zeros(2, 3, 4, 5, device="meta")}, r"weights .* on cpu, got meta"),
        ({"times": (0, 1)}, r"K = 3 frames, got \(0, 1\)"),
        ({"times": torch.zeros(3, 2)}, r"times .* \(2, 3\), got \(3, 2\)"),
        ({"times": torch.zeros(4)}, r"times .* \(3\), got \(4,\)"),
        ({"times": torch.zeros(3, device="meta")}, r"times .* on cpu, got meta"),
        ({"time": torch.zeros(3)}, r"time.* \(2\), got \(3,\)"),
        ({"time": torch.zeros(2, device="meta")}, r"time.* on cpu, got meta"),
    ],
)
def test_voxel_flow_names_what_does_not_fit(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_voxel_flow(**(ZERO | changed))  # pyrefly: ignore


@pytest.mark.parametrize(
    ("image", "points", "message"),
    [
        (torch.zeros(1, 2, 3), torch.zeros(1, 1, 1, 2), r"image .* got \(1, 2, 3\)"),
        (torch.zeros(1, 2, 0, 3), torch.zeros(1, 1, 1, 2), r"image .* got \(1, 2, 0, 3\)"),
        (
            torch.zeros(2, 1, 3, 3),
            torch.zeros(1, 1, 1, 2),
            r"points .* sizes \(2, >0, >0, 2\), got \(1, 1, 1, 2\)",
        ),
        (torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 1, 3), r"points .* got \(1, 1, 1, 3\)"),
        (torch.zeros(1, 1, 3, 3).int(), torch.zeros(1, 1, 1, 2), r"image .* got torch.int32"),
        (torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 1, 2).long(), r"points .* got torch.int64"),
        (torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 1, 2, device="meta"), r"points .* got meta"),
    ],
)
def test_bilinear_names_what_does_not_fit(image: Tensor, points: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_bilinear(image, points)
