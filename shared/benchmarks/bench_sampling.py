"""Time voxel-flow sampling beside two ways to write it with `grid_sample`; print tables.

*usual* is what is mostly written: the grid is built again on every call, each frame is sampled,
and the mask is repeated over the channels before the blend. *cached* is as good as it gets
without a kernel of one's own: the grid is kept, and one lerp blends. All three take their turns
in one process; times are medians. Gradients are those to flow and weights. On one CPU thread the
clock is the thread's own, which its neighbours disturb least. The bars are what we promise.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from bars import add_arguments, finish, verdict  # pyrefly: ignore[missing-import]
from torch import Tensor

from vision_shared.layers import sample_voxel_flow

CHANNELS, FRAMES = 3, 2
grid_sample = partial(F.grid_sample, mode="bilinear", padding_mode="border", align_corners=True)


class Case(NamedTuple):
    """One line of a table: what is timed, and what our time has to be at least."""

    batch: int
    height: int
    width: int
    passes: Literal["forward", "backward", "both"]
    threads: int = 1
    times_usual: float | None = None
    times_cached: float | None = None
    of_roofline: float | None = None


class Contender(NamedTuple):
    """A way to make the image, and the tensors that gradients go to."""

    make: Callable[[], Tensor]
    leaves: tuple[Tensor, Tensor]


CPU_CASES = (
    Case(8, 256, 256, "forward", times_usual=1.2),
    Case(1, 720, 1280, "forward", threads=2, times_usual=1.4),
    Case(8, 256, 256, "both"),
    Case(1, 720, 1280, "both", threads=2),
)
CUDA_CASES = (
    Case(4, 1080, 1920, "forward", times_usual=5, times_cached=3, of_roofline=0.7),
    Case(4, 1080, 1920, "backward", of_roofline=0.6),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time voxel-flow sampling; print tables.")
    parser.add_argument("--repeats", type=int, default=40, help="turns of each contender")
    add_arguments(parser)
    arguments = parser.parse_args()
    repeats = arguments.repeats
    print(f"Voxel-flow sampling, float32, {FRAMES} frames, PyTorch {torch.__version__}\n")
    if arguments.device == "all":
        print_table(CPU_CASES, partial(time_on_cpu, repeats=repeats))
    if not torch.cuda.is_available():
        print("\nNo CUDA device is here: the kernels were not timed.")
        return finish(arguments.json)
    bandwidth = copy_bandwidth(repeats)
    print(f"\n{torch.cuda.get_device_name()}, which copies at {bandwidth / 1e9:.0f} GB/s\n")
    print_table(CUDA_CASES, partial(time_on_cuda, repeats=repeats), bandwidth)
    return finish(arguments.json)


def print_table(
    cases: tuple[Case, ...], measure: Callable[[Case], list[float]], bandwidth: float | None = None
) -> None:
    """Print a line per case; ``measure`` gives the seconds of usual, cached and ours."""
    columns = ["batch x size", "pass", "clock", "usual ms", "cached ms", "ours ms"]
    columns += ["usual / ours", "cached / ours"] + (["of roofline"] if bandwidth else [])
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for case in cases:
        usual, cached, ours = seconds = measure(case)
        clock = "events" if bandwidth else "CPU" if case.threads == 1 else f"wall, {case.threads}"
        where = f"{'CUDA' if bandwidth else 'CPU'}, {case.passes}"
        cells = [f"{case.batch} x {case.width}x{case.height}", case.passes, clock]
        cells += [f"{1000 * x:.3g}" for x in seconds]
        cells += [
            verdict(usual / ours, case.times_usual, f"{where}: usual / ours"),
            verdict(cached / ours, case.times_cached, f"{where}: cached / ours"),
        ]
        if bandwidth:
            share = bytes_moved(case) / bandwidth / ours
            cells.append(verdict(share, case.of_roofline, f"{where}: of roofline"))
        print(f"| {' | '.join(cells)} |", flush=True)


def time_on_cpu(case: Case, repeats: int) -> list[float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(case.threads)
    clock = time.thread_time if case.threads == 1 else time.perf_counter
    runs = [task(contender, case) for contender in contenders(case, "cpu")]
    taken: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 3):
        for run, times in zip(runs, taken, strict=True):
            start = clock()
            run()
            times += [clock() - start] if turn >= 3 else []
    torch.set_num_threads(threads)
    return [statistics.median(times) for times in taken]


def time_on_cuda(case: Case, repeats: int) -> list[float]:
    runs = [task(contender, case) for contender in contenders(case, "cuda")]
    return time_runs_on_cuda(runs, repeats)


def time_runs_on_cuda(runs: list[Callable[[], object]], repeats: int) -> list[float]:
    """Time by events around ten calls each, so that the device never waits for Python."""
    taken: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 3):
        for run, times in zip(runs, taken, strict=True):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(10):
                run()
            end.record()
            end.synchronize()
            times += [start.elapsed_time(end) / 1000 / 10] if turn >= 3 else []
    return [statistics.median(times) for times in taken]


def copy_bandwidth(repeats: int) -> float:
    """Return what the device reads and writes in a large copy, bytes per second."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    (seconds,) = time_runs_on_cuda([partial(target.copy_, source)], repeats)
    return 2 * source.numel() / seconds


