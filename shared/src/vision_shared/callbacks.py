"""Callbacks of every run: panels, throughput, the checkpoint's record, plain progress lines."""

import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import Logger
from torch import Tensor

from vision_shared.checkpoints import ENTRY
from vision_shared.images import write_image
from vision_shared.inputs import new_file
from vision_shared.training_command import rank


class Panels(Callback):
    """Send the module's images of its own predictions to every logger, and to PNG files.

    Once per validation and once per test, for their first batch.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Send the panels of the first validation batch."""
        if batch_idx == 0 and dataloader_idx == 0:
            self._send(trainer, pl_module, batch, "val")

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Send the panels of the first test batch."""
        if batch_idx == 0 and dataloader_idx == 0:
            self._send(trainer, pl_module, batch, "test")

    def _send(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, split: str
    ) -> None:
        if not trainer.is_global_zero:
            return
        with torch.no_grad():
            panels: dict[str, np.ndarray] = module.panels(batch)  # type: ignore[operator]
        for name, picture in panels.items():
            path = self.folder / f"{split}_{name}_{trainer.global_step:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, picture, overwrite=True)
            for logger in trainer.loggers:
                _log_image(logger, f"{split}/{name}", picture, trainer.global_step)


def _log_image(logger: Logger, name: str, image: np.ndarray, step: int) -> None:
    """Send an image (H, W, 3), uint8, to a logger that takes some.

    Such a logger has ``log_image``, as Lightning's of wandb; or its writer has ``add_image``, as
    TensorBoard's, or takes the run's ``log_image``, as MLflow's.
    """
    writer = getattr(logger, "experiment", None)
    if hasattr(logger, "log_image"):
        logger.log_image(name, [image])
    elif hasattr(writer, "add_image"):
        writer.add_image(name, image, step, dataformats="HWC")
    elif hasattr(writer, "log_image") and hasattr(logger, "run_id"):
        writer.log_image(logger.run_id, image, key=name, step=step)


class BestAndLast(ModelCheckpoint):
    """Keep ``best.ckpt`` by the monitored metric, and ``last.ckpt``, also across a resume.

    A resumed run has a folder of its own; Lightning's callback would forget the best score there
    and take the first epoch after the resume for the best one. And it writes ``last.ckpt`` only
    where the metric has improved; here it is the last one.

    A module that trains in phases tells the ``phase_index``: what an earlier phase made is not what
    the run is for, so the best one is of the last phase.
    """

    def __init__(self, dirpath: str, monitor: str, mode: str, filename: str = "best") -> None:
        super().__init__(
            dirpath,
            filename,
            monitor=monitor,
            mode=mode,
            save_last=True,
            enable_version_counter=False,
        )
        self._phase = 0
        self._resumed_from: Path | None = None

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the folder that a run is resumed from: the best score so far is of that folder."""
        if trainer.ckpt_path:
            self._resumed_from = Path(trainer.ckpt_path).parent

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the best checkpoint of the phase, then the last one."""
        self._forget_earlier_phases(pl_module)
        super().on_train_epoch_end(trainer, pl_module)
        if self._should_save_on_train_epoch_end(trainer):
            self.write_last(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the best checkpoint of the phase, then the last one."""
        self._forget_earlier_phases(pl_module)
        super().on_validation_end(trainer, pl_module)
        if not self._should_save_on_train_epoch_end(trainer):
            self.write_last(trainer)

    def write_last(self, trainer: pl.Trainer) -> None:
        """Write ``last.ckpt``, unless it is of this step."""
        if not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def is_saved(self, trainer: pl.Trainer) -> bool:
        """Whether ``last.ckpt`` is of this step."""
        return bool(self.last_model_path) and self._last_global_step_saved == trainer.global_step

    def _save_topk_checkpoint(
        self, trainer: pl.Trainer, monitor_candidates: dict[str, Any]
    ) -> None:
        if self.monitor in monitor_candidates:  # not where nothing was validated
            super()._save_topk_checkpoint(trainer, monitor_candidates)

    def _forget_earlier_phases(self, module: pl.LightningModule) -> None:
        phase: int = getattr(module, "phase_index", 0)
        if phase > self._phase:
            self._phase = phase
            self.best_k_models, self.best_model_score = {}, None
            self.best_model_path = self.kth_best_model_path = ""

    def state_dict(self) -> dict[str, Any]:
        """Return Lightning's state and the phase, which a resumed run compares with its own."""
        return {**super().state_dict(), "phase": self._phase}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Bring the best checkpoint so far, if there is one, into this run's folder.

        It lies beside the checkpoint that is resumed. The recorded folder may be another one since,
        and a record that somebody made up could name any file.
        """
        self._phase = state_dict.get("phase", 0)
        if self._resumed_from is None or state_dict["best_model_score"] is None:
            return
        before = self._resumed_from / Path(state_dict["best_model_path"]).name
        if not before.is_file():
            return
        here = Path(str(self.dirpath)) / before.name
        if rank() == 0 and not here.exists():
            with new_file(here) as temporary:
                shutil.copyfile(before, temporary)
        state = {
            **state_dict,
            "dirpath": self.dirpath,
            "best_model_path": str(here),
            "kth_best_model_path": str(here),
            "best_k_models": {str(here): state_dict["best_model_score"]},
            "last_model_path": "",
        }
        super().load_state_dict(state)


class Throughput(Callback):
    """Log training samples per second (all devices) and peak memory in MiB (this process)."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count in a resumed epoch, whose start was in another process."""
        self._begin()  # of an epoch that a resumed run is in the midst of

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        self._begin()

    def _begin(self) -> None:
        self._since, self._samples = time.perf_counter(), 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Log samples a second, of all processes, and peak memory in MiB."""
        self._samples += _batch_size(batch) * trainer.world_size
        if (batch_idx + 1) % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        now = time.perf_counter()
        rate = self._samples / (now - self._since)
        pl_module.log("train/samples_per_second", rate, prog_bar=True)
        pl_module.log("train/peak_memory_mib", peak_memory_mib(pl_module.device))
        self._since, self._samples = now, 0


class CheckpointRecord(Callback):
    """Write the entry that makes a checkpoint one of ours (see `vision_shared.checkpoints`)."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the entry to a checkpoint that is about to be written."""
        checkpoint[ENTRY] = self.record


