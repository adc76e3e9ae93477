"""The paper's claims, run on small data: ``python voxel-flow/benchmarks/claims.py NAME``.

ablation          2-D flow + mask, voxel flow, multi-scale: by motion class, at equal CPU seconds
compact_vs_paper  our network and the paper's: quality at equal CPU seconds, speed, memory
extrapolation     the next three frames, against copying and flow extrapolation
selfsup_flow      flow error after training on frames alone, against DIS and no motion

Every number is a mean over seeds with their spread, and is reported whichever way it falls.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import bench_network  # pyrefly: ignore[missing-import]
import bench_training  # pyrefly: ignore[missing-import]
import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from vision_shared.claims import (
    configure,
    fit_and_test,
    mean_and_deviation,
    mean_and_range,
    run_claim,
)
from vision_shared.run import build
from vision_shared.tables import Table
from voxel_flow.module import VoxelFlowModule

PACKAGE = "voxel_flow"
VARIANTS = {
    "flow + mask": ("experiment=ablation", "module.network.head=flow_mask"),
    "voxel flow": ("experiment=ablation",),
    "multi-scale": ("experiment=ablation", "module.network.scales=3"),
}
REGION_KEYS = ("psnr_all", "psnr_texture", "psnr_motion", "psnr_large_motion")
NETWORKS = {"compact": (), "paper": ("module=paper", "module.learning_rate=1e-3")}
CALIBRATION_STEPS = 12


def main() -> None:
    claims = {c.__name__: c for c in (ablation, compact_vs_paper, extrapolation, selfsup_flow)}
    run_claim(__doc__ or "", claims, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU, where they are equal")


def ablation(options: argparse.Namespace) -> list[Table]:
    """Compare the heads and scales of the paper's network after equal CPU seconds."""
    folder = options.runs / "ablation"
    configs = {n: partial(configure, PACKAGE, folder / n, more) for n, more in VARIANTS.items()}
    rows = [
        [*result.cells(), *(mean_and_range([x[key] for x in result.scores]) for key in REGION_KEYS)]
        for result in train_equally(configs, options)
    ]
    columns = ["", "steps", "CPU s", "whole image", "texture", "motion", "large motion"]
    note = (
        f"{options.seconds:g} CPU seconds of training each on one thread, {options.seeds} seeds, "
        "width 16, sample clips, protocol centre-256; PSNR in dB of the mean error of all pixels "
        "of a class (voxel_flow.evaluation.regions): mean (least-greatest) over seeds"
    )
    return [Table("Ablation, by motion class", columns, rows, note)]


def compact_vs_paper(options: argparse.Namespace) -> list[Table]:
    """Compare the networks after equal CPU seconds; beside it what a frame costs in each."""
    folder = options.runs / "compact_vs_paper"
    configs = {n: partial(configure, PACKAGE, folder / n, more) for n, more in NETWORKS.items()}
    prices = frame_prices()
    results = train_equally(configs, options)
    rows = [
        [*r.cells(), mean_and_range([x["psnr"] for x in r.scores]), *prices[r.name]]
        for r in results
    ]
    ours, papers = (np.mean([score["psnr"] for score in r.scores]) for r in results)
    columns = ["", "steps", "CPU s", "PSNR", "frames/s 256x256", "frames/s 720p", "MiB 720p"]
    note = (
        f"{options.seconds:g} CPU seconds of training each on one thread, {options.seeds} seeds, "
        "sample clips, protocol centre-256; PSNR in dB over all test triplets: mean "
        "(least-greatest) over seeds (bar, compact not below paper: "
        f"{'met' if ours >= papers else 'missed'}); frames/s on one CPU thread and peak memory of "
        "a frame. The paper's network learns at 1e-3 as ours does: so few steps at its own 1e-4 "
        "hardly move it"
    )
    return [Table("Our network and the paper's", columns, rows, note)]


def frame_prices() -> dict[str, list[str]]:
    """Frames/s at each of the benchmark's sizes and peak memory, by network."""
    networks = bench_network.build_all()
    seconds = [bench_network.measure(networks, size, repeats=3) for size in bench_network.SIZES]
    return {
        name: [*(f"{1 / of[name]:.2f}" for of in seconds), peak]
        for name, peak, _ in bench_training.memory().rows
    }


def extrapolation(options: argparse.Namespace) -> list[Table]:
    """Compare three steps ahead with copying and flow extrapolation."""
    return compare("extrapolation", options)


