"""The newest checkpoint of a task's runs, which ``last`` stands for."""

import os
from collections.abc import Iterator
from pathlib import Path

from vision_shared.checkpoints import CheckpointError, read_checkpoint

IN_A_RUN = frozenset({".hydra", "checkpoints", "csv", "panels", "tensorboard", "wandb"})
"""Folders of a run, in which there is no other run."""


def newest_checkpoint(
    task: str, *folders: Path, name: str = "best.ckpt", without: Path | None = None
) -> Path:
    """Return the newest checkpoint ``name`` of the task's runs, however deep they lie.

    A run is of the task that its ``config.yaml`` names, whatever its folder is called.

    Args:
        task: its name.
        folders: folders to look into; by default ``runs``.
        name: name of the file, in a run's folder ``checkpoints``.
        without: a folder that is not looked into.

    Raises:
        FileNotFoundError: no run of the task has written one.
    """
    folders = folders or (Path("runs"),)
    found = {path for folder in folders for path in _checkpoints(folder, name, without)}
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        if _task_of(path) == task:
            return path
    raise FileNotFoundError(
        f"no {name} of {task} under {folders[0]}; train one with `make train TASK={task}`"
    )


def _checkpoints(folder: Path, name: str, without: Path | None) -> Iterator[Path]:
    """Find files in the folders ``checkpoints`` below a folder."""
    for inside, names, _ in os.walk(folder):
        here = Path(inside)
        if without is not None and here.absolute() == without.absolute():
            names.clear()
        elif "checkpoints" in names:
            if (here / "checkpoints" / name).is_file():
                yield here / "checkpoints" / name
            names[:] = [n for n in names if n not in IN_A_RUN]


def _task_of(path: Path) -> str | None:
    """The task of a run's checkpoint; None if it is not one of ours."""
    try:
        lines = (path.parent.parent / "config.yaml").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        if line.startswith("task: "):
            return line.removeprefix("task: ").strip()
    try:
        return read_checkpoint(path).task
    except CheckpointError:
        return None
