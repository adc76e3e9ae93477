"""Common part of commands that measure a checkpoint on validation data and store the result."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.inputs import CommandParser, check_output
from vision_shared.prediction import check_checkpoint, find_checkpoint

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

TASK = "segmentation"


def validation_parser(command: str, description: str, ending: str) -> CommandParser:
    """Return a parser of the options that these commands have in common.

    Args:
        command: name of the module, e.g. ``validate``.
        description: purpose of the command.
        ending: suffix of its checkpoint's name, e.g. ``validated``.
    """
    parser = CommandParser(prog=f"python -m segmentation.{command}", description=description)
    add = parser.add_argument
    add("checkpoint", help="a checkpoint, its address, or `last` (in ./runs)")
    add("overrides", nargs="*", help="Hydra overrides, e.g. data=folder")
    add("-o", "--output", type=Path, help=f"the checkpoint to write (default: NAME-{ending}.ckpt)")
    add("--overwrite", action="store_true", help="replace existing outputs")
    return parser


def checkpoint_and_output(options: Namespace, ending: str) -> tuple[Path, Path]:
    """Return the checkpoint that is measured and the one that is written.

    Raises:
        InputError: there is no such checkpoint, or the output exists already.
    """
    check_checkpoint(options.checkpoint, TASK)
    path = Path(find_checkpoint(options.checkpoint, TASK))
    output = options.output or path.with_name(f"{path.stem}-{ending}.ckpt")
    check_output(output, overwrite=options.overwrite)
    return path, output


def validation_data(checkpoint: Checkpoint, overrides: list[str]) -> Any:
    """Return the datamodule of a checkpoint's data, or of the overrides', set up to validate."""
    from vision_shared.recorded_data import compose_config, make_data
    from vision_shared.rendering import nothing_rendered_in

    cfg, folders = compose_config(checkpoint, overrides)
    with nothing_rendered_in(folders):
        data = make_data(checkpoint, cfg.data)
        data.prepare_data()
        data.setup("validate")
    return data
