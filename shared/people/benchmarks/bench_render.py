"""Rates of rendering, the share of each stage, start-up and memory, beside the bars to hold.

    python shared/people/benchmarks/bench_render.py [-n 24]

CPU time of one process on one thread, so that the figures hold on a busy machine too.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from synthetic_people import render, scene
from synthetic_people.dataset import Recipe, open_backgrounds, sample

BARS = {  # kind, pixels: samples a second that are wanted
    ("portraits", 64): 10,
    ("portraits", 128): 6,
    ("bodies", 96): 8,
    ("bodies", 256): 3,
}
STAGES = {  # stage: functions of a module that it spends its time in, none within another
    "person and clothes": (scene, ("outfit", "draw_moment", "assemble")),
    "rasterise": (render, ("rasterise",)),
    "shade": (
        render,
        ("shadow_map", "visible_surface", "openness", "shade", "lit_share"),
    ),
    "labels": (render, ("_maps", "_edges", "label_person")),
    "photograph": (render, ("develop", "_shrink")),
}
STARTUP_BAR, MEMORY_BAR = 2.0, 500.0  # CPU seconds, MB
WARM_UP = 32  # samples, after which textures and garments are in memory as in a long run

FIRST_SAMPLE = (
    "from synthetic_people.dataset import Recipe, open_backgrounds, sample; import time;"
    "recipe = Recipe('portraits', 1, 64); sample(recipe, 0, open_backgrounds(recipe));"
    "print(time.process_time())"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how fast people are rendered.")
    parser.add_argument("-n", "--number", type=int, default=24, help="samples a row (24)")
    options = parser.parse_args()
    spent = _watch_stages()
    print(f"{'kind':12}{'px':>5}{'a CPU s':>9}{'bar':>5}  share of each stage")
    for (kind, size), bar in BARS.items():
        _print_row(kind, size, bar, options.number, spent)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {memory:.0f} MB (bar {MEMORY_BAR:.0f})")
    print(f"start-up {_startup():.1f} CPU s: import and first portrait (bar {STARTUP_BAR:.0f})")


def _print_row(kind: str, size: int, bar: int, number: int, spent: dict[str, float]) -> None:
    recipe = Recipe(kind, WARM_UP + number, size, seed=1)
    backgrounds = open_backgrounds(recipe)
    for index in range(WARM_UP):
        sample(recipe, index, backgrounds)
    spent.clear()
    start = time.process_time()
    for index in range(WARM_UP, recipe.count):
        sample(recipe, index, backgrounds)
    total = time.process_time() - start
    shares = {stage: spent[stage] / total for stage in STAGES}
    shares["other"] = 1 - sum(shares.values())
    text = ", ".join(f"{stage} {100 * share:.0f} %" for stage, share in shares.items())
    print(f"{kind:12}{size:5}{number / total:9.1f}{bar:5}  {text}", flush=True)


def _watch_stages() -> dict[str, float]:
    """Wrap the functions of each stage in a clock; return CPU seconds by stage."""
    spent: dict[str, float] = defaultdict(float)
    for stage, (module, names) in STAGES.items():
        for name in names:
            setattr(module, name, _timed(getattr(module, name), stage, spent))
    return spent


def _timed(function: Callable, stage: str, spent: dict[str, float]) -> Callable:
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[stage] += time.process_time() - start

    return timed


def _startup() -> float:
    """Return CPU seconds of a second process: what was compiled lies in numba's cache."""
    run = [sys.executable, "-c", FIRST_SAMPLE]
    return float(subprocess.run(run, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
