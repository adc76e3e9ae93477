"""What every task's ``predict`` command shares: its model, its exit codes, its one-line errors."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.addresses import check_address, fetch, is_address
from vision_shared.inputs import CommandParser, ExitCode, InputError, check_output, process_each
from vision_shared.signals import Terminated, ending_signals

if TYPE_CHECKING:
    import torch

    from vision_shared.checkpoints import Checkpoint


class ModelError(Exception):
    """The model cannot be used: unlike after an `InputError`, no other input can be done either."""


def answer(work: Callable[[], ExitCode], report: Callable[[str], None]) -> ExitCode:
    """Do the work of a command; whatever of the user's stops it becomes one line.

    So does a signal that ends it, before which what is half-written is removed.

    Args:
        work: function that returns the exit code; raises InputError, `ModelError` or OSError.
        report: function that takes a line for the user.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may be no text: print it as it is
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        with ending_signals():
            return work()
    except (InputError, ModelError) as error:
        report(str(error))
        return ExitCode.NOTHING_DONE
    except OSError as error:
        report(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return ExitCode.NOTHING_DONE
    except KeyboardInterrupt:
        report("interrupted; no half-written file is left")
        return ExitCode.INTERRUPTED
    except Terminated as ended:
        report(f"ended by {ended}; no half-written file is left")
        return ExitCode(ended.exit_code)


def to_stderr(line: str) -> None:
    """Report a line of ``predict``."""
    print(f"predict: {line}", file=sys.stderr)


def predict_parser(
    prog: str, description: str, epilog: str, *, has_weights: bool = False
) -> CommandParser:
    """Return the parser of a ``predict`` command, with the options that all have.

    Args:
        prog: name of the command.
        description: purpose, in a sentence.
        epilog: description of inputs and outputs, shown as it is.
        has_weights: whether weights come with the package: they are the default then.
    """
    last, shipped = "the newest under ./runs", "the weights that come with the package"
    texts = (f"a checkpoint, its address, or `last` (default): {last}",
             f"a checkpoint, its address, or `last`: {last}; default: {shipped}")  # fmt: skip
    parser = CommandParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help="see below")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="see below")
    add(
        "--checkpoint",
        metavar="CKPT",
        help=texts[has_weights],
        default=None if has_weights else "last",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--overwrite", action="store_true", help="replace existing outputs")
    add("--json", action="store_true", help="print a summary as JSON, nothing else")
    return parser


class Summary:
    """Does the inputs of a command, prints a line of each, and remembers them for ``--json``.

    Args:
        as_json: whether to print nothing but, in the end, what is remembered.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.facts: dict[str, Any] = {"checkpoints": [], "outputs": [], "left_out": []}
        self._inputs: set[Path] = set()
        self._made_of: dict[Path, Path] = {}

    def process_each(
        self,
        inputs: Sequence[Path],
        work: Callable[[Path], tuple[dict[str, Any], str | None]],
        line: Callable[[Path, dict[str, Any]], str],
    ) -> ExitCode:
        """Do every input; return the exit code.

        Args:
            inputs: files.
            work: function that returns plain facts of what it wrote, and a line about what of the
                input could not be used, or None; raises InputError or OSError for one that is left
                out. Among the facts may be ``notices``, lines for the user.
            line: function that says an input's facts in one line.
        """

        self._inputs = {path.absolute() for path in inputs}

        def process(path: Path) -> str | None:
            try:
                facts, damage = work(path)
            except (InputError, OSError) as error:
                self.facts["left_out"].append({"input": str(path), "reason": str(error)})
                raise
            self.facts["outputs"].append({"input": str(path), **facts, "damage": damage})
            for notice in facts.get("notices", ()):
                to_stderr(notice)
            if not self.as_json:
                print(line(path, facts))
            return damage

        return process_each(inputs, process, to_stderr)

    def claim(self, source: Path, targets: Iterable[Path], *, overwrite: bool) -> None:
        """Raise `InputError` unless an input may become these files.

        They may be no input, nor what another input has become; else as `check_output`.
        """
        for target in targets:
            place = target.absolute()
            if place in self._inputs:
                raise InputError(f"{source}: would replace the input {target}; choose another -o")
            other = self._made_of.setdefault(place, source)
            if other != source:
                raise InputError(f"{source}: would become {target}, as {other} has; rename one")
            check_output(target, overwrite=overwrite)

    def print(self, code: ExitCode) -> None:
        """Print it, if as JSON."""
        if self.as_json:
            print(json.dumps({**self.facts, "exit_code": int(code)}, indent=2))


def check_checkpoint(checkpoint: str | None, task: str, shipped: Path | None = None) -> None:
    """Raise InputError unless a model can be had; quick, for before any work.

    Args:
        checkpoint: a path, an address, ``last``, or None for the weights that come with the
            package.
        task: the task's name, e.g. ``voxel-flow``.
        shipped: those weights; None where the package has none.
    """
    if checkpoint is None and (shipped is None or not shipped.is_file()):
        raise InputError(
            f"no checkpoint: train one with `make train TASK={task}`, then add --checkpoint last "
            "(or --checkpoint PATH)"
        )
    if checkpoint is not None and is_address(checkpoint):
        check_address(checkpoint)
    elif checkpoint not in (None, "last") and not Path(checkpoint).is_file():
        raise InputError(f"{checkpoint}: no such checkpoint; `last` is the newest under ./runs")


def find_checkpoint(checkpoint: str | None, task: str, shipped: Path | None = None) -> str:
    """Return the path of the model that `check_checkpoint` accepted.

    Raises:
        ModelError: ``last``, and no run of the task is there; or an address that has no file.
    """
    from vision_shared.newest_checkpoint import newest_checkpoint

    if checkpoint is None:
        return str(shipped)
    try:
        if is_address(checkpoint):
            return str(fetch(checkpoint))
        return str(newest_checkpoint(task)) if checkpoint == "last" else checkpoint
    except (InputError, OSError) as error:
        raise ModelError(str(error)) from error


def rebuild_network(
    checkpoint: Checkpoint, build: Callable[[Mapping[str, Any]], torch.nn.Module]
) -> torch.nn.Module:
    """Return a checkpoint's network, on the CPU.

    Args:
        checkpoint: checkpoint of the task.
        build: function that makes the network from the hyper-parameters of the task's Lightning
            module.

    Raises:
        CheckpointError: what it holds does not fit this version of the task.
    """
    from vision_shared.checkpoints import fits_version

    with fits_version(checkpoint.path):
        network = build(checkpoint.hyper_parameters)
        network.load_state_dict(checkpoint.weights())
    return network


def find_device(name: str) -> torch.device:
    """Return the device ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        ValueError: ``cuda`` without a usable GPU.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA GPU can be used here; try --device cpu")
    return torch.device(name)