def bytes_moved(case: Case) -> float:
    """Return the traffic that nothing can avoid: every input and result once, 4 bytes each."""
    read = FRAMES * CHANNELS + 2 + FRAMES  # frames, flow, weights
    extra = CHANNELS if case.passes == "forward" else CHANNELS + 2 + FRAMES
    return 4.0 * case.batch * case.height * case.width * (read + extra)


def task(contender: Contender, case: Case) -> Callable[[], object]:
    """Return what is timed."""
    make, leaves = contender
    image = make()
    grad = torch.rand_like(image)
    if case.passes == "backward":
        return lambda: torch.autograd.grad(image, leaves, grad, retain_graph=True)
    if case.passes == "both":
        return lambda: torch.autograd.grad(make(), leaves, grad)
    return torch.no_grad()(make)


def contenders(case: Case, device: str) -> list[Contender]:
    """Return usual, cached and ours on the same frames, smooth flow and blend."""
    torch.manual_seed(0)
    batch, height, width = case.batch, case.height, case.width
    frames = torch.rand(batch, FRAMES, CHANNELS, height, width, device=device)
    coarse = 6 * torch.randn(batch, 2, height // 32, width // 32, device=device)
    flow = F.interpolate(coarse, size=(height, width), mode="bilinear").requires_grad_()
    blend = torch.rand(batch, 1, height, width, device=device, requires_grad=True)
    weights = torch.cat([1 - blend, blend], 1).detach().requires_grad_()
    unit = torch.tensor([2 / (width - 1), 2 / (height - 1)], device=device)
    normalised = (flow * unit.view(1, 2, 1, 1)).detach().requires_grad_()
    first, last = frames.unbind(1)
    grid = build_grid(height, width, device)
    return [
        Contender(partial(usual, first, last, normalised, blend), (normalised, blend)),
        Contender(partial(cached, first, last, flow, blend, grid, unit), (flow, blend)),
        Contender(partial(sample_voxel_flow, frames, flow, weights, (0, 1), 0.5), (flow, weights)),
    ]


def usual(first: Tensor, last: Tensor, flow: Tensor, blend: Tensor) -> Tensor:
    batch, _, height, width = flow.shape
    grid = build_grid(height, width, flow.device).repeat(batch, 1, 1, 1)
    shift = 0.5 * flow.permute(0, 2, 3, 1)
    mask = blend.repeat(1, CHANNELS, 1, 1)
    return (1 - mask) * grid_sample(first, grid - shift) + mask * grid_sample(last, grid + shift)


def cached(
    first: Tensor, last: Tensor, flow: Tensor, blend: Tensor, grid: Tensor, unit: Tensor
) -> Tensor:
    shift = flow.permute(0, 2, 3, 1) * (0.5 * unit)
    return torch.lerp(grid_sample(first, grid - shift), grid_sample(last, grid + shift), blend)


def build_grid(height: int, width: int, device: torch.device | str) -> Tensor:
    y = torch.linspace(-1, 1, height, device=device)
    x = torch.linspace(-1, 1, width, device=device)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


if __name__ == "__main__":
    sys.exit(main())
