"""The command line of a training: its start before torch is imported, its one-line errors."""

# Nothing heavy is imported here: OpenMP reads its settings when torch is.
from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode, InputError
from vision_shared.interrupts import end_at_second_interrupt
from vision_shared.signals import Terminated, ending_signals
from vision_shared.threads import choose_threads

if TYPE_CHECKING:
    from omegaconf import DictConfig

DISK_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EFBIG)

NOTHING = {"logger=null": "~logger", "callbacks=null": "~callbacks"}
"""How Hydra wants to be told that nothing of a group is chosen."""


def start(main: Callable[[], None]) -> NoReturn:
    """Run a command that Hydra parses and exit; a hint about quotes comes before Hydra's errors."""
    prepare()
    end_at_second_interrupt("train")
    from vision_shared.overrides import check_overrides

    try:
        check_overrides(sys.argv[1:])
    except InputError as error:
        say(str(error))
        sys.exit(ExitCode.NOTHING_DONE)
    run_command(main)


def prepare() -> None:
    """Choose the threads and say so; make of the command line what Hydra is to read."""
    line = choose_threads()
    if line is not None:
        print(line, flush=True)
    arguments = [NOTHING.get(argument, argument) for argument in sys.argv[1:]]
    sys.argv[1:] = [*arguments, *arguments_of_rank(arguments)]


def run_training(train: Callable[[DictConfig], float], cfg: DictConfig) -> float:
    """Train; whatever of the user's stops it is one line.

    Exit code 2 for a mistake in the input and for a disk that is full; 130, 143 and 129 for Ctrl-C,
    SIGTERM and SIGHUP.

    Args:
        train: function that returns the best monitored value.
        cfg: config of the run.
    """
    try:
        with ending_signals():
            return train(cfg)
    except (FileNotFoundError, InputError) as error:
        say(str(error))
        sys.exit(ExitCode.NOTHING_DONE)
    except OSError as error:
        failed = first_cause(error)
        if failed.errno not in DISK_FAILURES:
            raise
        say(
            f"{failed.filename or cfg.output_dir}: {failed.strerror}; the "
            "checkpoints that are there are whole: make room, then go on with resume=last"
        )
        sys.exit(ExitCode.NOTHING_DONE)
    except KeyboardInterrupt:
        say("ended by SIGINT")
        sys.exit(ExitCode.INTERRUPTED)
    except Terminated as ended:
        # one that Lightning has started and that fails has all of its run killed
        sys.exit(0 if is_started_by_lightning() else ended.exit_code)


def say(line: str) -> None:
    """Print a line for the user."""
    print(f"train: {line}", file=sys.stderr, flush=True)


def first_cause(error: OSError) -> OSError:
    """Return the OSError that others have followed, rather one that names a file."""
    chain: list[OSError] = []
    context: BaseException | None = error
    while context is not None:
        if isinstance(context, OSError):
            chain.append(context)
        context = context.__context__
    return next((cause for cause in reversed(chain) if cause.filename), chain[-1])


def is_started_by_lightning() -> bool:
    """Whether Lightning in another process has started this one, neither torchrun nor SLURM."""
    outside = "RANK" in os.environ or "SLURM_PROCID" in os.environ
    return not outside and int(os.environ.get("LOCAL_RANK", "0")) > 0


def rank() -> int:
    """Return the number of this process in its training, 0 of the first or only one."""
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # of torchrun, SLURM, Lightning
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


def arguments_of_rank(arguments: Sequence[str]) -> list[str]:
    """Return Hydra's overrides for a process that torchrun or SLURM has started.

    Only the first process writes; the others need no output folder of their own, which would be
    named by the second in which each has started.

    Args:
        arguments: arguments of the command line; a folder that they name is for all processes.
    """
    names_folder = any(a.lstrip("+").startswith(("hydra.run.", "hydra.sweep.")) for a in arguments)
    if names_folder or rank() == 0:
        return []
    here = ("hydra.run.dir=.", "hydra.sweep.dir=.", "hydra.sweep.subdir=.")
    return [*here, "hydra.output_subdir=null", "hydra/job_logging=stdout"]
