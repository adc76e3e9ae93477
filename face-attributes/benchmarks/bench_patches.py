"""Time ANet on overlapping patches: one by one, as one batch, with C1 and C2 shared, interweaved.

All take their turns in one process, one thread and its own clock; times are medians. The paper
(section 3.2) reports 6 times for its interweaved operation; the bar is what we promise.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from face_attributes.models import ANet

BARS = {9: None, 25: 5.0}
"""Numbers of patches, 4 pixels apart, and how many times as fast as the loop we have to be."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time ANet's patches; print a table.")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each contender")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = ANet(40).eval()
    print(f"ANet, patches of 55x47, float32, one thread, PyTorch {torch.__version__}\n")
    columns = ["patches", "image", "loop ms", "batch ms", "C1-C2 shared ms", "interweaved ms"]
    print(f"| {' | '.join(columns)} | loop / interweaved | difference |")
    print("|" + " --- |" * 8)
    for number, bar in BARS.items():
        print_line(net, number, bar, options.repeats)


@torch.no_grad()
def print_line(net: ANet, number: int, bar: float | None, repeats: int) -> None:
    reach = 4 * (int(number**0.5) - 1)
    image = torch.rand(1, 3, net.patch[0] + reach, net.patch[1] + reach)
    corners = net.corners((image.shape[2], image.shape[3]))
    runs = {
        "loop": lambda: by_loop(net, image, corners),
        "batch": lambda: net(cut(net, image, corners)).features[None],
        "shared": lambda: net.patch_features(image, corners),
        "interweaved": lambda: net.dense_features(image).flatten(1, 2),
    }
    difference = float((runs["loop"]() - runs["interweaved"]()).abs().max())
    times = take_turns(runs, repeats)
    gain = times["loop"] / times["interweaved"]
    verdict = "" if bar is None else f" ({'reaches' if gain >= bar else 'MISSES'} {bar:g})"
    cells = [str(len(corners)), f"{image.shape[2]}x{image.shape[3]}"]
    cells += [f"{1000 * seconds:.1f}" for seconds in times.values()]
    print(f"| {' | '.join(cells)} | {gain:.1f}{verdict} | {difference:.1g} |", flush=True)


def by_loop(net: ANet, image: Tensor, corners: list[tuple[int, int]]) -> Tensor:
    return torch.stack([net(cut(net, image, [corner])).features for corner in corners], 1)


def cut(net: ANet, image: Tensor, corners: list[tuple[int, int]]) -> Tensor:
    height, width = net.patch
    return torch.cat([image[:, :, y : y + height, x : x + width] for y, x in corners])


def take_turns(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each; the first turn only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            taken[name] += [time.thread_time() - start] if turn else []
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()
