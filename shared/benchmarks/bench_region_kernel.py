"""Time the kernel of region convolution beside the dense convolution; print a table.

*Dense* is cuDNN's on the whole map, channels last, the fastest of its algorithms. *Product* is one
`torch.mm` of the size that the kernel multiplies, on rows that were gathered before: no kernel
that gathers can be expected to beat it. Bfloat16, with a bias; regions are smoothed noise, cut at
the share that is active. All three take their turns as CUDA graphs, the cache emptied before
each; times are medians. What is asked is how much of the saved work is saved time: a speed-up
times the active share of 1 is all of it. The bars are what we promise. A 1x1 convolution of tokens
is a plain product, and that is what the layer makes of it; the kernel can do it too.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from bars import add_arguments, finish, verdict  # pyrefly: ignore[missing-import]
from torch import Tensor

from vision_shared.region import Region

BATCH, HEIGHT, WIDTH = 20, 128, 128  # so that a tenth is 32768 active pixels


class Case(NamedTuple):
    """One line of the table, and what has to be reached at least."""

    kernel_size: tuple[int, int]
    channels: int
    columns: int
    active: float
    saved: float | None  # speed-up over dense, times the active share
    of_product: float = 0.75  # of the throughput of `torch.mm`


CASES = tuple(
    Case(size, *channels, active, saved if size != (1, 1) else None)
    for size in ((3, 3), (1, 7), (1, 1))
    for channels in ((128, 160), (256, 192))  # as in the branches of Inception-ResNet
    for active, saved in ((0.1, 0.7), (0.25, 0.8))
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time region convolution on CUDA; print a table.")
    parser.add_argument("--repeats", type=int, default=50, help="turns of each contender")
    add_arguments(parser)
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if not torch.cuda.is_available():
        print("No CUDA device is here: the kernel of region convolution was not timed.")
        return finish(arguments.json)
    torch.backends.cudnn.benchmark = True
    print(f"Region convolution, bfloat16, {BATCH} x {WIDTH}x{HEIGHT}, PyTorch {torch.__version__}")
    print(f"{torch.cuda.get_device_name()}\n")
    columns = ["convolution", "active", "rows", "dense ms", "product ms", "ours ms"]
    columns += ["dense / ours x active", "product / ours"]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for case in CASES:
        print(f"| {' | '.join(measure(case, repeats))} |", flush=True)
    return finish(arguments.json)


@torch.no_grad()
def measure(case: Case, repeats: int) -> list[str]:
    """Return the cells of a case's line."""
    region = random_region(case.active)
    dense, product, ours = time_in_turns(contenders(case, region), repeats)
    height, width = case.kernel_size
    name = f"{height}x{width} {case.channels} to {case.columns}, {100 * case.active:g} %"
    return [
        f"{height}x{width} {case.channels} to {case.columns}",
        f"{100 * case.active:g} %",
        str(region.num_active),
        *(f"{1000 * seconds:.3g}" for seconds in (dense, product, ours)),
        verdict(dense / ours * case.active, case.saved, f"{name}: dense / ours x active"),
        verdict(product / ours, case.of_product, f"{name}: product / ours"),
    ]


def random_region(active: float) -> Region:
    """Return a region of blobs some ten pixels wide, exactly ``active`` of all pixels."""
    torch.manual_seed(0)
    noise = torch.randn(BATCH, 1, HEIGHT, WIDTH, device="cuda")
    for _ in range(3):
        noise = F.avg_pool2d(noise, 9, stride=1, padding=4)
    chosen = noise.flatten().topk(round(active * noise.numel())).indices
    mask = torch.zeros(noise.numel(), dtype=torch.bool, device="cuda")
    mask[chosen] = True
    return Region(mask.view_as(noise))


def contenders(case: Case, region: Region) -> list[Callable[[], Tensor]]:
    """Return dense, product and ours, which have been seen to agree."""
    height, width = case.kernel_size
    taps = height * width
    make = partial(torch.randn, device="cuda", dtype=torch.bfloat16)
    x = make(BATCH, case.channels, HEIGHT, WIDTH) * region.mask[:, None]
    x = x.to(memory_format=torch.channels_last)
    weight = make(case.columns, case.channels, height, width) / (taps * case.channels) ** 0.5
    weight = weight.to(memory_format=torch.channels_last)
    bias = make(case.columns)
    tokens, table = region.gather(x), region.neighbours(case.kernel_size)
    stacked = weight.permute(2, 3, 1, 0).flatten(0, 1)  # a view, as in the layer
    gathered = make(region.num_active, taps * case.channels)
    convolve = torch.ops.vision_shared.region_conv
    runs = [
        partial(F.conv2d, x, weight, bias, padding=(height // 2, width // 2)),
        partial(torch.mm, gathered, stacked.flatten(0, 1)),
        partial(convolve, tokens, table, table, stacked, bias, None, False),
    ]
    expected = region.gather(runs[0]())
    error = (runs[2]().float() - expected.float()).norm() / expected.float().norm()
    assert error < 0.01, f"the kernel and cuDNN differ by {error:.3g} of the result"
    return runs


def time_in_turns(runs: list[Callable[[], Tensor]], repeats: int) -> list[float]:
    """Return the median seconds of each, as a CUDA graph that finds an empty cache."""
    graphs = [capture(run) for run in runs]
    flushed = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    taken: list[list[tuple[torch.cuda.Event, torch.cuda.Event]]] = [[] for _ in runs]
    for turn in range(repeats + 3):
        for graph, events in zip(graphs, taken, strict=True):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            flushed.zero_()  # takes longer than to launch what follows
            start.record()
            graph.replay()
            end.record()
            events += [(start, end)] if turn >= 3 else []
    torch.cuda.synchronize()
    return [
        statistics.median(start.elapsed_time(end) / 1000 for start, end in events)
        for events in taken
    ]


def capture(run: Callable[[], Tensor]) -> torch.cuda.CUDAGraph:
    """Return ``run`` as a graph; its first calls, which compile and choose, come before it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


if __name__ == "__main__":
    sys.exit(main())
