"""What the benchmarks of stages and networks on regions share: contenders, turns, masks, tables."""

import copy
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch._inductor.config as inductor
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIZE = 64  # of the maps that stages work on
CHANNELS = 1088  # of Inception-ResNet-B
Runs = dict[str, Callable[[], object]]


def use_one_thread() -> None:
    """Set PyTorch up for the comparison, and print what it runs on."""
    torch.set_num_threads(1)
    inductor.freezing = True
    print(f"float32, 1 thread, PyTorch {torch.__version__}, {processor()}")


def dense_runs(net: nn.Module, x: Tensor) -> Runs:
    """Return the ways to compute a network densely, all warmed up."""
    last = x.contiguous(memory_format=torch.channels_last)
    folded = fold(copy.deepcopy(net))
    folded_last = copy.deepcopy(folded).to(memory_format=torch.channels_last)
    compiled = torch.compile(copy.deepcopy(net).to(memory_format=torch.channels_last))
    return {
        "timm, as it is": partial(net, x.contiguous()),
        "folded": partial(folded, x.contiguous()),
        "folded, channels last": partial(folded_last, last),
        "compiled, frozen": partial(compiled, last),
    }


def time_on_cpu(runs: dict[Any, Callable[[], object]], repeats: int) -> dict[Any, float]:
    taken: dict[Any, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            taken[name] += [time.thread_time() - start] if turn else []
    return {name: statistics.median(times) for name, times in taken.items()}


def time_on_cuda(runs: dict[Any, Callable[[], object]], repeats: int) -> dict[Any, float]:
    """Time by events around ten calls each, so that the device never waits for Python."""
    taken: dict[Any, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 3):
        for name, run in runs.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(10):
                run()
            end.record()
            end.synchronize()
            taken[name] += [start.elapsed_time(end) / 1000 / 10] if turn >= 3 else []
    return {name: statistics.median(times) for name, times in taken.items()}


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """Return the replay of a CUDA graph of ``run``."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def band_mask(ratio: float, size: int, seed: int = 0) -> Tensor:
    """Return (1, size, size) with this ratio nearest to the outlines of a few ellipses.

    A smaller ratio is inside a larger one.
    """
    rng = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    distance = torch.full((size, size), math.inf)
    for centre_y, centre_x, height, width in torch.rand(4, 4, generator=rng).tolist():
        axes = (0.1 + 0.25 * height) * size, (0.1 + 0.25 * width) * size
        radius = torch.hypot((y - centre_y * size) / axes[0], (x - centre_x * size) / axes[1])
        distance = torch.minimum(distance, (radius - 1).abs() * min(axes))
    order = distance.flatten().argsort(stable=True)
    mask = torch.zeros(size * size, dtype=torch.bool)
    mask[order[: round(ratio * size * size)]] = True
    return mask.view(1, size, size)


def keep_size(conv: nn.Conv2d, dilation: int) -> None:
    kernel_size = conv.kernel_size
    conv.dilation = dilation, dilation
    conv.padding = tuple(k // 2 * dilation for k in kernel_size)


def randomise(net: nn.Module) -> Any:
    for name, statistic in net.named_buffers():
        if name.endswith("running_var"):
            nn.init.uniform_(statistic, 0.5, 1.5)
        elif name.endswith("running_mean"):
            nn.init.normal_(statistic, 0, 0.1)
    return net.eval().requires_grad_(False)


def fold(net: nn.Module) -> nn.Module:
    """Fold the batch norm of every timm block of convolution, norm and activation."""
    for module in net.modules():
        conv, norm = getattr(module, "conv", None), getattr(module, "bn", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv, module.bn = fuse_conv_bn_eval(conv, norm), getattr(norm, "act")  # noqa: B009
    return net


def print_dense(seconds: dict[str, float]) -> float:
    """Print the dense contenders, and return the time of the fastest."""
    print_header("dense", "ms")
    for name, taken in seconds.items():
        print_line(name, ms(taken))
    print(flush=True)
    return min(seconds.values())


def print_header(*columns: str) -> None:
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")


def print_line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.4g}"


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return "an unnamed processor"
