"""Region convolution on the CPU: equal to a masked dense one in value and gradient."""

from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor, nn

from vision_shared.region import Region, RegionConv2d, region_conv2d
from vision_shared.region.conv import Inactive

Pair = tuple[int, int]
KERNELS: list[Pair] = [(1, 1), (3, 3), (1, 7), (7, 1), (5, 3)]


class Problem:
    """A convolution in float64, and the masked dense one that it equals."""

    def __init__(
        self,
        mask: Tensor,
        kernel_size: Pair = (3, 3),
        dilation: Pair = (1, 1),
        channels: Pair = (3, 2),
        seed: int = 0,
    ) -> None:
        rng = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=rng, dtype=torch.double).requires_grad_()

        batch, height, width = mask.shape
        self.mask, self.dilation = mask, dilation
        self.region = Region(mask)
        self.x = draw(batch, channels[0], height, width)
        self.weight = draw(channels[1], channels[0], *kernel_size)
        self.bias = draw(channels[1])
        self.residual = draw(batch, channels[1], height, width)
        self.leaves = self.x, self.weight, self.bias, self.residual
        self.goal = draw(batch, channels[1], height, width).detach()

    def dense(self, inactive: Inactive, relu: bool) -> Tensor:
        mask, kernel_size = self.mask[:, None], self.weight.shape[2:]
        padding = [d * (k // 2) for d, k in zip(self.dilation, kernel_size, strict=True)]
        x = self.x * mask if inactive == "zero" else self.x
        out = F.conv2d(x, self.weight, self.bias, 1, padding, self.dilation) + self.residual
        return torch.where(mask, out.relu() if relu else out, self.residual)

    def regional(self, inactive: Inactive, relu: bool) -> Tensor:
        return region_conv2d(
            self.x,
            self.weight,
            self.bias,
            region=self.region,
            dilation=self.dilation,
            inactive=inactive,
            residual=self.residual,
            relu=relu,
        )

    def by_tokens(self, relu: bool) -> Tensor:
        tokens = region_conv2d(
            self.region.gather(self.x),
            self.weight,
            self.bias,
            region=self.region,
            dilation=self.dilation,
            residual=self.region.gather(self.residual),
            relu=relu,
        )
        return self.region.scatter(tokens, onto=self.residual)

    def with_gradients(self, out: Tensor) -> tuple[Tensor, ...]:
        return out, *torch.autograd.grad((out * self.goal).sum(), self.leaves)


def random_mask(shape: tuple[int, ...], share: float = 0.5, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@settings(max_examples=50, deadline=None)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    kernel_size=st.one_of(
        st.sampled_from(KERNELS), st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 9]))
    ),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    relu=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_equals_a_masked_dense_convolution(
    size: tuple[int, int, int],
    share: float,
    kernel_size: Pair,
    dilation: Pair,
    channels: Pair,
    relu: bool,
    seed: int,
) -> None:
    problem = Problem(random_mask(size, share, seed), kernel_size, dilation, channels, seed)
    expected = problem.with_gradients(problem.dense("zero", relu))
    for out in (problem.regional("zero", relu), problem.by_tokens(relu)):
        torch.testing.assert_close(problem.with_gradients(out), expected, rtol=1e-9, atol=1e-9)
    expected = problem.with_gradients(problem.dense("frozen", relu))
    result = problem.with_gradients(problem.regional("frozen", relu))
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("inactive", ["zero", "frozen"])
def test_without_bias_and_residual_inactive_pixels_are_zero(inactive: Inactive) -> None:
    problem = Problem(random_mask((2, 5, 6)))
    out = region_conv2d(problem.x, problem.weight, region=problem.region, inactive=inactive)
    mask = problem.mask[:, None]
    x = problem.x * mask if inactive == "zero" else problem.x
    expected = F.conv2d(x, problem.weight, padding=1) * mask
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    assert not out[~mask.expand_as(out)].any()


def test_gradients_are_those_of_the_values() -> None:
    mask = random_mask((2, 3, 4))
    mask[1] = False  # images with different numbers of active pixels
    problem = Problem(mask, (1, 3), (1, 2), (2, 2))
    for inactive in ("zero", "frozen"):

        def convolve(*leaves: Tensor, inactive: Inactive = inactive) -> Tensor:
            x, weight, bias, residual = leaves
            return region_conv2d(
                x,
                weight,
                bias,
                region=problem.region,
                dilation=(1, 2),
                inactive=inactive,
                residual=residual,
            )

        assert torch.autograd.gradcheck(convolve, problem.leaves)


def test_frozen_neighbours_get_their_gradient() -> None:
    mask = torch.zeros(1, 5, 5).bool()
    mask[0, 2, 2] = True
    problem = Problem(mask)
    for inactive, size in (("zero", 1), ("frozen", 9)):
        out = problem.regional(inactive, relu=False)
        (grad,) = torch.autograd.grad(out.sum(), problem.x)
        assert (grad != 0).any(1).sum() == size


