"""The checkpoint file: what every run writes and what evaluate, predict and export need alone.

A checkpoint is the file that Lightning writes, plus one entry, ``vision``, a plain dict:
``format`` (this file's version), ``task``, ``commit`` and ``data`` (``choice``: the name of the
data config, ``values``: its plain values). It names its task and never a class or an import path:
classes are found through the installed packages' entry points (see ``vision_shared.tasks``).

This is the one place that reads such a file, and it trusts none: its records are plain data
(`vision_shared.plain`), its tensors plain tensors, and first weights are never fetched for it.

Weights to pass on or to ship are a safetensors file: the network's tensors, and the same entry with
the hyper-parameters as JSON in its metadata. What reads a checkpoint reads either.
"""

# torch takes seconds to import: not before there is a file to read.
from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import InputError, new_file
from vision_shared.pickles import STAND_INS, refused_name
from vision_shared.plain import PlainError, expect_plain, one_line, parse_json, shown

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
ENTRY = "vision"
WEIGHTS_SUFFIX = ".safetensors"


class CheckpointError(InputError):
    """A file that is no checkpoint of ours, or not of the wanted task; one line for the user."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds, read without Lightning.

    Attributes:
        path: path of the file.
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
    content = _load_weights(path) if path.suffix == WEIGHTS_SUFFIX else load_torch(path)
    record = content.get(ENTRY) if isinstance(content, dict) else None
    if not isinstance(record, dict):
        raise CheckpointError(f"{path}: not a checkpoint of this project (no {ENTRY!r} entry)")
    _expect_format(path, record.get("format"))
    try:
        checkpoint = _checked(path, record, content)
    except PlainError as error:
        raise CheckpointError(f"{path}: not a checkpoint that can be trusted: {error}") from error
    if task is not None and checkpoint.task != task:
        raise CheckpointError(f"{path}: a checkpoint of {checkpoint.task}, expected one of {task}")
    settings = without_sources(checkpoint.hyper_parameters)
    return replace(checkpoint, hyper_parameters=settings)


def load_torch(path: Path) -> Any:
    """Read what `torch.save` wrote, a zip archive or the format before; nothing in it is executed.

    Numpy scalars come back as Python's numbers, and an ``EasyDict`` as an `OrderedDict`: see
    `vision_shared.pickles`.

    Raises:
        CheckpointError: a damaged file, one of another kind, or one that holds other objects than
            tensors and plain values.
    """
    import torch

    try:
        _expect_uncompressed(path)
        with torch.serialization.safe_globals(STAND_INS), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # advice on a file that is refused, or read all the same
            # Python 2 wrote bytes as text: only latin1 gives every one of them back
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except pickle.UnpicklingError as error:  # torch's message advises to switch the check off
        name = refused_name(str(error))
        held = "damaged, or it holds other objects" if name is None else f"it holds {shown(name)}"
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint: {held}; only tensors and plain values are "
            "read, others are never loaded"
        ) from error
    except PlainError as error:
        raise CheckpointError(f"{path}: cannot be read as a checkpoint: {error}") from error
    except Exception as error:  # whatever torch's readers raise for bytes that somebody made up
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint: damaged, cut off, or not written by torch "
            f"({type(error).__name__})"
        ) from error


@contextmanager
def fits_version(path: Path) -> Iterator[None]:
    """Turn whatever building from a checkpoint's values raises into one line.

    Recorded values are plain, but any of them may be missing, of another type or out of range.

    Raises:
        CheckpointError: the block raised anything but InputError or FileNotFoundError, which are
            one line themselves.
    """
    try:
        yield
    except (InputError, FileNotFoundError):
        raise
    except Exception as error:
        message = f"{path}: does not fit this version: {_reason(error)}"
        raise CheckpointError(message) from error


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


def write_weights(
    path: Path, checkpoint: Checkpoint, *, overwrite: bool = False, half: bool = False
) -> None:
    """Write a checkpoint's network alone, as safetensors.

    Args:
        path: path of the file.
        checkpoint: checkpoint whose network it is.
        overwrite: whether to replace a file that is there.
        half: whether to write float32 tensors as float16, half the size; a network that loads them
            is float32.

    Raises:
        InputError: ``path`` is there and ``overwrite`` is false.
    """
    import torch
    from safetensors.torch import save_file

    state = checkpoint.state_dict.items()
    # safetensors takes no other memory format, which networks trained with channels_last have
    tensors = {name: v.contiguous() for name, v in state if name.startswith("net.")}
    if half:
        tensors = {n: v.half() if v.dtype == torch.float32 else v for n, v in tensors.items()}
    with new_file(path, overwrite=overwrite) as temporary:
        save_file(tensors, temporary, metadata=metadata_of(checkpoint))


def metadata_of(checkpoint: Checkpoint) -> dict[str, str]:
    """Return what a file of another format keeps of a checkpoint beside its tensors, as JSON."""
    entry = record(checkpoint.task, data=checkpoint.data, commit=None)
    entry["hyper_parameters"] = checkpoint.hyper_parameters
    return {ENTRY: json.dumps(entry)}


def _load_weights(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            entry = parse_json((file.metadata() or {}).get(ENTRY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # of safetensors, of JSON, and of torch for types it lacks
        raise CheckpointError(f"{path}: cannot be read as weights: {one_line(error)}") from error
    settings = entry.pop("hyper_parameters", None) if isinstance(entry, dict) else None
    return {ENTRY: entry, "hyper_parameters": settings, "state_dict": tensors}


def _expect_uncompressed(path: Path) -> None:
    """Raise `PlainError` for an archive that unpacks to more than it is; torch packs nothing."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise PlainError("a compressed archive, which torch does not write")


