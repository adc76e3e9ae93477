"""The region operators inside PyTorch's machinery: opcheck, compile, export, DDP, other devices."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim, export
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.library import opcheck

from vision_shared.region import Region, RegionConv2d, region_conv2d
from vision_shared.region.conv import Inactive
from vision_shared.region.kernels.conv import (
    region_conv,
    region_conv_weight,
    region_picks,
    region_rows,
)


def random_mask(share: float = 0.4, height: int = 6, width: int = 7) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.rand(2, height, width, generator=rng) < share


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # opcheck's own doing
@pytest.mark.parametrize(("dtype", "relu"), [(torch.float32, True), (torch.float64, False)])
def test_operators_keep_their_contract(dtype: torch.dtype, relu: bool) -> None:
    torch.manual_seed(0)
    region = Region(random_mask())
    x = torch.randn(region.mask.numel(), 3, dtype=dtype, requires_grad=True)
    weight = torch.randn(9, 3, 4, dtype=dtype, requires_grad=True)
    bias = torch.randn(4, dtype=dtype, requires_grad=True)
    residual = torch.randn(region.num_active, 4, dtype=dtype, requires_grad=True)
    tables = region.pixels((3, 3)), region.readers((3, 3))
    opcheck(region_conv, (x, *tables, weight, bias, residual, relu))
    opcheck(region_conv, (x, *tables, weight, None, None, relu))
    opcheck(region_conv_weight, (x.detach(), tables[0], residual.detach()))


def test_searches_keep_their_contract() -> None:
    for share in (0.0, 0.4):
        region = Region(random_mask(share))
        opcheck(region_rows, (region.mask,))
        opcheck(region_picks, (region.places, region.rows))


def test_operator_changes_none_of_its_inputs() -> None:
    torch.manual_seed(0)
    table = torch.tensor([[-1]], dtype=torch.int32)  # a table whose transpose is itself
    x, weight, residual = torch.randn(1, 3), torch.randn(1, 3, 4), torch.randn(1, 4)
    inputs = x, table, weight, residual
    kept = [tensor.clone() for tensor in inputs]
    region_conv(x, table, table, weight, None, residual, True)
    region_conv_weight(x, table, residual)
    assert all(map(torch.equal, inputs, kept))


class Stage(nn.Module):
    """As a network uses a region: layers on tokens, one on the map, a smaller region inside."""

    def __init__(self, inactive: Inactive = "zero") -> None:
        super().__init__()
        self.inactive: Inactive = inactive
        self.first = RegionConv2d(3, 4, 3, dilation=2)
        self.second = RegionConv2d(4, 4, (1, 3), bias=False)
        self.last = RegionConv2d(4, 3, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        region = Region(mask)
        tokens = region.gather(self.first(x, region, inactive=self.inactive, relu=True))
        tokens = self.second(tokens, region, residual=tokens)
        inner = region.subset(mask & (x[:, 0] > 0))
        tokens = self.last(region.select(tokens, inner), inner)
        return inner.scatter(tokens, onto=x) + region.downsample(2).mask.sum()


@pytest.mark.parametrize("inactive", ["zero", "frozen"])
def test_one_compiled_graph_serves_any_number_of_active_pixels(inactive: Inactive) -> None:
    torch.manual_seed(0)
    stage, counter = Stage(inactive), CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(stage, backend=counter, fullgraph=True)
    leaves = [torch.randn(2, 3, 6, 7, requires_grad=True), *stage.parameters()]
    for share in (0.4, 0.9, 0.0, 1.0):
        mask = random_mask(share)
        expected, result = stage(leaves[0], mask), compiled(leaves[0], mask)
        torch.testing.assert_close(result, expected)
        torch.testing.assert_close(
            torch.autograd.grad(result.square().sum(), leaves),
            torch.autograd.grad(expected.square().sum(), leaves),
        )
    assert counter.frame_count == 1


def test_compiled_function_takes_a_region_and_autocast() -> None:
    torch.manual_seed(0)
    layer = RegionConv2d(3, 4, 3)

    def convolve(x: Tensor, region: Region) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return layer(x, region)

    compiled = torch.compile(convolve, backend="aot_eager", fullgraph=True)
    for share in (0.4, 0.9):
        x, region = torch.randn(2, 3, 6, 7), Region(random_mask(share))
        assert torch.equal(compiled(x, region), convolve(x, region))


@pytest.mark.parametrize(("inactive", "strict"), [("zero", True), ("frozen", False)])
def test_exported_program_runs_at_other_sizes(inactive: Inactive, strict: bool) -> None:
    torch.manual_seed(0)
    stage = Stage(inactive)
    height, width = Dim("height", min=4, max=8192), Dim("width", min=4, max=8192)
    sizes = {2: height, 3: width}, {1: height, 2: width}
    example = torch.randn(2, 3, 6, 7), random_mask()
    exported = export(stage, example, dynamic_shapes=sizes, strict=strict)
    operators = [str(node.target) for node in exported.graph.nodes]
    assert operators.count("vision_shared.region_conv.default") == 2  # and 1 x 1 needs none
    for program in (exported, exported.run_decompositions()):
        for share in (0.6, 0.0):
            x, mask = torch.randn(2, 3, 9, 12), random_mask(share, 9, 12)
            torch.testing.assert_close(program.module()(x, mask), stage(x, mask))


def test_gradient_of_the_weight_gradient_is_refused() -> None:
    region = Region(random_mask())
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    out = region_conv2d(x, weight, region=region)
    (grad,) = torch.autograd.grad(out.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula"):
        grad.sum().backward()


def test_cuda_has_the_same_contract_and_no_layer_waits() -> None:
    # Fake tensors have no values: what asked for one, as a wait for the device does, would raise.
    with FakeTensorMode(shape_env=ShapeEnv()):
        region = Region(torch.empty(2, 6, 7, dtype=torch.bool, device="cuda"))
        x = torch.empty(2, 3, 6, 7, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        layer = RegionConv2d(3, 4, 3, device="cuda", dtype=torch.bfloat16)
        for inactive in ("zero", "frozen"):
            out = layer(x, region, inactive=inactive, relu=True)
            assert (out.shape, out.dtype, out.device.type) == ((2, 4, 6, 7), x.dtype, "cuda")
        tokens, table = region.gather(x), region.neighbours((3, 3))
        grad = region_conv_weight(tokens, table, region.gather(out))
        assert (grad.shape, grad.dtype, grad.device.type) == ((9, 3, 4), x.dtype, "cuda")
        elsewhere = Region(torch.empty(2, 6, 7, dtype=torch.bool))
        for child in (lambda: region.subset(elsewhere.mask), lambda: elsewhere.gather(x)):
            with pytest.raises(ValueError, match=r"expected .* on c(uda:0|pu), got c(pu|uda:0)"):
                child()


DISTRIBUTED = """
import sys, torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from vision_shared.region import Region, RegionConv2d

