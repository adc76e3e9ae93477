"""Kernels on a device: layouts, sizes, devices, waits, memory, autocast and the dense fallback."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from reporting import Report, run  # pyrefly: ignore[missing-import]
from torch import Tensor, nn

from vision_shared.layers import sample_voxel_flow
from vision_shared.region import Region, to_region


def main(report: Report) -> None:
    device = report.device
    report.attempt("sampling, slices and channels last", partial(strided, report, device))
    if torch.cuda.device_count() > 1:
        report.attempt("sampling on cuda:1", partial(strided, report, "cuda:1"))
    report.attempt("region stages", partial(stages, report))
    if report.is_cuda:
        report.attempt("sampling beyond 2^31 elements", partial(huge, report))
        report.attempt("sampling, peak memory", partial(memory, report))
        report.attempt("no wait for the device", partial(waits, report))


def strided(report: Report, device: str) -> None:
    """Compare gradients and results of the same values in other layouts."""
    torch.manual_seed(0)
    frames = torch.rand(2, 3, 3, 37, 130, device=device)
    flow = 4 * torch.randn(2, 2, 37, 130, device=device)
    weights = torch.rand(2, 3, 37, 130, device=device)
    answers = []
    for last in (False, True):
        leaves = [x.clone().requires_grad_() for x in (frames, flow, weights)]
        f, m, w = (x.movedim(-3, -1).contiguous().movedim(-1, -3) if last else x for x in leaves)
        out = sample_voxel_flow(f[:, 1:], m, w[:, 1:], (1, 2), 1.4)
        answers.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    worst = max(float((a - b).abs().max()) for a, b in zip(*answers, strict=True))
    report.add(f"sampling on {device}, channels last against first", worst, 1e-3, most=True)


def huge(report: Report) -> None:
    """Read an image whose planes begin beyond what int32 counts."""
    side = 16384
    frames = torch.zeros(1, 2, 4, side, side, device="cuda", dtype=torch.float16)
    frames[:, :, 3, -8:, -8:] = torch.rand(1, 2, 8, 8, device="cuda").half()
    flow = torch.zeros(1, 2, side, side, device="cuda")
    half = torch.full((), 0.5, device="cuda").expand(1, 2, side, side)
    out = sample_voxel_flow(frames, flow, half, (0, 1), 0.5)
    expected = frames[:, :, 3, -8:, -8:].float().mean(1)
    error = float((out[:, 3, -8:, -8:].float() - expected).abs().max())
    report.add("sampling beyond 2^31 elements, largest error", error, 1e-3, most=True)


def memory(report: Report) -> None:
    """Sample 4 x 1080p from a slice of a batch; the peak is its tensors and little else."""
    frames = torch.rand(4, 3, 3, 1080, 1920, device="cuda")
    flow, weights = (
        torch.zeros(4, 2, 1080, 1920, device="cuda"),
        torch.ones(4, 2, 1080, 1920, device="cuda"),
    )
    sample_voxel_flow(frames[:, 1:], flow, weights, (0, 1), 0.5)
    torch.cuda.reset_peak_memory_stats()
    out = sample_voxel_flow(frames[:, 1:], flow, weights, (0, 1), 0.5)
    tensors = sum(x.nbytes for x in (frames, flow, weights, out))
    report.add(
        "sampling 4 x 1080p, peak / tensors",
        torch.cuda.max_memory_allocated() / tensors,
        1.3,
        most=True,
    )


def waits(report: Report) -> None:
    """After a first call nothing waits for the device: neither sampling nor a stage's layers."""
    frames = torch.rand(2, 2, 3, 64, 96, device="cuda")
    flow = torch.zeros(2, 2, 64, 96, device="cuda", requires_grad=True)
    weights = torch.ones(2, 2, 64, 96, device="cuda")
    kinds = nn.ModuleDict({"plain": basic_blocks(32), "replayed": inception(32)})
    net: Any = to_region(kinds.eval(), list(kinds)).cuda()
    x = torch.randn(2, 32, 24, 24, device="cuda")
    region = Region(blobs(x))
    for stage in net.values():
        stage.calibrate(x)

    def everything() -> None:
        out = sample_voxel_flow(frames, flow, weights, (0, 1), 0.5)
        torch.autograd.grad(out.sum(), flow)
        with torch.no_grad():
            for stage in net.values():
                stage(x, region)

    for _ in range(3):
        everything()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        everything()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    report.add("no wait for the device after warm-up", "none")


def stages(report: Report) -> None:
    """Compare stages with float64 on the CPU: on a region and densely, in both precisions."""
    number, side = (4, 33) if report.is_cuda else (1, 9)
    makers: dict[str, Callable[[int], nn.Module]] = {
        "3x3 first": basic_blocks,
        "1x1 first": inception,
    }
    for name, make in makers.items():
        torch.manual_seed(0)
        net: Any = to_region(nn.ModuleDict({"stage": make(32)}).eval(), ["stage"])
        x = torch.randn(number, 32, side, side)
        mask = blobs(x)
        expected = copy.deepcopy(net).double()["stage"](x.double().requires_grad_(), mask).detach()
        stage = net.to(report.device)["stage"]
        for half in (False, True):
            for forced in (1.0, 0.0):  # never dense, always dense
                report.attempt(
                    f"region stage, {name}",
                    partial(one_stage, report, stage, (x, mask, expected), (name, half, forced)),
                )


def one_stage(
    report: Report, stage: Any, data: tuple[Tensor, ...], how: tuple[str, bool, float]
) -> None:
    (x, mask, expected), (name, half, forced) = (d.to(report.device) for d in data), how
    with (
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        torch.autocast(report.device, torch.bfloat16, enabled=half),
        torch.no_grad(),
    ):
        stage.calibrate(x)
        stage.break_even = dict.fromkeys(stage.break_even, forced)
        out = x
        for _ in range(3):  # the second call captures a graph, the third is the first to replay it
            out = stage(x, mask)
    error = float((out.double() - expected).norm() / expected.norm())
    way = "dense" if forced == 0 else "region"
    kind = "bf16" if half else "float32"
    report.add(f"stage, {name}, {way}, {kind}: error", error, 2e-2 if half else 1e-4, most=True)


def blobs(x: Tensor) -> Tensor:
    """Return a mask (B, H, W) of about a third of the pixels."""
    batch, _, height, width = x.shape
    y = torch.arange(height, device=x.device)[:, None]
    return ((y + torch.arange(width, device=x.device)) % 9 < 3).expand(batch, -1, -1).contiguous()


class Residual(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.relu = body, nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + x)


def conv(inputs: int, outputs: int, size: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def basic_blocks(width: int) -> nn.Module:
    def block() -> nn.Module:
        body = [*conv(width, width, 3), nn.ReLU(), *conv(width, width, 3)]
        return Residual(nn.Sequential(*body))

    return nn.Sequential(block(), block())


def inception(width: int) -> nn.Module:
    def block() -> nn.Module:
        body = [*conv(width, 16, 1), nn.ReLU(), *conv(16, 16, 3), nn.ReLU(), *conv(16, width, 1)]
        return Residual(nn.Sequential(*body))

    return nn.Sequential(block(), block())


if __name__ == "__main__":
    run(main)
