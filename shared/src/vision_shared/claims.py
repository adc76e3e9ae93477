"""What the scripts that test a paper's claims share: a config for each seed, and tables over seeds.

python TASK/benchmarks/claims.py NAME|all [--seeds 3] [--runs runs/claims]
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from vision_shared.run import Run, build, silence_libraries
from vision_shared.tables import Table, print_tables

Claim = Callable[[argparse.Namespace], list[Table]]


def run_claim(
    description: str, claims: Mapping[str, Claim], add_options: Callable[..., None] | None = None
) -> None:
    """Parse the command line, run one claim or all on one thread, print and write each's tables.

    Args:
        description: description of the script.
        claims: claims by name; each takes the options and returns its tables. Of all, in one
            process, one can use what another has trained.
        add_options: function that adds the script's own options to the parser.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("claim", choices=[*claims, "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/claims"))
    if add_options is not None:
        add_options(parser)
    options = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    folder = options.runs / options.claim
    folder.mkdir(parents=True, exist_ok=True)
    for name in claims if options.claim == "all" else [options.claim]:
        tables = claims[name](options)
        print_tables(tables)
        (folder / f"{name}.md").write_text("\n".join(table.markdown() for table in tables))
        print(f"tables  {folder / name}.md", flush=True)


def configure(package: str, folder: Path, overrides: Sequence[str], seed: int) -> DictConfig:
    """Compose a task's config as its command line would.

    Args:
        package: package of the task, e.g. ``voxel_flow``.
        folder: folder for the outputs of the runs that differ in the seed alone.
        overrides: overrides in Hydra's syntax.
        seed: seed of the run.
    """
    with initialize_config_module(f"{package}.conf", version_base="1.3"):
        cfg = compose("train", [f"seed={seed}", "logger=csv", *overrides], return_hydra_config=True)
    cfg.output_dir = str(folder / f"seed{seed}")
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg.hydra
    return cfg


def fit_and_test(cfg: DictConfig, *callbacks: pl.Callback, checkpoint: Path | None = None) -> Run:
    """Train a config for its fixed number of steps and test the last weights; keep no checkpoint.

    Args:
        cfg: config from `configure`.
        callbacks: callbacks beside those of the config.
        checkpoint: checkpoint that the training starts from; None starts it.
    """
    silence_libraries(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    run = build(cfg)
    trainer: Any = run.trainer
    kept = [c for c in trainer.callbacks if not isinstance(c, pl.callbacks.Checkpoint)]
    trainer.callbacks = [*kept, *callbacks]
    trainer.fit(run.module, run.data, ckpt_path=None if checkpoint is None else str(checkpoint))
    trainer.test(run.module, run.data, verbose=False)
    return run


class CpuClock(pl.Callback):
    """Takes the CPU time of a training."""

    seconds = 0.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure CPU time."""
        self.began = time.process_time()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the CPU seconds of the training."""
        self.seconds = time.process_time() - self.began


def mean_and_range(values: Sequence[float], digits: int = 2) -> str:
    """Return ``mean (least-greatest)``.

    >>> mean_and_range([1.0, 2.0, 3.0])
    '2.00 (1.00-3.00)'
    """
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def mean_and_interval(values: Sequence[float], digits: int = 2) -> str:
    """Return ``mean +- half of its 95 % interval (least-greatest)``; the mean alone of one.

    The interval is Student's, of normal values: of three, 2.5 times their deviation to each side.

    Raises:
        ValueError: more values than there are quantiles for.

    >>> mean_and_interval([1.0, 2.0, 3.0])
    '2.00 +- 2.48 (1.00-3.00)'
    """
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    if len(values) > len(QUANTILES) + 1:
        raise ValueError(f"expected {len(QUANTILES) + 1} values at most, got {len(values)}")
    half = QUANTILES[len(values) - 2] * np.std(values, ddof=1) / len(values) ** 0.5
    spread = f"({min(values):.{digits}f}-{max(values):.{digits}f})"
    return f"{np.mean(values):.{digits}f} +- {half:.{digits}f} {spread}"


QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % of Student's t, of 1 to 9 degrees of freedom."""


def mean_and_deviation(values: Sequence[float], digits: int = 2) -> str:
    """Return ``mean +- deviation`` over seeds; the mean alone of one.

    >>> mean_and_deviation([1.0, 2.0, 3.0])
    '2.00 +- 1.00'
    """
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} +- {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean
