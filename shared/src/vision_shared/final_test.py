"""The end of a run: its best checkpoint is tested, one table printed, and what there is said."""

import json
import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from vision_shared.tables import print_tables


def checkpoint_to_test(fitted: pl.Trainer, monitor: str) -> tuple[str, str] | None:
    """Return a line's title and the checkpoint that stands for a run; None where none was kept.

    Args:
        fitted: has trained the run.
        monitor: the metric that chooses the best one; without a validation there is none.
    """
    keeper = fitted.checkpoint_callback
    if not isinstance(keeper, ModelCheckpoint):
        return None
    if keeper.best_model_path and keeper.best_model_score is not None:
        return "best checkpoint", keeper.best_model_path
    if not keeper.last_model_path:
        return None
    print(f"no {monitor} was measured, so that no checkpoint is the best: the last one is tested")
    return "last checkpoint", keeper.last_model_path


def best_score(fitted: pl.Trainer) -> float:
    """Return the best monitored value of a run; NaN where none was measured."""
    keeper = fitted.checkpoint_callback
    if isinstance(keeper, ModelCheckpoint) and keeper.best_model_score is not None:
        return float(keeper.best_model_score)
    return math.nan


def test(
    cfg: DictConfig,
    module: Any,
    data: pl.LightningDataModule,
    trainer: pl.Trainer,
    checkpoint: tuple[str, str] | None,
) -> None:
    """Test a checkpoint; report and save.

    Args:
        cfg: config of the run.
        module: the weights that are tested where there is no checkpoint.
        data: data with the test set.
        trainer: trainer on one device, so that no sample counts twice.
        checkpoint: checkpoint from `checkpoint_to_test`.
    """
    if not trainer.limit_test_batches:
        print("no test: trainer.limit_test_batches=0")
        report_files(cfg, checkpoint, tested=False)
        return
    if checkpoint is None:
        print("no checkpoint was kept: the weights at the end of training are tested")
    path = None if checkpoint is None else checkpoint[1]
    trainer.test(module, data, ckpt_path=path, verbose=False, weights_only=True)
    tables = module.tables()
    folder = Path(cfg.output_dir)
    (folder / "results.md").write_text("\n".join(table.markdown() for table in tables))
    scores = {name: float(value) for name, value in trainer.logged_metrics.items()}
    (folder / "results.json").write_text(json.dumps(scores, indent=2) + "\n")
    show_beside_hyperparameters(trainer, scores)
    print_tables(tables)
    report_files(cfg, checkpoint, tested=True)


def show_beside_hyperparameters(trainer: pl.Trainer, scores: dict[str, float]) -> None:
    """Give TensorBoard's HPARAMS page the test's metrics; one without any shows no run."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger) and scores:
            logger.log_hyperparams(dict(logger.hparams), scores, step=trainer.global_step)


def report_files(cfg: DictConfig, checkpoint: tuple[str, str] | None, *, tested: bool) -> None:
    """Say where everything was written and what to do next."""
    folder = Path(cfg.output_dir)
    lines = []
    if checkpoint is not None:
        lines.append(f"{checkpoint[0]}  {checkpoint[1]}")
    if tested:
        lines.append(f"tables           {folder / 'results.md'}")
    if (folder / "panels").is_dir():
        lines.append(f"images           {folder / 'panels'}")
    lines.append(f"metrics          {folder}  (make dashboard)")
    if checkpoint is not None and checkpoint[0].startswith("best"):
        lines.append(f"use it           make predict TASK={cfg.task} CKPT=last INPUT=...")
    print("\n".join(lines), flush=True)