def selfsup_flow(options: argparse.Namespace) -> list[Table]:
    """Compare the flow learned without labels with DIS and no motion."""
    return compare("selfsup_flow", options)[-1:]


def compare(experiment: str, options: argparse.Namespace) -> list[Table]:
    """Train an experiment with every seed; average the tables of its tests cell by cell."""
    runs = [
        run(
            configure(PACKAGE, options.runs / experiment, [f"experiment={experiment}"], seed)
        ).tables()
        for seed in range(options.seeds)
    ]
    return [average(tables, options.seeds) for tables in zip(*runs, strict=True)]


def average(tables: Sequence[Table], num_seeds: int) -> Table:
    """Mean +- deviation of the numbers of tables that agree in everything else."""
    first = tables[0]
    rows = [
        [cells[0] if len(set(cells)) == 1 else spread(cells) for cells in zip(*rows, strict=True)]
        for rows in zip(*(table.rows for table in tables), strict=True)
    ]
    note = f"{first.note} Mean +- deviation over {num_seeds} seeds."
    return Table(first.title, first.columns, rows, note)


def spread(cells_of_seeds: Sequence[str]) -> str:
    """Cells such as "36.1 dB / 0.97" of several seeds as one, with deviations."""
    parts = zip(*(cell.split(" / ") for cell in cells_of_seeds), strict=True)
    return " / ".join(deviation_of_cells(part) for part in parts)


def deviation_of_cells(values: Sequence[str]) -> str:
    number, _, unit = values[0].partition(" ")
    digits = len(number.partition(".")[2])
    found = np.array([float(value.split(" ")[0]) for value in values])
    return f"{mean_and_deviation(found.tolist(), digits)} {unit}".rstrip()


@dataclass
class Equal:
    """What a contender reached in the CPU seconds that each has."""

    name: str
    steps: int
    seconds: list[float] = field(default_factory=list)  # of training, by seed
    scores: list[dict[str, float]] = field(default_factory=list)  # likewise

    def cells(self) -> list[str]:
        return [self.name, str(self.steps), f"{np.mean(self.seconds):.0f}"]


def train_equally(
    configs: dict[str, Callable[[int], DictConfig]], options: argparse.Namespace
) -> list[Equal]:
    """Train every config, made from a seed, for about ``options.seconds``; test what came out."""
    costs = seconds_per_step({name: make(0) for name, make in configs.items()})
    results = [Equal(name, round(options.seconds / cost)) for name, cost in costs.items()]
    for seed, result in itertools.product(range(options.seeds), results):
        cfg = configs[result.name](seed)
        cfg.trainer.max_epochs, cfg.data.epoch_size = 1, result.steps * cfg.data.batch_size
        clock = Clock()
        result.scores.append(run(cfg, clock).comparison.means())
        result.seconds.append(clock.seconds)
        print(f"{result.name}, seed {seed}: {result.scores[-1]['psnr']:.2f} dB", flush=True)
    return results


class Clock(pl.Callback):
    """Sums the CPU seconds of training steps."""

    seconds = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.begin = time.thread_time()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.seconds += time.thread_time() - self.begin


def run(cfg: DictConfig, *callbacks: pl.Callback) -> VoxelFlowModule:
    """Train a config for its fixed number of steps, test what came out, return the module."""
    module = fit_and_test(cfg, *callbacks).module
    assert isinstance(module, VoxelFlowModule)
    return module


def seconds_per_step(configs: dict[str, DictConfig]) -> dict[str, float]:
    """Median CPU seconds of a training step of each config, interleaved in this process."""
    # a module without its trainer has nowhere to log to
    warnings.filterwarnings("ignore", ".*self.trainer. reference is not registered")
    runs = {name: build(cfg) for name, cfg in configs.items()}
    first = next(iter(runs.values()))
    first.data.prepare_data()
    first.data.setup("fit")
    batches = itertools.islice(iter(first.data.train_dataloader()), CALIBRATION_STEPS)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for batch, (name, part) in itertools.product(batches, runs.items()):
        optimizer = torch.optim.Adam(part.module.parameters())
        begin = time.thread_time()
        loss = part.module.training_step(batch, 0)
        assert isinstance(loss, torch.Tensor)
        loss.backward()
        optimizer.step()
        times[name].append(time.thread_time() - begin)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


if __name__ == "__main__":
    main()
