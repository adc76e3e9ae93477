"""Time and memory of the networks: ``make bench TASK=voxel-flow``.

One thread, CPU time, interleaved in one process, medians; with a GPU at hand, its time beside it.
"""

import argparse
import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from vision_shared.tables import Table, print_tables
from voxel_flow.models import build_network

SIZES = ((256, 256), (720, 1280))
NETWORKS: dict[str, dict[str, Any]] = {
    "compact": {"name": "compact", "width": 16},
    "compact, as shipped": {"name": "compact", "width": 24, "rounds": (3, 3, 6, 1)},
    "paper": {"name": "paper", "width": 64},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the networks on one CPU thread and a GPU.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    networks = build_all()
    rows = []
    for size in SIZES:
        seconds = measure(networks, size, repeats)
        for name, network in networks.items():
            parameters = sum(p.numel() for p in network.parameters())
            row = [f"{name} {size[1]}x{size[0]}", f"{parameters / 1e6:.2f} M"]
            row += [f"{seconds[name]:.3f} s", f"{seconds['paper'] / seconds[name]:.1f}x"]
            rows.append([*row, gpu_time(network, size, repeats)])
    columns = ["", "parameters", "one CPU thread", "against paper", "GPU"]
    note = f"one pair of frames -> one frame; CPU time, medians of {repeats}, interleaved"
    print_tables([Table("Speed of the networks", columns, rows, note)])


def build_all() -> dict[str, nn.Module]:
    return {name: build_network(**s).eval() for name, s in NETWORKS.items()}


@torch.no_grad()
def measure(
    networks: dict[str, nn.Module], size: tuple[int, int], repeats: int
) -> dict[str, float]:
    """Return the median CPU seconds of each network on a pair of frames of ``size``."""
    inputs = make_inputs(size, "cpu")
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(repeats + 1):
        for name, network in networks.items():
            begin = time.thread_time()
            network(*inputs)
            seconds[name].append(time.thread_time() - begin)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


@torch.no_grad()
def gpu_time(network: nn.Module, size: tuple[int, int], repeats: int) -> str:
    """Return the median milliseconds of a bf16 forward pass on the GPU, or a dash."""
    if not torch.cuda.is_available():
        return "-"
    network, inputs, times = network.cuda(), make_inputs(size, "cuda"), []
    for _ in range(repeats + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        with torch.autocast("cuda", torch.bfloat16):
            network(*inputs)
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    network.cpu()
    return f"{statistics.median(times[3:]):.2f} ms"


def make_inputs(size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    return torch.rand(1, 2, 3, *size, device=device), torch.full((1,), 0.5, device=device)


if __name__ == "__main__":
    main()
