"""Time the local convolution beside two ways to write it in PyTorch, and what memory each takes.

*shift* is the eager loop over the window: the image and the classes shifted by each of its offsets,
weighed and added up. *unfold* copies every neighbourhood first, a few rows of positions at a time,
so that its memory is bounded at all; at 512x512 it takes minutes, and is left out. All take their
turns in one process, one thread and its own clock; times are medians. The loop's gradients at
512x512 take minutes and gigabytes, and are left out, too. Memory is the growth of the resident set
of a process of its own at its peak, beyond the result and its gradients. On CUDA, the kernel is
timed beside the same loop by events. The bars are what we promise.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from segmentation.models.local_convolution import Reading, local_convolution

LABELS, WINDOW = 21, 50
WEIGHTS: dict[Reading, tuple[float, float]] = {
    "affinity": (50.0, 8 / WINDOW**2),
    "distance": (1.0, 1 / WINDOW**2),
}
ROWS = 4  # of positions whose neighbourhoods `unfold` copies at a time


class Case(NamedTuple):
    """One line of a table: what is timed, and what our time and memory have to be."""

    size: int
    reading: Reading
    passes: Literal["forward", "both"] = "forward"
    times_shift: float | None = None
    most_memory: float | None = None  # MiB


CASES = (
    Case(512, "affinity", times_shift=3.5, most_memory=64),
    Case(512, "distance", times_shift=3.5, most_memory=64),
    Case(64, "affinity", times_shift=3.5),
    Case(64, "distance", times_shift=3.5),
    Case(64, "affinity", "both"),
    Case(64, "distance", "both"),
    Case(512, "affinity", "both", most_memory=64),
    Case(512, "distance", "both", most_memory=64),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the local convolution; print tables.")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each contender")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print(f"Local convolution, float32, {LABELS} classes, window {WINDOW}, one thread, ", end="")
    print(f"PyTorch {torch.__version__}\n")
    columns = ["size", "reading", "pass", *(f"{name} ms" for name in CONTENDERS), "shift / ours"]
    columns += [f"{name} MiB" for name in CONTENDERS]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for case in CASES:
        print_line(case, repeats)
    if torch.cuda.is_available():
        print_cuda(repeats)
    else:
        print("\nNo CUDA device is here: the kernel was not timed.")


def print_line(case: Case, repeats: int) -> None:
    contenders = {name: x for name, x in CONTENDERS.items() if is_affordable(x, case)}
    memory = {name: f"{measure_memory(x, case):.0f}" for name, x in contenders.items()}
    memory["ours"] = verdict(float(memory["ours"]), case.most_memory, at_least=False)
    runs = {name: task(x, case, "cpu") for name, x in contenders.items()}
    seconds = time_on_cpu(runs, 1 if case.size > 128 else repeats)
    cells = [f"{case.size}x{case.size}", case.reading, case.passes]
    cells += [f"{1000 * seconds[name]:.4g}" if name in seconds else "" for name in CONTENDERS]
    gains = [seconds["shift"] / seconds["ours"]] if "shift" in seconds else []
    cells += [verdict(gain, case.times_shift, at_least=True) for gain in gains] or [""]
    cells += [memory.get(name, "") for name in CONTENDERS]
    print(f"| {' | '.join(cells)} |", flush=True)


def is_affordable(contender: Callable[..., Tensor], case: Case) -> bool:
    if case.size <= 128 or contender is local_convolution:
        return True
    return contender is shift and case.passes == "forward"


def verdict(reached: float, bar: float | None, at_least: bool) -> str:
    if bar is None:
        return f"{reached:.3g}"
    met = reached >= bar if at_least else reached <= bar
    return f"{reached:.3g} (bar {bar:g}: {'met' if met else 'MISSED'})"


def time_on_cpu(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            taken[name] += [time.thread_time() - start] if turn else []
    return {name: statistics.median(times) for name, times in taken.items()}


def measure_memory(contender: Callable[..., Tensor], case: Case) -> float:
    """Return the MiB by which a process of its own grows, beyond the result and its gradients."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(grow, (contender, case))


def grow(contender: Callable[..., Tensor], case: Case) -> float:
    torch.set_num_threads(1)
    task(contender, case._replace(size=16), "cpu")()
    run = task(contender, case, "cpu")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is what is held now
    before = status_mib("VmHWM")
    out = run()
    kept = (out[0], *out) if isinstance(out, tuple) else (out,)  # with gradients, a result as well
    return status_mib("VmHWM") - before - sum(x.nbytes for x in kept) / 2**20


