"""Time a stage on regions beside the best dense computation; print a table.

The stage is ten Inception-ResNet-B blocks (timm's Block17, dilated twice) on a 64x64 map. Weights
are random, masks are bands along boundaries, and building the region is in the time. All take
their turns in one process; times are medians of the one thread's own clock, which its neighbours
disturb least. Dense is the fastest of all that are printed. The bars are what we promise.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from bars import add_arguments, finish, verdict  # pyrefly: ignore[missing-import]
from region_timing import (  # pyrefly: ignore[missing-import]
    CHANNELS,
    SIZE,
    band_mask,
    captured,
    dense_runs,
    keep_size,
    ms,
    print_dense,
    print_header,
    print_line,
    randomise,
    time_on_cpu,
    time_on_cuda,
    use_one_thread,
)
from torch import Tensor, nn

from vision_shared.region import Region, to_region

BREAK_EVEN, FALLBACK = 0.9, 1.03


class Case(NamedTuple):
    """A line of the stage's table: the ratio of active pixels, and what the gain has to be."""

    active: float
    times_dense: float | None = None


STAGE_CASES = (
    Case(0.05),
    Case(0.10, 7.0),
    Case(0.25, 3.2),
    Case(0.50, 1.7),
    Case(0.75),
    Case(0.90),
    Case(1.0),
)
CUDA_CASES = {  # by the batch; alone an image is a matter of launches
    16: (Case(0.10), Case(0.25, 3.2), Case(0.50), Case(1.0)),
    1: (Case(0.10, 1.0), Case(0.25, 1.0), Case(0.50), Case(1.0)),
}


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description="Time a stage on regions; print a table.")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each contender")
    parser.add_argument(
        "--autotune", action="store_true", help="let the dense contender try all its kernels"
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if arguments.device == "all":
        use_one_thread()
        bench_stage(repeats)
    if not torch.cuda.is_available():
        print("\nNo CUDA device is here: the stage was not timed on one.")
        return finish(arguments.json)
    for batch in CUDA_CASES:
        bench_stage_on_cuda(repeats, batch, "max-autotune" if arguments.autotune else None)
    return finish(arguments.json)


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


def bench_stage_on_cuda(repeats: int, batch: int, mode: str | None) -> None:
    """Time tokens to tokens, captured once for each region, as Triton and cuBLAS run it."""
    device = torch.cuda.get_device_name()
    print(f"\n{device}: the ten blocks, batch {batch}, bfloat16, CUDA graphs\n")
    net = nn.ModuleDict({"stage": blocks(10)}).eval().to("cuda", torch.bfloat16)
    net.to(memory_format=torch.channels_last)
    stage = to_region(net, ["stage"])["stage"]
    x = torch.randn(batch, CHANNELS, SIZE, SIZE, device="cuda", dtype=torch.bfloat16).relu()
    x = x.contiguous(memory_format=torch.channels_last)
    compiled = torch.compile(net["stage"], mode=mode)
    runs: dict[Any, Callable[[], object]] = {"dense": captured(partial(compiled, x))}
    for case in CUDA_CASES[batch]:
        mask = torch.cat([band_mask(case.active, SIZE, seed) for seed in range(batch)]).cuda()
        region = Region(mask)
        runs[case] = captured(partial(stage, region.gather(x), region))
    seconds = time_on_cuda(runs, repeats)
    print_header("active", "dense ms", "region ms", "dense / region")
    for case in CUDA_CASES[batch]:
        ours, dense = seconds[case], seconds["dense"]
        name = f"batch {batch}, {case.active:.0%}: dense / region"
        gain = verdict(dense / ours, case.times_dense, name)
        print_line(f"{case.active:.0%}", ms(dense), ms(ours), gain)


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


if __name__ == "__main__":
    sys.exit(main())