class Stage(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen, self.zero = RegionConv2d(3, 4, 3), RegionConv2d(4, 4, (1, 7))
        self.last = RegionConv2d(4, 3, 1)

    def forward(self, x, mask):
        region = Region(mask)
        tokens = region.gather(self.frozen(x, region, inactive="frozen", relu=True))
        return self.last(self.zero(tokens, region), region)

store, rank = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
torch.manual_seed(0)
alone, x, mask = Stage(), torch.randn(2, 3, 6, 7), torch.rand(2, 6, 7) < 0.5
alone(x, mask).square().sum().backward()
stage = DistributedDataParallel(Stage())
stage.module.load_state_dict(alone.state_dict())
for _ in range(2):  # what an unused parameter leaves behind, the second pass reports
    stage.zero_grad()
    out = stage(x, mask if rank == 0 else torch.zeros_like(mask))
    assert out.shape[0] == (mask.sum() if rank == 0 else 0)
    out.square().sum().backward()
for ours, expected in zip(stage.parameters(), alone.parameters(), strict=True):
    assert expected.grad.any()
    torch.testing.assert_close(ours.grad, expected.grad / 2)  # the mean of one and zeros
dist.destroy_process_group()
"""


def test_process_without_active_pixels_takes_part_in_training(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", DISTRIBUTED, str(tmp_path / "store")]
    processes = [
        subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    reports = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(reports)
