"""The processes of one training: how they are started, by Lightning, torchrun or SLURM."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import open_dict, read_write
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

SET_BY_LAUNCHER = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


@contextmanager
def processes_of_job() -> Iterator[None]:
    """Have Lightning start the other processes of this job alone, and none of it remain after.

    Its launcher repeats the command line, in which a sweep's child would begin the sweep again, and
    leaves its variables behind, by which the sweep's next job would take itself for a child.
    """
    arguments = sys.argv
    environment = {name: os.environ.get(name) for name in SET_BY_LAUNCHER}
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        hydra: Any = HydraConfig.get()
        sys.argv = single_job(arguments, [*hydra.overrides.hydra, *hydra.overrides.task])
        with read_write(hydra), open_dict(hydra):
            hydra.run.dir = hydra.runtime.output_dir  # which the launcher passes on
    try:
        yield
    finally:
        sys.argv = arguments
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def single_job(arguments: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Return a sweep's command line as that of one of its jobs.

    Args:
        arguments: arguments of the sweep, the program first.
        overrides: overrides of the job.
    """
    flags = [a for a in arguments[1:] if a not in ("-m", "--multirun") and not is_override(a)]
    job = [override for override in overrides if not override.startswith("hydra.mode=")]
    return [arguments[0], *flags, *job, "hydra/job_logging=stdout"]


def is_override(argument: str) -> bool:
    """Whether an argument of Hydra's command line is an override, and no flag or its value."""
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


def wait_for_children(trainer: pl.Trainer, *, kill: bool = False) -> None:
    """Return when the processes that Lightning has started have ended."""
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):
        return
    for child in launcher.procs:
        if kill:
            child.kill()
        child.wait()


def sweep_folder() -> Path | None:
    """Return the folder of the sweep that this is a job of; None for a single run."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return Path(HydraConfig.get().sweep.dir)
