"""The local convolution on the CPU: values, gradients, memory, and PyTorch's machinery."""

import itertools
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim, export
from torch.library import opcheck

from segmentation.kernels.local_convolution import local_convolution as operator
from segmentation.kernels.local_convolution import local_convolution_backward
from segmentation.models.local_convolution import (
    READINGS,
    LocalConvolution,
    Reading,
    local_convolution,
)

READING = pytest.mark.parametrize("reading", READINGS)


def inputs(
    size: tuple[int, int] = (9, 13),
    labels: int = 3,
    batch: int = 2,
    dtype: torch.dtype = torch.double,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return probabilities, image and weights."""
    rng = torch.Generator().manual_seed(0)
    probabilities = torch.rand(batch, labels, *size, generator=rng, dtype=torch.double)
    image = torch.rand(batch, 3, *size, generator=rng, dtype=torch.double)
    weights = torch.tensor([4.0, 0.05], dtype=dtype, requires_grad=True)
    return probabilities.to(dtype).requires_grad_(), image.to(dtype), weights


def filter_by_hand(p: Tensor, image: Tensor, weights: Tensor, window: int, reading: str) -> Tensor:
    """Go from position to position, and from neighbour to neighbour."""
    before, (height, width) = (window - 1) // 2, p.shape[-2:]
    out = []
    for y, x in itertools.product(range(height), range(width)):
        rows = range(max(0, y - before), min(height, y - before + window))
        columns = range(max(0, x - before), min(width, x - before + window))
        total, count = torch.zeros_like(p[..., y, x]), torch.zeros_like(p[:, :1, y, x])
        for i, j in itertools.product(rows, columns):
            colour = (image[..., i, j] - image[..., y, x]).square().sum(1, keepdim=True)
            distance = weights[0] * colour + weights[1] * ((i - y) ** 2 + (j - x) ** 2)
            share = torch.exp(-distance) if reading == "affinity" else distance
            total = total + share * p[..., i, j]
            count = count + (share if reading == "affinity" else 1)
        out.append(total / count)
    return torch.stack(out, -1).view_as(p)


@READING
@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 11),
    width=st.integers(1, 19),
    window=st.integers(1, 9),
    labels=st.integers(1, 3),
)
def test_values_are_those_of_the_obvious_loop(
    reading: Reading, height: int, width: int, window: int, labels: int
) -> None:
    with torch.no_grad():
        p, image, weights = inputs((height, width), labels, batch=1)
        expected = filter_by_hand(p, image, weights, window, reading)
        result = local_convolution(p, image, weights, window, reading)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


@READING
def test_gradients_are_those_of_the_obvious_loop(reading: Reading) -> None:
    p, image, weights = inputs((6, 10))
    grad = torch.rand_like(p)
    expected = filter_by_hand(p, image, weights, 4, reading)
    result = local_convolution(p, image, weights, 4, reading)
    torch.testing.assert_close(
        torch.autograd.grad(result, (p, weights), grad),
        torch.autograd.grad(expected, (p, weights), grad),
    )


@READING
@pytest.mark.parametrize("window", [3, 6])
def test_gradients_are_those_of_the_values(reading: Reading, window: int) -> None:
    p, image, weights = inputs((5, 9), labels=2)

    def run(p: Tensor, weights: Tensor) -> Tensor:
        return local_convolution(p, image, weights, window, reading)

    assert torch.autograd.gradcheck(run, (p, weights), fast_mode=True)


@READING
def test_single_precision_is_as_good_as_it_gets(reading: Reading) -> None:
    p, image, _ = inputs((40, 40), labels=21, batch=1)
    weights = torch.tensor([50.0, 0.0032], dtype=torch.double)
    exact = local_convolution(p, image, weights, 50, reading)
    single = local_convolution(p.float(), image.float(), weights.float(), 50, reading)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-5, atol=1e-6)


def test_even_window_reaches_further_down_and_right() -> None:
    p = torch.zeros(1, 1, 9, 9)
    p[..., 4, 4] = 1
    seen = local_convolution(p, torch.zeros(1, 3, 9, 9), torch.tensor([1.0, 1e-3]), 4)[0, 0]
    rows, columns = (seen > 1e-6).nonzero().unbind(1)
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5}


def test_affinity_averages_along_the_objects() -> None:
    image = torch.zeros(1, 3, 8, 16)
    image[..., 8:] = 1
    p = torch.rand(1, 2, 8, 16)
    averaged = local_convolution(p, image, torch.tensor([500.0, 1e-6]), 40)
    for half in (slice(0, 8), slice(8, 16)):
        mean = p[..., half].mean((2, 3), keepdim=True).expand(-1, -1, 8, 8)
        torch.testing.assert_close(averaged[..., half], mean, rtol=1e-3, atol=0)
    ones = local_convolution(torch.ones(1, 1, 8, 16), image, torch.tensor([3.0, 0.01]), 7)
    torch.testing.assert_close(ones, torch.ones(1, 1, 8, 16))


def test_distance_is_large_where_unlike_pixels_have_the_class() -> None:
    image = torch.zeros(1, 3, 8, 16)
    image[..., 8:] = 1
    left = (image[:, :1] == 0).float()
    far = local_convolution(left, image, torch.tensor([1.0, 0.0]), 40, "distance")
    assert (far[..., :8] == 0).all()
    torch.testing.assert_close(far[..., 8:], torch.full((1, 1, 8, 8), 1.5))  # 3, of half of them


@READING
def test_module_learns_both_weights(reading: Reading) -> None:
    p, image, _ = inputs(dtype=torch.float32)
    layer = LocalConvolution(5, reading, colour=4.0, space=0.05)
    torch.testing.assert_close(layer.weights, torch.tensor([4.0, 0.05]))
    layer(p, image).square().sum().backward()
    assert layer.log_weights.grad is not None
    assert layer.log_weights.grad.abs().min() > 0


@READING
def test_mixed_precision_computes_in_single(reading: Reading) -> None:
    p, image, weights = inputs(dtype=torch.float32)
    expected = local_convolution(p, image, weights, 5, reading)
    grads = torch.autograd.grad(expected.sum(), (p, weights))
    with torch.autocast("cpu", torch.bfloat16):
        result = local_convolution(p, image, weights, 5, reading)
        again = torch.autograd.grad(result.sum(), (p, weights))
    torch.testing.assert_close((result, *again), (expected, *grads), rtol=0, atol=0)
    assert local_convolution(p.bfloat16(), image, weights, 5, reading).dtype == torch.bfloat16


@READING
def test_empty_batch_is_welcome(reading: Reading) -> None:
    p, image, weights = inputs(batch=0)
    out = local_convolution(p, image, weights, 5, reading)
    out.sum().backward()
    assert out.shape == p.shape
    assert weights.grad is not None and (weights.grad == 0).all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 4, 5), (2, 3, 4, 6), (2,)), r"expected probabilities \(B, L, H, W\) and image"),
        (((2, 3, 4), (2, 3, 4), (2,)), r"got \(2, 3, 4\), \(2, 3, 4\)"),
        (((2, 3, 0, 5), (2, 3, 0, 5), (2,)), r"expected probabilities"),
        (((2, 3, 4, 5), (2, 3, 4, 5), (3,)), r"weights \(2,\), got torch.float32, \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    shapes: tuple[tuple[int, ...], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        local_convolution(*(torch.rand(shape) for shape in shapes), 5)  # type: ignore


def test_settings_out_of_range_are_named() -> None:
    p, image, weights = inputs()
    with pytest.raises(ValueError, match="distance or affinity and a window of at least 1 pixel"):
        local_convolution(p, image, weights, 0)
    with pytest.raises(ValueError, match="got 'similarity', 5"):
        LocalConvolution(5, "similarity")  # type: ignore
    with pytest.raises(ValueError, match="expected positive weights of the distance, got 0, 1"):
        LocalConvolution(5, colour=0, space=1)


# Peaks of processes of their own, beyond the result and what the process held before.
MEASURE = """
import itertools, multiprocessing, resource, torch
from segmentation.models.local_convolution import READINGS, local_convolution
torch.set_num_threads(1)

def measure(reading, backward, size=256):
    p, image = torch.rand(1, 21, size, size), torch.rand(1, 3, size, size)
    weights = torch.tensor([50.0, 0.003], requires_grad=backward)
    local_convolution(p[..., :9, :9], image[..., :9, :9], weights, 50, reading).sum()
    grad, before = torch.ones_like(p), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out = local_convolution(p, image, weights, 50, reading)
    if backward:
        out.backward(grad)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - out.nbytes / 2**20

with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    print(*pool.starmap(measure, itertools.product(READINGS, (False, True)), chunksize=1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_memory_does_not_grow_with_the_window() -> None:
    """The filters of all positions would take 625 MiB at this size."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(float(peak) < 48 for peak in done.stdout.split()), done.stdout


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # opcheck's own doing
@READING
def test_operators_keep_their_contract(reading: Reading) -> None:
    p, image, weights = inputs((5, 6), dtype=torch.float32)
    opcheck(operator, (p, image, weights, 4, reading))
    p, weights = p.detach(), weights.detach()
    mean, total = operator(p, image, weights, 4, reading)
    for need in (False, True):
        opcheck(
            local_convolution_backward,
            (mean, p, image, weights, mean, total, 4, reading, need, not need),
        )


@pytest.mark.parametrize(("reading", "dynamic"), [("affinity", True), ("distance", False)])
def test_compiled_as_one_graph_gives_the_same(reading: Reading, dynamic: bool) -> None:
    def run(p: Tensor, image: Tensor, weights: Tensor) -> Tensor:
        return local_convolution(p.softmax(1), image, weights, 5, reading)

    compiled = torch.compile(run, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    values = inputs()
    expected, result = run(*values), compiled(*values)
    torch.testing.assert_close(result, expected)
    leaves = values[0], values[2]
    torch.testing.assert_close(
        torch.autograd.grad(result.square().sum(), leaves),
        torch.autograd.grad(expected.square().sum(), leaves),
    )


class Smoother(nn.Module):
    """As a network uses the layer."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.layer = LocalConvolution(5, reading)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer(F.pad(image, (0, 0, 0, 0, 0, 1)).softmax(1), image)


@READING
def test_exported_program_runs_at_other_sizes(reading: Reading) -> None:
    model = Smoother(reading)
    shapes = ({2: Dim("height", min=2, max=512), 3: Dim("width", min=2, max=512)},)
    exported = export(model, (torch.rand(2, 3, 9, 13),), dynamic_shapes=shapes)
    image = torch.rand(2, 3, 17, 7)
    torch.testing.assert_close(exported.module()(image), model(image))


def test_cuda_operators_have_the_same_contract() -> None:
    with FakeTensorMode():
        p = torch.empty(2, 3, 4, 5, device="cuda", requires_grad=True)
        image, weights = torch.empty(2, 3, 4, 5, device="cuda"), torch.empty(2, device="cuda")
        out = local_convolution(p, image, weights, 5)
        assert (out.shape, out.device.type) == (p.shape, "cuda")
        tensors = out, p, image, weights, out, out[:, :1]
        grads = local_convolution_backward(*tensors, 5, "affinity", True, True)
        assert [x.shape for x in grads] == [p.shape, weights.shape]
