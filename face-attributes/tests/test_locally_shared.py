"""Locally shared convolution: equal to a loop over its cells in value and gradient."""

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor, nn

from face_attributes.models.locally_shared import (
    LocallySharedConv2d,
    locally_shared_conv2d,
    slide_locally_shared_conv2d,
)

Pair = tuple[int, int]


def by_cells(x: Tensor, weight: Tensor, bias: Tensor, padding: Pair) -> Tensor:
    """Convolve everywhere with every cell's filters, and keep each cell's own part."""
    whole = [
        [F.conv2d(x, w, b, padding=padding) for w, b in zip(row, biases, strict=True)]
        for row, biases in zip(weight, bias, strict=True)
    ]
    num_rows, num_columns = weight.shape[:2]
    rows = torch.arange(whole[0][0].shape[2]).tensor_split(num_rows)
    columns = torch.arange(whole[0][0].shape[3]).tensor_split(num_columns)
    strips = [
        torch.cat([whole[i][j][:, :, r][..., c] for j, c in enumerate(columns)], 3)
        for i, r in enumerate(rows)
    ]
    return torch.cat(strips, 2)


def problem(
    size: Pair, grid: Pair, kernel_size: Pair, channels: Pair = (3, 2), batch: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = (
        (batch, channels[0], *size),
        (*grid, channels[1], channels[0], *kernel_size),
        (*grid, channels[1]),
    )
    x, weight, bias = (
        torch.randn(shape, generator=rng, dtype=torch.double).requires_grad_() for shape in shapes
    )
    return x, weight, bias


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    batch=st.integers(0, 3),
)
def test_equals_a_loop_over_the_cells(
    data: st.DataObject,
    kernel_size: Pair,
    padding: Pair,
    grid: Pair,
    channels: Pair,
    batch: int,
) -> None:
    height, width = (
        max(1, cells + kernel - 1 - 2 * pad) + data.draw(st.integers(0, 6))
        for cells, kernel, pad in zip(grid, kernel_size, padding, strict=True)
    )
    leaves = problem((height, width), grid, kernel_size, channels, batch)
    expected = by_cells(*leaves, padding)
    out = locally_shared_conv2d(*leaves, padding=padding)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    goal = torch.randn(out.shape, dtype=out.dtype)
    grads = [torch.autograd.grad((y * goal).sum(), leaves) for y in (out, expected)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_the_values() -> None:
    leaves = problem((6, 5), (2, 2), (3, 2), (2, 2))  # 4 rows in 2 + 2, 4 columns in 2 + 2
    assert torch.autograd.gradcheck(locally_shared_conv2d, leaves)
    leaves = problem((5, 6), (2, 2), (1, 2), (1, 2))  # 5 rows in 3 + 2, 5 columns in 3 + 2

    def padded(*leaves: Tensor) -> Tensor:
        return locally_shared_conv2d(*leaves, padding=(1, 0))

    assert torch.autograd.gradcheck(padded, leaves)


@settings(max_examples=30, deadline=None)
@given(
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    grid=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    more=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    places=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_sliding_equals_a_loop_over_the_patches(
    kernel_size: Pair, grid: Pair, more: Pair, places: Pair
) -> None:
    h, w = (g + k - 1 + m for g, k, m in zip(grid, kernel_size, more, strict=True))
    leaves = problem((h + places[0] - 1, w + places[1] - 1), grid, kernel_size)
    x, weight, bias = leaves
    expected = torch.stack(
        [
            torch.stack(
                [
                    locally_shared_conv2d(x[:, :, i : i + h, j : j + w], weight, bias)
                    for j in range(places[1])
                ],
                1,
            )
            for i in range(places[0])
        ],
        1,
    )
    out = slide_locally_shared_conv2d(*leaves, size=(h, w))
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    goal = torch.randn(out.shape, dtype=out.dtype)
    grads = [torch.autograd.grad((y * goal).sum(), leaves) for y in (out, expected)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((5, 5), r"patches inside a map \(4, 5\), got size \(5, 5\)"),
        ((3, 5), r"grid of \(2, 2\), got .* \(1, 3\)"),
    ],
)
def test_patches_that_do_not_fit_are_named(size: Pair, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slide_locally_shared_conv2d(**FITTING, size=size)


def test_one_cell_is_the_usual_convolution() -> None:
    torch.manual_seed(0)
    usual, ours = nn.Conv2d(3, 4, 3, padding=1), LocallySharedConv2d(3, 4, 3, (1, 1), padding=1)
    ours.load_state_dict({name: value[None, None] for name, value in usual.state_dict().items()})
    x = torch.randn(2, 3, 9, 7)
    torch.testing.assert_close(ours(x), usual(x))


def test_remainder_goes_to_the_first_cells_and_nothing_is_lost() -> None:
    weight = torch.arange(6.0).view(3, 2, 1, 1, 1, 1)
    out = locally_shared_conv2d(torch.ones(1, 1, 7, 3), weight)
    assert out[0, 0, :, 0].tolist() == [0, 0, 0, 2, 2, 4, 4]
    assert out[0, 0, 0].tolist() == [0, 0, 1]


def test_filters_read_across_the_borders_of_cells() -> None:
    weight = torch.zeros(1, 2, 1, 1, 1, 3)
    weight[..., 2] = 1  # two columns to the right
    out = locally_shared_conv2d(torch.arange(8.0).view(1, 1, 1, 8), weight)
    assert out.flatten().tolist() == [2, 3, 4, 5, 6, 7]


def test_module_learns_and_says_what_it_is() -> None:
    torch.manual_seed(0)
    layer = LocallySharedConv2d(2, 3, (3, 2), (2, 3), bias=False)
    assert repr(layer) == (
        "LocallySharedConv2d(2, 3, kernel_size=(3, 2), grid=(2, 3), padding=0, bias=False)"
    )
    layer(torch.randn(1, 2, 7, 8)).sum().backward()
    assert layer.weight.grad is not None
    assert (layer.weight.grad.flatten(2).abs().sum(2) > 0).all()


def test_autocast_computes_in_its_type() -> None:
    torch.manual_seed(0)
    layer, x = LocallySharedConv2d(2, 3, 2, (2, 2)), torch.randn(2, 2, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), layer(x), rtol=0.02, atol=0.02)


def test_exported_program_gives_the_same() -> None:
    torch.manual_seed(0)
    layer, x = LocallySharedConv2d(2, 3, 2, (2, 2)).eval(), torch.randn(2, 2, 8, 6)
    program = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(program(x), layer(x))


FITTING = {
    "x": torch.zeros(2, 3, 4, 5),
    "weight": torch.zeros(2, 2, 6, 3, 3, 3),
    "bias": torch.zeros(2, 2, 6),
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": torch.zeros(3, 4, 5)}, r"x \(B, 3, H, W\), got \(3, 4, 5\)"),
        ({"x": torch.zeros(2, 4, 4, 5)}, r"x \(B, 3, H, W\), got \(2, 4, 4, 5\)"),
        ({"x": torch.zeros(2, 3, 3, 5)}, r"grid of \(2, 2\), got .* \(1, 3\)"),
        ({"x": torch.zeros(2, 3, 2, 5)}, r"grid of \(2, 2\), got .* \(0, 3\)"),
        ({"x": torch.zeros(2, 3, 4, 5).int()}, r"x in floating point, got torch.int32"),
        ({"x": torch.zeros(2, 3, 4, 5).double()}, r"weight in torch.float64.* got torch.float32"),
        (
            {"weight": torch.zeros(6, 3, 3, 3)},
            r"weight \(G, K, O, C, kh, kw\).* got \(6, 3, 3, 3\)",
        ),
        ({"weight": torch.zeros(2, 2, 6, 3, 3, 3, device="meta")}, r"weight on cpu, got meta"),
        ({"bias": torch.zeros(6)}, r"bias \(G, K, O\) of \(2, 2, 6\), got \(6,\)"),
        ({"padding": -1}, r"padding of at least 0.* got \(-1, -1\)"),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, object], message: str) -> None:
    locally_shared_conv2d(**FITTING)  # pyrefly: ignore
    with pytest.raises(ValueError, match=message):
        locally_shared_conv2d(**(FITTING | changed))  # pyrefly: ignore


def test_grid_without_cells_is_refused() -> None:
    with pytest.raises(ValueError, match=r"six numbers of at least 1, got \(0, 2, 4, 3, 3, 3\)"):
        LocallySharedConv2d(3, 4, 3, (0, 2))