@pytest.mark.parametrize("kernel_size", KERNELS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_float32_is_within_1e_4_of_dense(kernel_size: Pair, channels_last: bool) -> None:
    torch.manual_seed(0)
    memory = torch.channels_last if channels_last else torch.contiguous_format
    mask = random_mask((2, 1, 16, 17), 0.3)
    x = torch.randn(2, 48, 16, 17).contiguous(memory_format=memory)
    weight = torch.randn(40, 48, *kernel_size).contiguous(memory_format=memory)
    for inactive in ("zero", "frozen"):
        source = x * mask if inactive == "zero" else x
        expected = F.conv2d(source, weight, padding="same") * mask
        out = region_conv2d(x, weight, region=Region(mask), inactive=inactive)
        assert (out - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("count", [1, 3])
def test_many_pixels_in_parts_equal_dense(count: int, threads: None) -> None:
    torch.set_num_threads(count)
    problem = Problem(random_mask((3, 50, 40), 0.8), channels=(160, 2))
    for inactive in ("zero", "frozen"):
        expected = problem.with_gradients(problem.dense(inactive, relu=True))
        result = problem.with_gradients(problem.regional(inactive, relu=True))
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)


def test_inactive_pixels_are_not_read() -> None:
    problem = Problem(random_mask((2, 5, 6)))
    expected = problem.regional("zero", relu=False)
    with torch.no_grad():
        problem.x.masked_fill_(~problem.mask[:, None], torch.nan)
    assert torch.equal(problem.regional("zero", relu=False), expected)


@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3)])
@pytest.mark.parametrize("inactive", ["zero", "frozen"])
def test_empty_region_gives_zeros_and_zero_gradients(kernel_size: Pair, inactive: Inactive) -> None:
    problem = Problem(torch.zeros(2, 4, 5).bool(), kernel_size)
    x, weight, bias, _ = problem.leaves
    out = region_conv2d(x, weight, bias, region=problem.region, inactive=inactive, relu=True)
    assert out.shape == (2, 2, 4, 5)
    assert not out.any()
    grads = torch.autograd.grad(out.sum(), (x, weight, bias))
    assert [grad.shape for grad in grads] == [x.shape, weight.shape, bias.shape]
    assert not any(grad.any() for grad in grads)


def test_batch_of_no_images_gives_one() -> None:
    problem = Problem(torch.zeros(0, 4, 5).bool())
    for inactive in ("zero", "frozen"):
        out = problem.regional(inactive, relu=True)
        assert out.shape == (0, 2, 4, 5)
        assert [x.shape for x in problem.with_gradients(out)[1:]] == [
            x.shape for x in problem.leaves
        ]


def test_same_region_serves_a_stage_of_layers() -> None:
    torch.manual_seed(0)
    layers = nn.ModuleList(
        [
            RegionConv2d(4, 6, (1, 7)),
            RegionConv2d(6, 6, 3, dilation=2, bias=False),
            RegionConv2d(6, 4, 1),
        ]
    ).double()
    mask = random_mask((3, 9, 8), 0.4)
    x = torch.randn(3, 4, 9, 8, dtype=torch.double)
    region, dense = Region(mask), x
    tokens = region.gather(x)
    for layer in layers:
        tokens = layer(tokens, region, relu=True)
        dense = layer(dense * mask[:, None], relu=True)
    out = region.scatter(tokens + region.gather(x), onto=x)
    expected = x + dense * mask[:, None]
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


def test_module_is_a_convolution_with_the_same_state() -> None:
    torch.manual_seed(0)
    cases: list[dict[str, Any]] = [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (1, 7), "padding": (0, 6), "dilation": (1, 2), "bias": False},
        {"kernel_size": 5, "padding": "same", "dilation": 2, "dtype": torch.double},
    ]
    for arguments in cases:
        usual = nn.Conv2d(3, 4, **arguments)
        ours = RegionConv2d(3, 4, **arguments)
        assert {k: (v.shape, v.dtype) for k, v in ours.state_dict().items()} == {
            k: (v.shape, v.dtype) for k, v in usual.state_dict().items()
        }
        ours.load_state_dict(usual.state_dict())
        x = torch.randn(2, 3, 9, 8, dtype=usual.weight.dtype)
        torch.testing.assert_close(ours(x), usual(x))
        mask = random_mask((2, 1, 9, 8))
        for inactive, source in (("zero", x * mask), ("frozen", x)):
            out = ours(x, Region(mask), inactive=inactive, residual=usual(x), relu=True)
            expected = torch.where(mask, (usual(x) + usual(source)).relu(), usual(x))
            torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours(x, residual=usual(x), relu=True), (2 * usual(x)).relu())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_kept_and_close(dtype: torch.dtype) -> None:
    problem = Problem(random_mask((2, 6, 7)), channels=(8, 4))
    leaves = [x.detach().to(dtype).requires_grad_() for x in problem.leaves]
    x, weight, bias, residual = leaves
    out = region_conv2d(
        x, weight, bias, region=problem.region, inactive="frozen", residual=residual
    )
    expected = problem.with_gradients(problem.dense("frozen", relu=False))
    grads = torch.autograd.grad((out * problem.goal.to(dtype)).sum(), leaves)
    for result, exact in zip((out, *grads), expected, strict=True):
        assert result.dtype == dtype
        error = (result.double() - exact).abs().max() / exact.abs().max()
        assert error < 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_autocast_computes_in_its_type(kernel_size: int) -> None:
    torch.manual_seed(0)
    region = Region(random_mask((2, 6, 7)))
    layer = RegionConv2d(3, 4, kernel_size)
    x, residual = torch.randn(2, 3, 6, 7), torch.randn(2, 4, 6, 7)
    expected = layer(x, region, residual=residual)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x, region, residual=residual)
        exact = layer.double()(x.double(), region, residual=residual.double())
    assert (out.dtype, exact.dtype) == (torch.bfloat16, torch.float64)
    torch.testing.assert_close(out.float(), expected, rtol=0.02, atol=0.02)
    layer.float()(x, region).sum().backward()
    assert layer.weight.grad is not None


