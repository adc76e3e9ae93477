"""The data that a checkpoint records: a config's name and values, checked like any input.

A checkpoint may come from anybody. Its choice has to be one of the config names of the task's
package, its values are plain (`vision_shared.checkpoints` sees to it) and of the kinds that the
config has, and it does not say where this machine writes: caches go below the config's own root,
and nothing is rendered into a folder that the checkpoint alone names.
"""

from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from vision_shared.checkpoints import Checkpoint, CheckpointError, fits_version
from vision_shared.inputs import InputError
from vision_shared.overrides import check_overrides
from vision_shared.plain import shown
from vision_shared.renamed_keys import current_keys
from vision_shared.run import make
from vision_shared.tasks import config_module

OF_THE_MACHINE = frozenset({"root", "num_workers"})
"""Values that are not taken from a checkpoint."""


def compose_config(
    checkpoint: Checkpoint, overrides: Sequence[str]
) -> tuple[DictConfig, list[Path]]:
    """Compose the task's config; the recorded data values stand where no override does.

    Returns:
        The config, and the folders that the checkpoint alone names, for
        `vision_shared.rendering.nothing_rendered_in`.

    Raises:
        InputError: no data choice is known, or a recorded value or an override does not fit.
    """
    check_overrides(overrides)
    given = {override.lstrip("+~").split("=", 1)[0] for override in overrides}
    recorded = "data" not in given
    chosen = [f"data={_recorded_choice(checkpoint)}"] if recorded else []
    try:
        with initialize_config_module(config_module(checkpoint.task), version_base="1.3"):
            cfg = compose("train", [*chosen, "output_dir=.", *overrides])
    except HydraException as error:
        raise InputError(" ".join(str(error).split())) from error
    return cfg, _take_recorded(cfg.data, checkpoint, given) if recorded else []


def make_data(checkpoint: Checkpoint, data: DictConfig) -> Any:
    """Return the datamodule of a config from `compose_config`.

    Raises:
        CheckpointError: it does not take the values.
    """
    with fits_version(checkpoint.path):
        return make(data)


def _recorded_choice(checkpoint: Checkpoint) -> str:
    choice = checkpoint.data.get("choice")
    if choice is None:
        raise InputError(f"{checkpoint.path}: records no data; say which: data=NAME")
    folder = files(config_module(checkpoint.task)) / "data"
    names = sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".yaml"))
    if choice not in names:
        raise CheckpointError(
            f"{checkpoint.path}: records the data {choice}, this version has {', '.join(names)}; "
            "say which: data=NAME"
        )
    return choice


def _take_recorded(data: DictConfig, checkpoint: Checkpoint, given: Collection[str]) -> list[Path]:
    """Put the recorded values into the data config; return the paths that the config has not."""
    places = []
    for key, value in current_keys(checkpoint.data.get("values", {})).items():
        overridden = any(name == f"data.{key}" or name.startswith(f"data.{key}.") for name in given)
        if key not in data or overridden or key in OF_THE_MACHINE:
            continue
        own = OmegaConf.select(data, key)
        own = OmegaConf.to_container(own) if OmegaConf.is_config(own) else own
        if not is_alike(own, value):
            raise CheckpointError(
                f"{checkpoint.path}: records data.{key}={shown(value)}, expected a value like "
                f"{shown(own)}"
            )
        if isinstance(value, str) and value != own:
            places.append(Path(value))
        OmegaConf.update(data, key, value, merge=True)
    return places


def is_alike(own: object, value: object) -> bool:
    """Return whether a recorded value can stand where the config has its ``own``.

    >>> is_alike(64, 32), is_alike([64, 64], 64), is_alike("data", None), is_alike(None, "x")
    (True, False, True, True)
    >>> is_alike([0.9, 1.1], [1, "x"]), is_alike(8, 8.5), is_alike(0.5, 1)
    (False, False, True)
    """
    if own is None or value is None:
        return True
    if isinstance(own, dict) and isinstance(value, dict):
        return all(key in own and is_alike(own[key], value[key]) for key in value)
    if isinstance(own, list) and isinstance(value, list | tuple):
        return not own or all(is_alike(own[0], item) for item in value)
    if isinstance(own, float):
        return type(value) in (int, float)
    return type(own) is type(value)