def _expect_format(path: Path, version: Any) -> None:
    if type(version) is not int or version < 1:
        raise CheckpointError(
            f"{path}: a checkpoint of format {shown(version)}, expected a number from 1 to {FORMAT}"
        )
    if version > FORMAT:
        raise CheckpointError(
            f"{path}: written in format {version}, this version reads up to {FORMAT}; "
            "upgrade vision-shared"
        )


def _checked(path: Path, record: Mapping[str, Any], content: Mapping[str, Any]) -> Checkpoint:
    """Return a checkpoint; raise `PlainError` for an entry of another kind, or one not plain."""
    task, data = record.get("task"), _expect_dict("data", record.get("data", {}))
    settings, tensors = (
        _expect_dict(name, content.get(name)) for name in ("hyper_parameters", "state_dict")
    )
    _expect_name("task", task, "of a task")
    expect_plain(settings, "hyper_parameters")
    expect_plain(data, "data")
    if data.get("choice") is not None:
        _expect_name("data.choice", data["choice"], "of a data config")
    _expect_dict("data.values", data.get("values", {}))
    for name, tensor in tensors.items():
        _expect_tensor(name, tensor)
    return Checkpoint(path, str(task), settings, tensors, data)


def _expect_dict(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PlainError(f"{name} of type {type(value).__name__}, expected a dict")
    return value


def _expect_name(entry: str, value: object, of: str) -> None:
    """Raise `PlainError` for what is no name: a path, or words with line ends."""
    if not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", value)):
        raise PlainError(f"{entry} {shown(value)}, expected the name {of}")


def _expect_tensor(name: object, tensor: Any) -> None:
    import torch

    if not isinstance(name, str):
        raise PlainError(f"state_dict: a key {shown(name)}, expected a text")
    is_dense = type(tensor) is torch.Tensor and tensor.layout is torch.strided
    if not is_dense or tensor.is_quantized or tensor.device.type != "cpu":
        raise PlainError(f"state_dict: {shown(name)} is no dense tensor")


def _reason(error: Exception) -> str:
    """Name what is missing: the message of a KeyError is the key alone."""
    return f"no {one_line(error)}" if isinstance(error, KeyError) else one_line(error)
