"""Time stages and a network on regions beside the best dense computation; print tables.

The stage is ten Inception-ResNet-B blocks (timm's Block17, dilated twice) on a 64x64 map. The
network is timm's inception_resnet_v2 at output stride 8 on a 512x512 image, as a cascade of three
stages whose heads all compute (Li et al. 2017, "Not All Pixels Are Equal"). Weights are random,
masks are bands along boundaries, and building the region is in the time. All take their turns in
one process; times are medians of the one thread's own clock, which its neighbours disturb least.
Dense is the fastest of all that are printed. The bars are what we promise.
"""

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import timm
import torch
import torch._inductor.config as inductor
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vision_shared.layers.region import Region
from vision_shared.layers.region_conv import region_conv2d
from vision_shared.layers.region_stage import to_region

CHANNELS, SIZE, CLASSES = 1088, 64, 21
BREAK_EVEN, FALLBACK = 0.9, 1.03
STAGE_2, STAGE_3 = ("repeat_1", "mixed_7a"), ("repeat_2", "block8", "conv2d_7b")

Runs = dict[str, Callable[[], object]]


class Case(NamedTuple):
    """A line of the stage's table: the ratio of active pixels, and what the gain has to be."""

    active: float
    times_dense: float | None = None


class Cascade(NamedTuple):
    """A line of the network's table: ratios in stages 2 and 3, and what the gains have to be."""

    active: tuple[float, float]
    times_dense: float | None = None
    times_timm: float | None = None