ONES = torch.ones(2, 4, 5).bool()
FITTING = {
    "x": torch.zeros(2, 3, 4, 5),
    "weight": torch.zeros(6, 3, 3, 3),
    "bias": torch.zeros(6),
    "residual": torch.zeros(2, 6, 4, 5),
    "region": Region(ONES),
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": torch.zeros(1, 3, 4, 5)}, r"x .* \(2, 3, 4, 5\), got \(1, 3, 4, 5\)"),
        ({"x": torch.zeros(2, 4, 4, 5)}, r"x .* \(2, 3, 4, 5\), got \(2, 4, 4, 5\)"),
        ({"x": torch.zeros(2, 3, 5, 4)}, r"x .* \(2, 3, 4, 5\), got \(2, 3, 5, 4\)"),
        ({"x": torch.zeros(39, 3)}, r"x \(N, C\) of sizes \(40, 3\), got \(39, 3\)"),
        ({"x": torch.zeros(40, 3)}, r"residual \(N, C\) .* \(40, 6\), got \(2, 6, 4, 5\)"),
        ({"x": torch.zeros(2, 3, 4, 5, device="meta")}, r"x on cpu, got meta"),
        ({"x": torch.zeros(2, 3, 4, 5).int()}, r"x in floating point, got torch.int32"),
        ({"region": Region(ONES[:1])}, r"x .* \(1, 3, 4, 5\), got \(2, 3, 4, 5\)"),
        ({"weight": torch.zeros(6, 3, 3)}, r"weight \(O, C, kh, kw\).* got \(6, 3, 3\)"),
        ({"weight": torch.zeros(6, 3, 3, 2)}, r"kernel_size of odd numbers, got \(3, 2\)"),
        ({"weight": torch.zeros(6, 3, 3, 3).double()}, r"weight in torch.float32.* got .*float64"),
        ({"weight": torch.zeros(6, 3, 3, 3, device="meta")}, r"weight on cpu, got meta"),
        ({"bias": torch.zeros(5)}, r"bias \(O,\) of size \(6,\), got \(5,\)"),
        ({"bias": torch.zeros(6).double()}, r"bias in torch.float32.* got torch.float64"),
        ({"bias": torch.zeros(6, device="meta")}, r"bias on cpu, got meta"),
        ({"residual": torch.zeros(2, 5, 4, 5)}, r"residual .* \(2, 6, 4, 5\), got \(2, 5, 4, 5\)"),
        ({"residual": torch.zeros(2, 6, 4, 5).half()}, r"residual in torch.float32.* got .*16"),
        ({"dilation": 0}, r"dilation of at least 1, got \(0, 0\)"),
        ({"inactive": "kept"}, r"inactive 'zero', or 'frozen' with a map, got 'kept'"),
        (
            {"x": torch.zeros(40, 3), "residual": None, "inactive": "frozen"},
            r"'frozen' with a map, got 'frozen'",
        ),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, object], message: str) -> None:
    region_conv2d(**FITTING)  # pyrefly: ignore
    with pytest.raises(ValueError, match=message):
        region_conv2d(**(FITTING | changed))  # pyrefly: ignore


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, r"kernel_size of odd numbers, got \(4, 4\)"),
        ({"kernel_size": 3, "stride": 2}, r"stride \(1, 1\) .* got \(2, 2\)"),
        ({"kernel_size": 3, "stride": (1, 2)}, r"stride \(1, 1\) .* got \(1, 2\)"),
        ({"kernel_size": 3, "groups": 2}, r"groups 1 .* got 2"),
        ({"kernel_size": 3, "padding": 0}, r"padding \(1, 1\) .* got \(0, 0\)"),
        ({"kernel_size": 3, "padding": 1, "dilation": 2}, r"padding \(2, 2\) .* got \(1, 1\)"),
        ({"kernel_size": 3, "padding": "valid"}, r"padding \(1, 1\) .* got valid"),
        ({"kernel_size": 3, "padding_mode": "circular"}, r"padding_mode zeros .* got circular"),
    ],
)
def test_other_convolutions_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegionConv2d(4, 4, **arguments)  # pyrefly: ignore
