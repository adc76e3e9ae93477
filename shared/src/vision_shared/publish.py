"""Publish a checkpoint's network: weights, their card and settings, in a folder or on the hub.

    python -m vision_shared.publish CHECKPOINT FOLDER
    python -m vision_shared.publish CHECKPOINT hf://owner/repository

Either then is what ``--checkpoint FOLDER/model.safetensors``, or ``--checkpoint
hf://owner/repository``, names. The hub asks for a token of the owner's: ``hf auth login``.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vision_shared.addresses import DEFAULT_FILE, check_repository, network_errors
from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError, check_output
from vision_shared.plain import one_line
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

CARD, SETTINGS = "README.md", "config.json"


def write_folder(
    checkpoint: Checkpoint, folder: Path, *, overwrite: bool = False, half: bool = False
) -> list[Path]:
    """Write what is published, and return its files.

    Args:
        checkpoint: checkpoint whose network it is.
        folder: made where it is missing.
        overwrite: whether to replace files that are there.
        half: weights as float16, half the size.

    Raises:
        InputError: a file is there and ``overwrite`` is false.
    """
    from vision_shared.checkpoints import write_weights
    from vision_shared.export import describe
    from vision_shared.inputs import new_file
    from vision_shared.tasks import load_module

    weights, card, settings = (folder / name for name in (DEFAULT_FILE, CARD, SETTINGS))
    for path in (weights, card, settings):
        check_output(path, overwrite=overwrite)
    load_module(checkpoint)  # else no one could use them
    write_weights(weights, checkpoint, overwrite=overwrite, half=half)
    facts = {
        "task": checkpoint.task,
        "hyper_parameters": checkpoint.hyper_parameters,
        "data": checkpoint.data,
    }
    texts = {card: _front_matter(checkpoint.task) + (describe(checkpoint) or ""),
             settings: json.dumps(facts, indent=2) + "\n"}  # fmt: skip
    for path, text in texts.items():
        with new_file(path, overwrite=overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [weights, card, settings]


def upload(folder: Path, address: str) -> str:
    """Upload a folder to the hub, into a repository that is made if it is missing.

    Returns:
        The page of what was uploaded.

    Raises:
        InputError: the hub cannot be reached, or does not take it: no token, or another's name.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    repository = check_repository(address)
    hub = HfApi(library_name="vision-shared")
    try:
        hub.create_repo(repository, exist_ok=True)
        return str(hub.upload_folder(repo_id=repository, folder_path=folder))
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        raise InputError(f"{address}: not uploaded: {one_line(error)}") from error
    except network_errors() as error:
        raise InputError(f"{address}: the hub cannot be reached: {one_line(error)}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and publish; return the exit code."""
    parser = CommandParser(
        prog="python -m vision_shared.publish",
        description="Write a checkpoint's weights, settings and model card, to pass on.",
    )
    parser.add_argument("checkpoint", help="a checkpoint, its address, or `last` (with --task)")
    parser.add_argument("target", help="a folder, or hf://owner/repository")
    parser.add_argument("--overwrite", action="store_true", help="replace files of the folder")
    parser.add_argument("--half", action="store_true", help="weights as float16, half the size")
    parser.add_argument("--task", help="the task that the checkpoint has to be of")
    options = parser.parse_args(arguments)
    return answer(
        lambda: _publish(options), lambda line: print(f"publish: {line}", file=sys.stderr)
    )


def _publish(options: Namespace) -> ExitCode:
    from vision_shared.evaluate import find_checkpoint

    if not options.target.startswith("hf://"):
        checkpoint = find_checkpoint(options.checkpoint, options.task)
        how = {"overwrite": options.overwrite, "half": options.half}
        for path in write_folder(checkpoint, Path(options.target), **how):
            print(path)
        return ExitCode.DONE
    check_repository(options.target)
    checkpoint = find_checkpoint(options.checkpoint, options.task)
    with TemporaryDirectory() as folder:
        write_folder(checkpoint, Path(folder), half=options.half)
        print(upload(Path(folder), options.target))
    return ExitCode.DONE


def _front_matter(task: str) -> str:
    """What the hub reads of a card."""
    return f"---\nlibrary_name: vision-shared\ntags:\n- {task}\n---\n\n"


if __name__ == "__main__":
    run_command(main)
