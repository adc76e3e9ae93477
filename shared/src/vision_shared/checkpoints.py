"""The checkpoint file: what every run writes and what evaluate, predict and export need alone.

A checkpoint is the file that Lightning writes, plus one entry, ``vision``, a plain dict:
``format`` (this file's version), ``task``, ``commit`` and ``data`` (``choice``: the name of the
data config, ``values``: its plain values). It names its task and never a class or an import path:
classes are found through the installed packages' entry points (see ``vision_shared.tasks``).

Weights to pass on or to ship are a safetensors file: the network's tensors, and the same entry with
the hyper-parameters as JSON in its metadata. What reads a checkpoint reads either.
"""

# torch takes seconds to import: not before there is a file to read.
from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import InputError, new_file

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
ENTRY = "vision"
WEIGHTS_SUFFIX = ".safetensors"
IN_A_RUN = frozenset({".hydra", "checkpoints", "csv", "panels", "tensorboard", "wandb"})
"""Folders of a run, in which there is no other run."""


class CheckpointError(InputError):
    """A file that is no checkpoint of ours, or not of the wanted task; one line for the user."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds, read without Lightning.

    Attributes:
        path: where it was read from.
        task: the task that wrote it, e.g. ``voxel-flow``.
        hyper_parameters: the plain keyword arguments of the task's Lightning module.
        state_dict: the Lightning module's tensors, on the CPU.
        data: ``choice`` and ``values`` of the data config it was trained with; may be empty.
    """

    path: Path
    task: str
    hyper_parameters: dict[str, Any]
    state_dict: dict[str, Tensor]
    data: dict[str, Any]

    def weights(self, prefix: str = "net.") -> dict[str, Tensor]:
        """Return the tensors under ``prefix``, which is stripped from their names."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.state_dict.items()
            if name.startswith(prefix)
        }


def read_checkpoint(path: str | Path, *, task: str | None = None) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed (``weights_only=True``).

    Args:
        path: the file.
        task: the task it has to be of; None accepts any.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: not a checkpoint, written by a newer version, or of another task.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; train one with `make train`")
    content = _load_weights(path) if path.suffix == WEIGHTS_SUFFIX else _load(path)
    record = content.get(ENTRY) if isinstance(content, dict) else None
    if not isinstance(record, dict):
        raise CheckpointError(f"{path}: not a checkpoint of this project (no {ENTRY!r} entry)")
    if record["format"] > FORMAT:
        raise CheckpointError(
            f"{path}: written in format {record['format']}, this version reads up to {FORMAT}; "
            "upgrade vision-shared"
        )
    if task is not None and record["task"] != task:
        raise CheckpointError(f"{path}: a checkpoint of {record['task']}, expected one of {task}")
    return Checkpoint(
        path=path,
        task=record["task"],
        hyper_parameters=content["hyper_parameters"],
        state_dict=content["state_dict"],
        data=record.get("data", {}),
    )


def without_sources(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's settings without where its first weights come from, however deep.

    They are in the checkpoint: the file (``weights``) or the hub (``pretrained``) need not be at
    hand where it is used.
    """
    sources = {"weights": None, "pretrained": False}
    return {
        name: without_sources(value) if isinstance(value, Mapping) else sources.get(name, value)
        for name, value in settings.items()
    }


def record(task: str, *, data: Mapping[str, Any], commit: str | None) -> dict[str, Any]:
    """Return the entry that makes a Lightning checkpoint one of ours."""
    return {"format": FORMAT, "task": task, "data": dict(data), "commit": commit}


def write_checkpoint(
    path: str | Path,
    *,
    task: str,
    hyper_parameters: Mapping[str, Any],
    state_dict: Mapping[str, Tensor],
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint outside a run: imported weights, for example. See `Checkpoint`."""
    import torch

    content = {
        ENTRY: record(task, data=data or {}, commit=None),
        "hyper_parameters": dict(hyper_parameters),
        "state_dict": dict(state_dict),
    }
    with new_file(Path(path), overwrite=True) as temporary:
        torch.save(content, temporary)


def write_weights(path: Path, checkpoint: Checkpoint, *, overwrite: bool = False) -> None:
    """Write a checkpoint's network alone, as safetensors.

    Raises:
        InputError: ``path`` is there and ``overwrite`` is false.
    """
    from safetensors.torch import save_file

    entry = record(checkpoint.task, data=checkpoint.data, commit=None)
    entry["hyper_parameters"] = checkpoint.hyper_parameters
    tensors = {name: v for name, v in checkpoint.state_dict.items() if name.startswith("net.")}
    with new_file(path, overwrite=overwrite) as temporary:
        save_file(tensors, temporary, metadata={ENTRY: json.dumps(entry)})


def newest_checkpoint(
    task: str, *folders: Path, name: str = "best.ckpt", without: Path | None = None
) -> Path:
    """Return the newest checkpoint ``name`` of the task's runs, however deep they lie.

    A run is of the task that its ``config.yaml`` names, whatever its folder is called.

    Args:
        task: its name.
        folders: to look into; by default ``runs``.
        name: of the file, in a run's folder ``checkpoints``.
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


def _load_weights(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get(ENTRY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    settings = entry.pop("hyper_parameters", {}) if isinstance(entry, dict) else {}
    return {ENTRY: entry, "hyper_parameters": settings, "state_dict": tensors}


def _load(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read as a checkpoint: {first_line}") from error
