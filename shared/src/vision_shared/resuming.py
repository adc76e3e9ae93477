"""Going on from a checkpoint: what of it does not fit is one line, before a step is trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl

from vision_shared.checkpoints import WEIGHTS_SUFFIX, CheckpointError
from vision_shared.inputs import InputError
from vision_shared.plain import one_line


class _Restored(pl.Callback):
    """Notes that the checkpoint's state is in its place."""

    done = False

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.done = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.done = True


def expect_training_state(path: str) -> None:
    """Raise `CheckpointError` for weights alone, from which no training goes on."""
    if path.endswith(WEIGHTS_SUFFIX):
        raise CheckpointError(
            f"{path}: weights alone, without the state of a training; start from them with weights="
        )


@contextmanager
def restoring(trainer: pl.Trainer, path: str | None) -> Iterator[None]:
    """Turn what restoring a training's state raises into one line; for around ``trainer.fit``.

    Args:
        trainer: trainer that restores it.
        path: path of the checkpoint; None for a new run.

    Raises:
        CheckpointError: the state in it is damaged, or is of another network or optimiser.
    """
    if path is None:
        yield
        return
    restored = _Restored()
    trainer.callbacks.append(restored)  # type: ignore[attr-defined]
    try:
        yield
    except (InputError, FileNotFoundError):
        raise
    except Exception as error:
        if restored.done:
            raise
        reason = f"no {one_line(error)}" if isinstance(error, KeyError) else one_line(error)
        raise CheckpointError(f"{path}: cannot be resumed from: {reason}") from error
