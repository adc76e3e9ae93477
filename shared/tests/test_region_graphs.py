"""Stages as graphs, told without a device by a capture that computes once more at each replay."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from vision_shared.region.graphs import Graphs
from vision_shared.region.region import Region
from vision_shared.region.stage import RegionStage
from vision_shared.testing import Captures

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
NUMBERS = (150, 160, 140, 155)  # of active pixels; with blocks, too, between 128 and 256 tokens


def make_stage(block: Any, *sizes: int) -> RegionStage:
    torch.manual_seed(0)
    return RegionStage(nn.Sequential(block(*sizes), block(*sizes)).eval().requires_grad_(False))


def regions(block: int = 0) -> list[Region]:
    torch.manual_seed(1)
    orders = [torch.randperm(2 * 17 * 19).view(2, 17, 19) for _ in NUMBERS]
    return [Region(order < n, block) for order, n in zip(orders, NUMBERS, strict=True)]


def on_the_region(stage: RegionStage, tokens: Tensor, region: Region) -> Tensor:
    return stage._on_tokens(tokens, region, None)


@pytest.mark.parametrize(
    ("block", "sizes", "side"), [(Bottleneck, (24, 6), 0), (BasicBlock, (24, 24), 3)]
)
def test_regions_of_any_size_share_a_graph(block: Any, sizes: tuple[int, int], side: int) -> None:
    stage, captures = make_stage(block, *sizes), Captures()
    graphs = Graphs(stage.program, captures)
    weights = stage._packed.weights(stage, None, "taps_last")
    for region in regions(side):
        assert graphs.take(region)
        tokens = region.gather(torch.randn(2, 24, 17, 19).relu())
        got = graphs.on_rows(stage, weights, tokens, region)
        torch.testing.assert_close(got, on_the_region(stage, tokens, region))
    assert captures.number == 1 and captures.replays == 3


def test_dense_passes_with_and_without_a_mask_are_graphs() -> None:
    stage, captures = make_stage(BasicBlock, 24, 24), Captures()
    graphs = Graphs(stage.program, captures)
    weights = stage._packed.weights(stage, None, "map")
    for region in regions():
        x = torch.randn(2, 24, 17, 19).relu()
        for mask in (None, region.mask):
            got = graphs.on_maps(weights, lambda *x: stage._densely(weights, *x), x, mask)
            expected = stage._on_map(x, None if mask is None else region)
            torch.testing.assert_close(got, expected)
    assert captures.number == 2


def test_changed_weights_drop_the_graphs() -> None:
    stage, captures = make_stage(Bottleneck, 24, 6), Captures()
    graphs, region = Graphs(stage.program, captures), regions()[0]
    tokens = region.gather(torch.randn(2, 24, 17, 19).relu())
    for number in (1, 2):
        with torch.no_grad():
            for parameter in stage.parameters():
                parameter.add_(0.01)
        for _ in range(3):
            weights = stage._packed.weights(stage, None, "taps_last")
            got = graphs.on_rows(stage, weights, tokens, region)
        torch.testing.assert_close(got, on_the_region(stage, tokens, region))
        assert captures.number == number


def test_stages_that_read_beyond_their_tokens_are_not_captured() -> None:
    graphs = Graphs(make_stage(BasicBlock, 24, 24).program)
    assert not graphs.take(regions()[0])
    assert not graphs.take(Region(torch.zeros(1, 4, 4, dtype=torch.bool), 3))


@torch.no_grad()
def test_a_calibration_takes_nine_passes_at_most() -> None:
    class Counting(RegionStage):
        passes = 0

        def _on_map(self, x: Tensor, region: Region | None) -> Tensor:
            Counting.passes += 1
            return super()._on_map(x, region)

        def _on_region(self, x: Tensor, region: Region) -> Tensor:
            Counting.passes += 1
            return super()._on_region(x, region)

    stage = Counting(nn.Sequential(Bottleneck(24, 6), Bottleneck(24, 6)).eval())
    stage.calibrate(torch.randn(1, 24, 9, 9))
    assert 0 < Counting.passes <= 9


@needs_cuda
@torch.no_grad()
def test_cuda_replays_what_a_pass_computes() -> None:
    stage = make_stage(Bottleneck, 24, 6).cuda()
    x = torch.randn(2, 24, 17, 19, device="cuda").relu()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for _ in range(3):  # plain, captured, replayed
            for region in [Region(region.mask.cuda()) for region in regions()]:
                expected = stage._densely(stage._packed.weights(stage, None, "map"), x, region.mask)
                tokens = region.gather(x)
                torch.testing.assert_close(
                    on_the_region(stage, tokens, region), region.gather(expected)
                )
                torch.testing.assert_close(stage._on_map(x, region), expected)
    calls = [calls for _, calls in stage._graphs._calls.values()]
    assert len(calls) == 2 and all(each._calls for each in calls)