def status_mib(key: str) -> float:
    """Return an entry of this process's status; getrusage's peak would be the parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(key)).split()[1]) / 2**10


def print_cuda(repeats: int) -> None:
    print(
        f"\n{torch.cuda.get_device_name()}\n\n| size | pass | shift ms | ours ms | shift / ours |"
    )
    print("| --- | --- | --- | --- | --- |")
    for passes in ("forward", "both"):
        case = Case(512 if passes == "forward" else 128, "affinity", passes)
        runs = [task(contender, case, "cuda") for contender in (shift, local_convolution)]
        usual, ours = (time_on_cuda(run, repeats) for run in runs)
        cells = f"{1000 * usual:.4g} | {1000 * ours:.4g} | {usual / ours:.3g}"
        print(f"| {case.size}x{case.size} | {passes} | {cells} |", flush=True)


def time_on_cuda(run: Callable[[], object], repeats: int) -> float:
    taken = []
    for turn in range(repeats + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        taken += [start.elapsed_time(end) / 1000] if turn >= 2 else []
    return statistics.median(taken)


def task(contender: Callable[..., Tensor], case: Case, device: str) -> Callable[[], Any]:
    """Return what is timed."""
    rng = torch.Generator().manual_seed(0)
    size = (case.size, case.size)
    p = torch.randn(1, LABELS, *size, generator=rng).softmax(1).to(device)
    coarse = torch.rand(1, 3, *(max(2, n // 16) for n in size), generator=rng)
    image = F.interpolate(coarse, size=size, mode="bilinear").to(device)
    weights = torch.tensor(WEIGHTS[case.reading], device=device)
    make = partial(contender, p, image, weights, WINDOW, case.reading)
    if case.passes == "forward":
        return torch.no_grad()(make)
    leaves, grad = (p.requires_grad_(), weights.requires_grad_()), torch.rand_like(p)
    return lambda: torch.autograd.grad(make(), leaves, grad)


def shift(p: Tensor, image: Tensor, weights: Tensor, window: int, reading: Reading) -> Tensor:
    height, width = p.shape[-2:]
    before = (window - 1) // 2
    values, colours, ones = (pad(x, window) for x in (p, image, torch.ones_like(p[:, :1])))
    out, total = torch.zeros_like(p), torch.zeros_like(p[:, :1])
    for dy in range(window):
        for dx in range(window):
            here = (..., slice(dy, dy + height), slice(dx, dx + width))
            space = (dy - before) ** 2 + (dx - before) ** 2
            distance = (colours[here] - image).square().sum(1, keepdim=True) * weights[0]
            distance = distance + weights[1] * space
            share = torch.exp(-distance) * ones[here] if reading == "affinity" else distance
            out = torch.addcmul(out, share, values[here])
            total = total + (share if reading == "affinity" else ones[here])
    return out / total


def unfold(p: Tensor, image: Tensor, weights: Tensor, window: int, reading: Reading) -> Tensor:
    height, width = p.shape[-2:]
    before = (window - 1) // 2
    steps = torch.arange(window, device=p.device) - before
    space = (steps[:, None] ** 2 + steps**2).flatten()[None, :, None]
    values, colours, ones = (pad(x, window) for x in (p, image, torch.ones_like(p[:, :1])))
    rows = []
    for top in range(0, height, ROWS):
        part = slice(top, min(top + ROWS, height))
        strip = (..., slice(top, part.stop + window - 1), slice(None))
        seen, near, known = (F.unfold(x[strip], window) for x in (values, colours, ones))
        near = near.unflatten(1, (3, -1)) - image[..., part, :].flatten(2)[:, :, None]
        distance = weights[0] * near.square().sum(1) + weights[1] * space  # (B, window^2, pixels)
        share = torch.exp(-distance) * known if reading == "affinity" else distance * known
        total = (share if reading == "affinity" else known).sum(1, keepdim=True)
        mean = (seen.unflatten(1, (p.shape[1], -1)) * share[:, None]).sum(2) / total
        rows.append(mean.unflatten(2, (-1, width)))
    return torch.cat(rows, 2)


def pad(x: Tensor, window: int) -> Tensor:
    before = (window - 1) // 2
    return F.pad(x, (before, window - 1 - before) * 2)


CONTENDERS = {"shift": shift, "unfold": unfold, "ours": local_convolution}

if __name__ == "__main__":
    main()
