"""Steps of a training in some seconds, by the settings of OpenMP: on an idle and a busy machine.

    python shared/benchmarks/bench_threads.py [--task voxel-flow] [--seconds 5] [data=rendered ...]

The busy machine has as many other busy processes as cores but one. Every measurement is a process
of its own, for OpenMP reads its settings once. Run it where nothing else runs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vision_shared.tables import Table, print_tables
from vision_shared.threads import CHOSEN, SETTINGS, choose_threads, usable_cores

CHOSEN_AT_START = "chosen at start"
ROWS: dict[str, dict[str, str]] = {
    "default": {},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
    CHOSEN_AT_START: {},
}
WARM_UP = 3


def main() -> None:
    """Measure each setting with and without busy processes by turns; print the best of each."""
    parser = argparse.ArgumentParser(description="Time a training by OpenMP's settings.")
    parser.add_argument("--task", default="voxel-flow", help="whose default network is trained")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3, help="turns; the best one counts")
    parser.add_argument("overrides", nargs="*", default=["data=rendered"], help="of the config")
    parser.add_argument("--measure", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args()
    if options.measure is not None:
        said = choose_threads() if options.measure == CHOSEN_AT_START else None
        print(steps(options.task, options.seconds, options.overrides), said or "")
        return
    num_busy = max(1, usable_cores() - 1)
    best = {(name, busy): 0 for name in ROWS for busy in (0, num_busy)}
    for _ in range(options.repeats):
        for name, busy in best:
            with busy_processes(busy):
                best[name, busy] = max(best[name, busy], measure(name, options))
    print_tables([table(options, num_busy, best)])


def measure(name: str, options: argparse.Namespace) -> int:
    """Return the steps of a process of its own with some setting."""
    environment = {k: v for k, v in os.environ.items() if k not in (*SETTINGS, CHOSEN)}
    command = [sys.executable, __file__, "--measure", name, "--task", options.task]
    done = subprocess.run(
        [*command, "--seconds", str(options.seconds), *options.overrides],
        env={**environment, **ROWS[name]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1]
    print(f"{name}: {last}", file=sys.stderr, flush=True)
    return int(last.split()[0])


def table(options: argparse.Namespace, num_busy: int, best: dict[tuple[str, int], int]) -> Table:
    """Lay the steps out, with their shares of today's on an idle machine."""
    idle = max(1, best["default", 0])  # not one on a machine that is not idle at all
    rows = [
        [name, *(f"{best[name, busy]} ({best[name, busy] / idle:.2f})" for busy in (0, num_busy))]
        for name in ROWS
    ]
    return Table(
        f"Steps of the training of {options.task} in {options.seconds:g} s",
        ["setting", "idle", f"beside {num_busy} busy"],
        rows,
        f"{usable_cores()} cores; in brackets the share of the default's on an idle machine",
    )


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Have processes compute as long as the block lasts."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def steps(task: str, seconds: float, overrides: Sequence[str]) -> int:
    """Train a task's default network on one batch; return the steps that it takes."""
    import pytorch_lightning as pl
    from torch.utils.data import DataLoader

    from vision_shared.claims import configure
    from vision_shared.run import build
    from vision_shared.tasks import config_module

    class Clock(pl.Callback):
        """Counts steps after the first ones and ends the training."""

        number, start = 0, 0.0

        def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
            if trainer.global_step == WARM_UP:
                self.start = time.perf_counter()
            elif self.start and time.perf_counter() - self.start > seconds:
                trainer.should_stop = True
            elif self.start:
                self.number += 1

    with tempfile.TemporaryDirectory() as folder:
        package = config_module(task).removesuffix(".conf")
        overrides = [*overrides, "data.num_workers=0", "++trainer.limit_val_batches=0"]
        run = build(configure(package, Path(folder), overrides, seed=0))
        run.data.setup("fit")
        batch = next(iter(run.data.train_dataloader()))
        clock = Clock()
        trainer: Any = run.trainer
        trainer.callbacks = [clock]
        repeated: Any = [batch] * 100_000
        trainer.fit(run.module, DataLoader(repeated, batch_size=None))
    return clock.number


if __name__ == "__main__":
    main()
