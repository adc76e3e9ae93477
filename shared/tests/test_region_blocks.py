"""Blocks of inactive pixels as tokens: what they are, what reads them, their gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from vision_shared.region import Region, region_conv2d
from vision_shared.region.stage import RegionStage

BATCH, CHANNELS, HEIGHT, WIDTH, SIDE = 3, 8, 7, 8, 3


def make_region(share: float = 0.3, side: int = SIDE) -> Region:
    torch.manual_seed(2)
    mask = torch.rand(BATCH, HEIGHT, WIDTH) < share
    mask[1] = False  # an image that nothing goes on of
    mask[2, :SIDE, :SIDE] = True  # a block without an inactive pixel
    return Region(mask, side)


def make_map(channels: int = CHANNELS) -> Tensor:
    torch.manual_seed(3)
    return torch.randn(BATCH, channels, HEIGHT, WIDTH, dtype=torch.double)


def members(region: Region) -> list[list[tuple[int, int, int]]]:
    """Return the pixels (image, y, x) that each token stands for."""
    mask = region.mask
    tokens = [[tuple(at)] for at in mask.nonzero().tolist()]
    for image in range(len(mask)):
        for top in range(0, HEIGHT, region.block):
            for left in range(0, WIDTH, region.block):
                pixels = [
                    (image, y, x)
                    for y in range(top, min(top + region.block, HEIGHT))
                    for x in range(left, min(left + region.block, WIDTH))
                    if not mask[image, y, x]
                ]
                if pixels and mask[image].any():
                    tokens.append(pixels)
    return tokens  # type: ignore[return-value]


def centre(pixels: list[tuple[int, int, int]], side: int, is_block: bool) -> tuple[int, int, int]:
    image, y, x = pixels[0]
    if not is_block:
        return image, y, x
    middle = (min(v // side * side + side // 2, n - 1) for v, n in ((y, HEIGHT), (x, WIDTH)))
    return image, *middle  # type: ignore[return-value]


@pytest.mark.parametrize("side", [1, 2, 3, 20])
def test_tokens_are_active_pixels_then_means_of_blocks(side: int) -> None:
    region, x = make_region(side=side), make_map()
    tokens = members(region)
    wanted = torch.stack([torch.stack([x[b, :, i, j] for b, i, j in t]).mean(0) for t in tokens])
    assert region.num_tokens == len(tokens) > region.num_active
    torch.testing.assert_close(region.gather(x), wanted)
    torch.testing.assert_close(region.gather(x.to(memory_format=torch.channels_last)), wanted)
    spread = region.spread(wanted)
    for token, pixels in zip(wanted, tokens, strict=True):
        for b, i, j in pixels:
            torch.testing.assert_close(spread[b, :, i, j], token)
    assert not spread[1].any()


@pytest.mark.parametrize("dilation", [1, 2])
def test_neighbours_are_tokens_of_pixels_around_the_centre(dilation: int) -> None:
    region = make_region()
    tokens = members(region)
    token_of = {pixel: k for k, pixels in enumerate(tokens) for pixel in pixels}
    for k, pixels in enumerate(tokens):
        b, y, x = centre(pixels, SIDE, k >= region.num_active)
        wanted = [
            token_of.get((b, y + i * dilation, x + j * dilation), -1)
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        ]
        assert region.neighbours((3, 3), (dilation, dilation))[:, k].tolist() == wanted


def test_a_smaller_region_has_means_of_what_its_pixels_had() -> None:
    region = make_region()
    tokens = torch.randn(region.num_tokens, CHANNELS, dtype=torch.double)
    child = region.subset(region.mask & (torch.rand(region.shape) < 0.5))
    wanted = child.gather(region.spread(tokens))
    torch.testing.assert_close(region.select(tokens, child), wanted)


def convolve_by_loop(tokens: Tensor, weight: Tensor, region: Region, dilation: int) -> Tensor:
    table = region.neighbours((3, 3), (dilation, dilation)).tolist()
    rows = []
    for k in range(region.num_tokens):
        taps = [
            weight[:, :, t // 3, t % 3] @ tokens[table[t][k]] for t in range(9) if table[t][k] >= 0
        ]
        rows.append(torch.stack(taps).sum(0))
    return torch.stack(rows)


@pytest.mark.parametrize("recorded", [False, True])
def test_convolution_reads_blocks(recorded: bool) -> None:
    region, tokens = make_region(), make_region().gather(make_map())
    weight = torch.randn(5, CHANNELS, 3, 3, dtype=torch.double)
    wanted = convolve_by_loop(tokens, weight, region, 2)
    with torch.set_grad_enabled(recorded):
        got = region_conv2d(tokens, weight, region=region, dilation=2)
    torch.testing.assert_close(got, wanted)


def test_gradients_add_up_all_readers_of_a_block() -> None:
    region = make_region(0.2, 4)
    x = make_map(2).requires_grad_()
    weight = torch.randn(3, 2, 3, 3, dtype=torch.double, requires_grad=True)
    bias = torch.randn(3, dtype=torch.double, requires_grad=True)

    def work(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return region_conv2d(region.gather(x), weight, bias, region=region, relu=True)

    assert torch.autograd.gradcheck(work, (x, weight, bias))


@pytest.mark.parametrize(
    "block", [Bottleneck(CHANNELS, 2, dilation=2), BasicBlock(CHANNELS, CHANNELS)]
)
def test_stage_computes_blocks_as_it_does_pixels(block: nn.Module) -> None:
    """Blocks of one pixel are the pixels: every path then computes what the network does."""
    stage = nn.Sequential(block).eval()
    x = make_map().float().relu()
    wanted = stage(x)
    region = make_region(side=1)
    converted = RegionStage(stage)
    tokens = region.gather(x)
    recorded = converted(tokens, region)
    with torch.no_grad():
        buffered = converted(tokens, region)
        on_map = converted(x, region)
    for got in (recorded, buffered):
        torch.testing.assert_close(got, region.gather(wanted), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        on_map, torch.where(region.mask[:, None], wanted, x), rtol=1e-4, atol=1e-4
    )


def test_paths_agree_on_larger_blocks() -> None:
    torch.manual_seed(4)
    stage = RegionStage(
        nn.Sequential(*(Bottleneck(CHANNELS, 2, dilation=d) for d in (1, 2))).eval()
    )
    region = make_region()
    tokens = region.gather(make_map().float())
    recorded = stage(tokens, region)
    with torch.no_grad():
        torch.testing.assert_close(stage(tokens, region), recorded, rtol=1e-4, atol=1e-4)


def test_nothing_active_is_no_token() -> None:
    region = Region(torch.zeros(2, 4, 4, dtype=torch.bool), SIDE)
    assert region.num_tokens == 0
    x = torch.randn(2, 3, 4, 4)
    assert region.gather(x).shape == (0, 3)
    assert not region.spread(region.gather(x)).any()
    assert F.mse_loss(region.scatter(region.gather(x), x), x) == 0