STAGE_CASES = (
    Case(0.05),
    Case(0.10, 7.0),
    Case(0.25, 3.2),
    Case(0.50, 1.7),
    Case(0.75),
    Case(0.90),
    Case(1.0),
)
NETWORK_CASES = (
    Cascade((0.48, 0.35), 1.6, 2.2),
    Cascade((0.25, 0.10)),
    Cascade((0.10, 0.05)),
    Cascade((1.0, 1.0)),
)
CUDA_CASES = (Case(0.10), Case(0.25), Case(0.50), Case(1.0))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description="Time stages on regions; print tables.")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each contender")
    parser.add_argument("--only", choices=("stage", "network"), help="leave out the other table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    inductor.freezing = True
    print(f"float32, 1 thread, PyTorch {torch.__version__}, {processor()}")
    if args.only != "network":
        bench_stage(args.repeats)
    if args.only != "stage":
        bench_network(args.repeats)
    if not torch.cuda.is_available():
        print("\nNo CUDA device is here: the stage was not timed on one.")
    elif args.only != "network":
        bench_stage_on_cuda(args.repeats)


def bench_stage(repeats: int) -> None:
    print(f"\nTen Inception-ResNet-B blocks, {CHANNELS} x {SIZE} x {SIZE}\n")
    net = nn.ModuleDict({"stage": blocks(10)}).eval()
    stage: Any = to_region(net, ["stage"])["stage"]
    x = torch.randn(1, CHANNELS, SIZE, SIZE).relu()
    last = x.contiguous(memory_format=torch.channels_last)
    stage.calibrate(last)
    dense = dense_runs(net["stage"], x) | {"fused, prepacked": partial(stage, last)}
    masks = {case: band_mask(case.active, SIZE) for case in STAGE_CASES}
    regions = {case: partial(stage, last, mask) for case, mask in masks.items()}
    tokens = {
        case: partial(on_tokens, stage, Region(mask).gather(last), mask)
        for case, mask in masks.items()
    }
    never = {case: partial(never_dense, stage, last, mask) for case, mask in masks.items()}
    contenders: dict[Any, Callable[[], object]] = dict(dense)
    for kind, runs in (("map", regions), ("tokens", tokens), ("never", never)):
        contenders |= {(kind, case): run for case, run in runs.items()}
    seconds = time_on_cpu(contenders, repeats)
    best = print_dense({name: seconds[name] for name in dense})
    print_header("active", "map to map ms", "dense / map", "tokens to tokens ms", "dense / tokens")
    for case in STAGE_CASES:
        ours, within = seconds["map", case], seconds["tokens", case]
        gain = verdict(best / ours, case.times_dense)
        print_line(f"{case.active:.0%}", ms(ours), gain, ms(within), f"{best / within:.2f}")
    pure = [(case.active, seconds["never", case]) for case in STAGE_CASES]
    (measured,) = stage.break_even.values()
    costliest = max(seconds["map", case] for case in STAGE_CASES) / seconds["fused, prepacked"]
    print(
        f"\nBreak-even with the best dense: {verdict(break_even(pure, best), BREAK_EVEN)} active;"
    )
    print(f"the stage itself measured {measured:.2f} against its own dense pass.")
    kept = "met" if costliest <= FALLBACK else "MISSED"
    print(f"Costliest region / its dense pass: {costliest:.3f} (bar {FALLBACK}: {kept})")


def bench_network(repeats: int) -> None:
    print("\ninception_resnet_v2 at output stride 8, 512x512, with heads\n")
    net = network()
    x = torch.rand(1, 3, 512, 512).contiguous(memory_format=torch.channels_last)
    cascade = to_cascade(net)
    dense = dense_runs(Trunk(net), x) | {"fused, prepacked": partial(cascade.dense, x)}
    masks = {case: tuple(band_mask(ratio, SIZE) for ratio in case.active) for case in NETWORK_CASES}
    cascades = {case: partial(cascade, x, *masks[case]) for case in NETWORK_CASES}
    seconds = time_on_cpu({**dense, **cascades}, repeats)
    best, plain = print_dense({name: seconds[name] for name in dense}), seconds["timm, as it is"]
    print_header("active in stages 2/3", "cascade ms", "dense / cascade", "timm / cascade")
    for case in NETWORK_CASES:
        ours = seconds[case]
        ratios = "/".join(f"{ratio:.0%}" for ratio in case.active)
        gains = verdict(best / ours, case.times_dense), verdict(plain / ours, case.times_timm)
        print_line(ratios, ms(ours), *gains)


def bench_stage_on_cuda(repeats: int) -> None:
    """Time tokens to tokens, captured once for each region, as Triton and cuBLAS run it."""
    print(f"\n{torch.cuda.get_device_name()}: the ten blocks, batch 16, bfloat16, CUDA graphs\n")
    net = nn.ModuleDict({"stage": blocks(10)}).eval().to("cuda", torch.bfloat16)
    net.to(memory_format=torch.channels_last)
    stage = to_region(net, ["stage"])["stage"]
    x = torch.randn(16, CHANNELS, SIZE, SIZE, device="cuda", dtype=torch.bfloat16).relu()
    x = x.contiguous(memory_format=torch.channels_last)
    compiled = torch.compile(net["stage"], mode="max-autotune")
    runs: dict[Any, Callable[[], object]] = {"dense": partial(compiled, x)}
    for case in CUDA_CASES:
        mask = torch.cat([band_mask(case.active, SIZE, seed) for seed in range(16)]).cuda()
        region = Region(mask)
        runs[case] = captured(partial(stage, region.gather(x), region))
    seconds = time_on_cuda(runs, repeats)
    print_header("active", "dense ms", "region ms", "dense / region")
    for case in CUDA_CASES:
        ours, dense = seconds[case], seconds["dense"]
        print_line(
            f"{case.active:.0%}", ms(dense), ms(ours), verdict(dense / ours, case.times_dense)
        )


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


def on_tokens(stage: nn.Module, tokens: Tensor, mask: Tensor) -> Tensor:
    return stage(tokens, Region(mask))


def never_dense(stage: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Compute on the region whatever the stage has measured."""
    kept = dict(stage.break_even)
    stage.break_even |= dict.fromkeys(kept, 1.0)
    out = stage(x, mask)
    stage.break_even |= kept
    return out


def break_even(times: list[tuple[float, float]], dense: float) -> float:
    """Return the ratio at which a line through the last two times below it takes as long."""
    for (low, fast), (high, slow) in pairwise(times):
        if slow > dense:
            return low + (high - low) * max(dense - fast, 0) / (slow - fast)
    return 1.0


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


def blocks(count: int) -> nn.Sequential:
    """Return Inception-ResNet-B blocks of timm, dilated, with some random batch statistics."""
    library = import_module("timm.models.inception_resnet_v2")
    norm = {"norm_layer": "batchnorm2d", "norm_kwargs": {"eps": 0.001}}
    make = partial(library.ConvNormAct, padding=0, act_layer="relu", **norm)
    stage = nn.Sequential(*(library.Block17(0.1, make) for _ in range(count)))
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            keep_size(module, 2)
    return randomise(stage)


def network() -> Any:
    """Return timm's network with what semantic segmentation changes: output stride 8."""
    net: Any = timm.create_model("inception_resnet_v2", pretrained=False)
    dilations = {"repeat_1": 2, "mixed_7a": 2, "repeat_2": 4, "block8": 4}
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            keep_size(module, dilations.get(name.split(".")[0], 1))
            if name.startswith(("mixed_6a", "mixed_7a")):
                module.stride = 1, 1
        elif isinstance(module, nn.MaxPool2d):
            module.padding = 1
    net.mixed_6a.branch2 = net.mixed_7a.branch3 = nn.Identity()
    return randomise(net)


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


class Head(nn.Module):
    """Two convolutions of 128 channels and one to classes; on tokens where a region is given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = (channels, 128, 3), (128, 128, 1), (128, CLASSES, 1)
        layers = (nn.Conv2d(i, o, k, padding=k // 2) for i, o, k in sizes)
        self.layers: Any = nn.ModuleList(layers)
        self.requires_grad_(False)

    def forward(self, x: Tensor, region: Region | None = None) -> Tensor:
        first, second, last = self.layers
        if region is None:
            return last(second(first(x).relu_()).relu_())
        x = region_conv2d(x, first.weight, first.bias, region=region, relu=True)
        x = region_conv2d(x, second.weight, second.bias, region=region, relu=True)
        return region_conv2d(x, last.weight, last.bias, region=region)


class Trunk(nn.Module):
    """The network as timm computes it, and the last head."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net, self.head = net, Head(1536)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net.forward_features(x))


class LayerCascade(nn.Module):
    """Three stages with a head each; later ones compute at the pixels they are given."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        first = ("conv2d_1a", "conv2d_2a", "conv2d_2b", "maxpool_3a", "conv2d_3b", "conv2d_4a")
        first += ("maxpool_5a", "mixed_5b", "repeat", "mixed_6a")
        self.first: Any = nn.Sequential(*(getattr(net, name) for name in first))
        self.second = nn.ModuleList(getattr(net, name) for name in STAGE_2)
        self.third = nn.ModuleList(getattr(net, name) for name in STAGE_3)
        self.heads = nn.ModuleList(Head(channels) for channels in (CHANNELS, 2080, 1536))

    def forward(self, x: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Return the confidences and classes of all stages, (1, 2, H, W)."""
        x = self.first(x)
        labels = torch.stack(F.softmax(self.heads[0](x), 1).max(1), 1)
        region = Region(second)
        tokens = region.gather(x)
        for stage in self.second:
            tokens = stage(tokens, region)
        decided = torch.stack(F.softmax(self.heads[1](tokens, region), 1).max(1), 1)
        labels = region.scatter(decided, labels)
        inner = region.subset(third)
        tokens = region.select(tokens, inner)
        for stage in self.third:
            tokens = stage(tokens, inner)
        decided = torch.stack(F.softmax(self.heads[2](tokens, inner), 1).max(1), 1)
        return inner.scatter(decided, labels)

    def dense(self, x: Tensor) -> Tensor:
        """Compute all pixels through all stages, and the last head."""
        x = self.first(x)
        for stage in (*self.second, *self.third):
            x = stage(x)
        return self.heads[2](x)


def to_cascade(net: Any) -> LayerCascade:
    folded = fold(copy.deepcopy(net)).to(memory_format=torch.channels_last)
    cascade = LayerCascade(to_region(folded, ["repeat", *STAGE_2, *STAGE_3]))
    cascade.first = torch.compile(cascade.first)
    return cascade


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


def verdict(reached: float, bar: float | None) -> str:
    if bar is None:
        return f"{reached:.2f}"
    return f"{reached:.2f} (bar {bar:g}: {'met' if reached >= bar else 'MISSED'})"


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return "an unnamed processor"


if __name__ == "__main__":
    main()