class ExactResume(Callback):
    """Have a resumed run take the batch and draw the numbers that an uninterrupted one does.

    Args:
        seed: seed of the run, from which dropout follows with the step and the process.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the loader its state: where an optimiser asks for the run's length, it came late."""
        trainer.fit_loop._load_combined_loader_states()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the batch: dropout follows from seed, epoch, batch and process."""
        numbers = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(hash(numbers) % 2**63)


class PlainProgress(Callback):
    """One line every few seconds and one per validation, of the progress bar's metrics."""

    seconds = 10.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure time."""
        self._started = self._printed = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Print a line where `seconds` have passed."""
        if time.monotonic() - self._printed >= self.seconds:
            self._print(trainer, "train/")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line of a validation within a training."""
        if trainer.state.fn == "fit":
            self._print(trainer, "val/")

    def _print(self, trainer: pl.Trainer, split: str) -> None:
        self._printed = time.monotonic()
        if not trainer.is_global_zero:
            return
        metrics = "  ".join(
            f"{name} {value:.4g}"
            for name, value in trainer.progress_bar_metrics.items()
            if name.startswith(split)
        )
        step = f"step {trainer.global_step}/{trainer.estimated_stepping_batches}"
        print(f"{self._printed - self._started:6.0f} s  {step}  {metrics}", flush=True)


def progress() -> Callback:
    """Return a rich progress bar on a terminal, plain lines elsewhere."""
    return RichProgressBar() if sys.stderr.isatty() else PlainProgress()


def peak_memory_mib(device: torch.device) -> float:
    """Return the most memory taken so far: the GPU's allocations, or the process's resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _batch_size(batch: Any) -> int:
    if isinstance(batch, Tensor):
        return len(batch)
    values = batch.values() if isinstance(batch, dict) else batch
    return _batch_size(next(iter(values)))
