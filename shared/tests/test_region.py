"""Regions: which pixels are active, who neighbours whom, tokens to maps and back."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from vision_shared.region import Region

SIZES = st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 6))
ODD = st.sampled_from([1, 3, 5, 7])


def random_mask(shape: tuple[int, ...], share: float = 0.5, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def random_map(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.double)


def test_tokens_are_the_active_pixels_in_order() -> None:
    mask = torch.tensor([[[0, 1], [1, 0]], [[0, 0], [0, 0]], [[1, 1], [0, 1]]]).bool()
    for region in (Region(mask), Region(mask[:, None])):
        assert (region.shape, region.num_active) == ((3, 2, 2), 5)
        assert torch.equal(region.mask, mask)
        assert region.rows.tolist() == [1, 2, 8, 9, 11]
        assert region.places.tolist() == [-1, 0, 1, -1, -1, -1, -1, -1, 2, 3, -1, 4]


@settings(max_examples=30, deadline=None)
@given(
    size=SIZES,
    share=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    kernel_size=st.tuples(ODD, ODD),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 1000),
)
def test_tables_match_a_loop_over_taps(
    size: tuple[int, int, int],
    share: float,
    kernel_size: tuple[int, int],
    dilation: tuple[int, int],
    seed: int,
) -> None:
    region = Region(random_mask(size, share, seed))
    rows, (_, height, width) = region.rows.tolist(), size

    def read(pixel: int, i: int, j: int) -> int:
        y = pixel // width % height + (i - kernel_size[0] // 2) * dilation[0]
        x = pixel % width + (j - kernel_size[1] // 2) * dilation[1]
        inside = 0 <= y < height and 0 <= x < width
        return pixel // (height * width) * height * width + y * width + x if inside else -1

    taps = [(i, j) for i in range(kernel_size[0]) for j in range(kernel_size[1])]
    pixels = [[read(p, *tap) for p in rows] for tap in taps]
    place = {p: token for token, p in enumerate(rows)}
    neighbours = [[place.get(p, -1) for p in line] for line in pixels]
    readers = [[place.get(read(p, *tap), -1) for p in range(region.mask.numel())] for tap in taps]
    key = kernel_size, dilation
    for made, expected in (
        (region.pixels(*key), pixels),
        (region.neighbours(*key), neighbours),
        (region.readers(*key), readers),
    ):
        assert made.dtype == torch.int32
        assert made.tolist() == expected


def test_tables_are_made_once() -> None:
    region = Region(random_mask((1, 4, 4)))
    table = region.neighbours((3, 3))
    assert region.neighbours((3, 3), (1, 1)) is table
    assert region.neighbours((3, 3), (2, 1)) is not table
    assert region.pixels((3, 3)) is not table


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_gather_and_scatter_are_inverse(memory_format: torch.memory_format) -> None:
    mask = random_mask((3, 4, 5))
    mask[1] = False
    region = Region(mask)
    x = random_map(3, 2, 4, 5).contiguous(memory_format=memory_format)
    tokens = region.gather(x)
    assert torch.equal(tokens, x.permute(0, 2, 3, 1)[mask])
    assert torch.equal(region.scatter(tokens), x * mask[:, None])
    kept = x.clone()
    assert torch.equal(region.scatter(2 * tokens, onto=x), torch.where(mask[:, None], 2 * x, x))
    assert torch.equal(x, kept)


def test_gather_and_scatter_pass_their_gradients() -> None:
    region = Region(random_mask((2, 3, 2)))
    x = random_map(2, 2, 3, 2).requires_grad_()
    tokens = random_map(region.num_active, 2).requires_grad_()
    assert torch.autograd.gradcheck(region.gather, x)
    assert torch.autograd.gradcheck(region.scatter, tokens)
    assert torch.autograd.gradcheck(region.scatter, (tokens, x))


def test_subset_selects_its_tokens() -> None:
    mask = random_mask((2, 4, 5), 0.8)
    later = mask & random_mask((2, 4, 5), seed=1)
    region, x = Region(mask), random_map(2, 3, 4, 5)
    for child in (region.subset(later), region.subset(later[:, None]), Region(later)):
        assert torch.equal(child.mask, later)
        assert torch.equal(region.select(region.gather(x), child), child.gather(x))
    nobody = region.subset(torch.zeros_like(mask))
    assert region.select(region.gather(x), nobody).shape == (0, 3)
    grandchild = region.subset(later).subset(later & random_mask((2, 4, 5), seed=2))
    assert torch.equal(region.select(region.gather(x), grandchild), grandchild.gather(x))


def test_region_outside_its_parent_is_refused() -> None:
    mask = random_mask((2, 4, 5))
    region, other = Region(mask), Region(~mask)
    tokens = torch.zeros(region.num_active, 1)
    message = rf"inside its parent, got {other.num_active} of {other.num_active} active pixels"
    with pytest.raises(ValueError, match=message):
        region.subset(~mask)
    with pytest.raises(ValueError, match=message):
        region.select(tokens, other)
    with pytest.raises(ValueError, match=r"region .* of \(2, 4, 5\), got \(2, 5, 4\)"):
        region.subset(mask.mT)


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
def test_downsampled_cell_is_active_if_any_pixel_is(stride: int) -> None:
    mask = random_mask((2, 7, 5), 0.15)
    small = Region(mask).downsample(stride)
    assert small.shape == (2, -(-7 // stride), -(-5 // stride))
    pooled = torch.nn.functional.max_pool2d(mask.float(), stride, ceil_mode=True)
    assert torch.equal(small.mask, pooled.bool())


def test_mask_is_checked() -> None:
    for mask, message in (
        (torch.rand(1, 3, 3), r"torch.bool, got torch.float32: write mask > 0.5"),
        (torch.zeros(1, 3, 3, dtype=torch.uint8), r"torch.bool, got torch.uint8"),
        (torch.zeros(3, 3).bool(), r"mask \(B, H, W\) or .* got \(3, 3\)"),
        (torch.zeros(1, 2, 3, 3).bool(), r"mask .* got \(1, 2, 3, 3\)"),
        (torch.zeros(1, 0, 3).bool(), r"mask .* got \(1, 0, 3\)"),
        # One byte of memory, more pixels than int32 counts.
        (torch.ones(1, 1, 1).bool().expand(2, 2**15, 2**15), r"2147483647 .* got 2147483648"),
    ):
        with pytest.raises(ValueError, match=message):
            Region(mask)


@pytest.mark.parametrize(
    ("kernel_size", "dilation", "message"),
    [
        ((3, 2), (1, 1), r"kernel_size of odd numbers, got \(3, 2\)"),
        ((0, 3), (1, 1), r"kernel_size of odd numbers, got \(0, 3\)"),
        ((3, 3), (1, 0), r"dilation of at least 1, got \(1, 0\)"),
    ],
)
def test_kernel_is_checked(
    kernel_size: tuple[int, int], dilation: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Region(random_mask((1, 3, 3))).neighbours(kernel_size, dilation)


def test_maps_and_tokens_are_checked() -> None:
    region = Region(torch.ones(2, 3, 4).bool())
    tokens = torch.zeros(24, 5)
    for x, message in (
        (torch.zeros(2, 5, 4, 3), r"x \(B, C, H, W\) of sizes \(2, C, 3, 4\), got \(2, 5, 4, 3\)"),
        (torch.zeros(1, 5, 3, 4), r"x .* got \(1, 5, 3, 4\)"),
        (torch.zeros(5, 3, 4), r"x .* got \(5, 3, 4\)"),
        (torch.zeros(2, 5, 3, 4, device="meta"), r"x on cpu, got meta"),
    ):
        with pytest.raises(ValueError, match=message):
            region.gather(x)
    for values, onto, message in (
        (tokens[:23], None, r"tokens \(N, C\) of sizes \(24, C\), got \(23, 5\)"),
        (tokens.to("meta"), None, r"tokens on cpu, got meta"),
        (tokens, torch.zeros(2, 6, 3, 4), r"onto .* \(2, 5, 3, 4\), got \(2, 6, 3, 4\)"),
        (tokens, torch.zeros(2, 5, 3, 4).half(), r"onto in torch.float32, got torch.float16"),
    ):
        with pytest.raises(ValueError, match=message):
            region.scatter(values, onto)
    with pytest.raises(ValueError, match=r"tokens .* got \(23, 5\)"):
        region.select(tokens[:23], region)
    with pytest.raises(ValueError, match=r"stride of at least 1, got 0"):
        region.downsample(0)
