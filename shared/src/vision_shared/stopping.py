"""A training that is told to end: it saves where it is, and goes on from there another time."""

import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from vision_shared.callbacks import BestAndLast
from vision_shared.interrupts import SECONDS_TO_REPEAT
from vision_shared.signals import ENDING, Terminated


class StopOnSignal(Callback):
    """End training after the current step at SIGTERM, SIGHUP or Ctrl-C, with its ``last.ckpt``.

    A second Ctrl-C ends it when the step is back from C; the command ends at once
    (`vision_shared.interrupts`). All processes of a training end after the same step, whichever
    of them the signal reached.

    The checkpoint is one that goes on exactly: between two steps, or before a validation, which is
    then done whole. What has no such point in sight is finished first, a validation of several
    processes for example.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._since = 0.0
        self._is_in_validation = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over from Lightning, which in the end gives all back that it found.

        Its own handlers save nothing, but for the one that has SLURM requeue the job: that stays.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (*ENDING, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._receive)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save and stop after an optimiser step, unless an epoch's end or a validation follows."""
        if not self._is_told(trainer):
            return
        epoch = trainer.fit_loop.epoch_loop
        fetcher: Any = trainer.fit_loop._data_fetcher
        is_within_step = (batch_idx + 1) % trainer.accumulate_grad_batches != 0
        if not (is_within_step or trainer.is_last_batch or epoch._should_check_val_fx(fetcher)):
            self._save_and_stop(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop before a validation."""
        self._stop_validation(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Stop in the midst of a validation."""
        self._stop_validation(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop between two epochs if the last one has left its checkpoint, else a step later."""
        keeper = trainer.checkpoint_callback
        if self._is_told(trainer) and isinstance(keeper, BestAndLast) and keeper.is_saved(trainer):
            raise Terminated(self._signal)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have a validation that is stopped be done whole by the run that goes on.

        To Lightning it is one that was stopped in its first batch: its metrics are not kept.
        """
        if not self._is_in_validation:
            return
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
        for part in ("total", "current"):
            progress[part].update(ready=1, started=1, processed=0, completed=0)
        progress["is_last_batch"] = False

    def _stop_validation(self, trainer: pl.Trainer) -> None:
        # the processes have different numbers of batches: they cannot agree on one of them
        if self.received is not None and trainer.world_size == 1 and not trainer.sanity_checking:
            self._is_in_validation = True
            self._save_and_stop(trainer)

    def _save_and_stop(self, trainer: pl.Trainer) -> None:
        keeper = trainer.checkpoint_callback
        if isinstance(keeper, BestAndLast):
            keeper.write_last(trainer)
        raise Terminated(self._signal)

    def _is_told(self, trainer: pl.Trainer) -> bool:
        told = self.received is not None
        if trainer.world_size > 1:
            told = trainer.strategy.reduce_boolean_decision(told, all=False)
        return told

    @property
    def _signal(self) -> int:
        return signal.SIGTERM if self.received is None else self.received

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        now = time.monotonic()
        if self.received is None:
            self.received, self._since = number, now
            line = f"\ntrain: {signal.Signals(number).name}: saving after this step"
            more = "; again to end at once" if number == signal.SIGINT else ""
            os.write(2, f"{line}{more}\n".encode())  # print may be in the midst of a line
        elif number == signal.SIGINT and now - self._since > SECONDS_TO_REPEAT:
            raise Terminated(number)


def last_checkpoint(trainer: pl.Trainer) -> Path | None:
    """Return the ``last.ckpt`` that a training has written so far."""
    keeper = trainer.checkpoint_callback
    if not isinstance(keeper, BestAndLast) or not keeper.last_model_path:
        return None
    return Path(keeper.last_model_path)
