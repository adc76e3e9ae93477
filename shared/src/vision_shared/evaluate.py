"""Test a checkpoint again, on the data it was trained with or on other data.

    python -m vision_shared.evaluate CHECKPOINT [data=video data.root=DIR ...]

The checkpoint alone is needed: it names its task, whose installed package gives the class and the
config, and it keeps the choice and the values of its data. Overrides in Hydra's syntax win.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vision_shared.addresses import fetch, is_address
from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint
    from vision_shared.tables import Table


def evaluate(checkpoint: Checkpoint, overrides: Sequence[str] = ()) -> Sequence[Table]:
    """Test a checkpoint on one device; return the task's result tables.

    Raises:
        InputError: an override that does not fit the task's config, or no data choice is known.
        FileNotFoundError: the data is not there.
    """
    import pytorch_lightning as pl

    from vision_shared.callbacks import progress
    from vision_shared.recorded_data import compose_config, make_data
    from vision_shared.rendering import nothing_rendered_in
    from vision_shared.run import make, precision, silence_libraries
    from vision_shared.tasks import load_module

    cfg, places = compose_config(checkpoint, overrides)
    silence_libraries(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    module = load_module(checkpoint)
    bar = progress()
    trainer = make(
        cfg.trainer,
        precision=precision(cfg.trainer.precision),
        devices=1,
        num_nodes=1,
        strategy="auto",
        logger=False,
        callbacks=[bar],
        enable_checkpointing=False,
        enable_progress_bar=isinstance(bar, pl.callbacks.ProgressBar),
    )
    with nothing_rendered_in(places):
        trainer.test(module, make_data(checkpoint, cfg.data), verbose=False)
    return module.tables()  # type: ignore[operator]


def find_checkpoint(path: str, task: str | None) -> Checkpoint:
    """Read the checkpoint at a path or an address, or the task's newest best one for ``last``.

    Raises:
        FileNotFoundError, CheckpointError: as `vision_shared.checkpoints.read_checkpoint`.
        InputError: as `vision_shared.addresses.fetch`; or ``last``, of no task.
    """
    from vision_shared.checkpoints import read_checkpoint
    from vision_shared.newest_checkpoint import newest_checkpoint

    if path != "last":
        path = str(fetch(path)) if is_address(path) else path
        return read_checkpoint(path, task=task)
    if task is None:
        raise InputError("`last` is the newest checkpoint of a task: name it with --task")
    newest = newest_checkpoint(task)
    print(f"checkpoint {newest}")
    return read_checkpoint(newest, task=task)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, evaluate, print the tables; return the exit code."""
    parser = CommandParser(
        prog="python -m vision_shared.evaluate",
        description="Test a checkpoint again and print the task's result tables.",
    )
    parser.add_argument("checkpoint", help="a checkpoint, its address, or `last` (with --task)")
    parser.add_argument(
        "overrides",
        nargs="*",
        help="Hydra overrides, e.g. data=video; caches go below data.root "
        "(default: data), which is not taken from a checkpoint",
    )
    parser.add_argument("--task", help="the task that the checkpoint has to be of")
    options = parser.parse_intermixed_args(arguments)  # overrides after --task, too

    def work() -> ExitCode:
        from vision_shared.tables import print_tables

        print_tables(evaluate(find_checkpoint(options.checkpoint, options.task), options.overrides))
        return ExitCode.DONE

    return answer(work, lambda line: print(f"evaluate: {line}", file=sys.stderr))


if __name__ == "__main__":
    run_command(main)
