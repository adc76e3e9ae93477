"""Hostile files through every command: nothing is called, written, told or left half done."""

import contextlib
import importlib
import io
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hostile_files import generate
from hostile_records import PACKAGES, SECRET, Case
from inputs import run_ffmpeg

VALUE = "the-value-that-no-output-holds"
TENSORS_ALONE = ("a network", "a setting that no network", "hyper-parameters with numbers")
"""Begin the names of cases that ``weights=`` does not see: it takes the tensors."""

NEEDS_A_PART = ("search by style", "spot", "index add", "index remove")
"""Commands that may end well without the damaged part of an index; `search` reads all."""

OF_THE_DATA = (": no pixel of ", "sample/s]")
"""In lines that a training says of the data it renders here, whatever the checkpoint."""

MAX_LENGTH = 600
"""Of the line for the user."""


class Outcome(NamedTuple):
    """What a command made of a hostile file.

    Attributes:
        code: its exit code; None where it ended with a traceback.
        line: the last on standard error, or of a traceback.
        faults: what should not have happened; none where the file was refused in one line.
    """

    code: int | None
    line: str
    faults: list[str]


def run(
    folder: Path,
    tasks: Sequence[str] = tuple(PACKAGES),
    commands: Sequence[str] | None = None,
    chosen: Callable[[Case], bool] = lambda case: True,
) -> Iterator[tuple[Case, str, Outcome]]:
    """Write the hostile files and give each to every command that takes its kind.

    Args:
        folder: an empty one, for all of it.
        tasks: whose commands.
        commands: names of those to run; None is all.
        chosen: whether a case is run.

    Yields:
        The case, the command's name and what it made of it.
    """
    os.environ[SECRET] = VALUE
    for case in filter(chosen, generate(folder, tasks)):
        for name, arguments in command_lines(case, folder).items():
            harmless = name == "weights" and case.name.startswith(TENSORS_ALONE)
            if (commands is None or name in commands) and not harmless:
                yield case, name, give(folder, name, arguments, case)


def command_lines(case: Case, folder: Path) -> dict[str, list[str]]:
    """Return the commands that take a case, each as a module and its arguments."""
    path, image, out = str(case.path), str(folder / "inputs" / "0.png"), folder / "out"
    inputs, package = str(folder / "inputs"), PACKAGES[case.task]
    if case.kind == "checkpoint":
        output = str(out / "out.mp4") if case.task == "voxel-flow" else str(out)
        root = [f"data.root={folder / 'data'}", "logger=csv", f"output_dir={out}"]
        found = {
            "evaluate": ["vision_shared.evaluate", path, "trainer=smoke", root[0]],
            "predict": [f"{package}.predict", "--checkpoint", path, inputs, "-o", output],
            "export": ["vision_shared.export", path, "-o", str(out / "net.pt2")],
            "export weights": ["vision_shared.export", path, "-o", str(out / "net.safetensors")],
            "resume": [f"{package}.train", "experiment=smoke", f"resume='{path}'", *root],
            "weights": [f"{package}.train", "experiment=smoke", f"weights='{path}'", *root],
        }
        if case.task == "fashion":
            found["index build"] = [
                "fashion.index",
                "build",
                "--checkpoint",
                path,
                inputs,
                "-o",
                str(out / "i"),
            ]
        return found
    if case.kind == "index":
        video = str(_video(folder))
        return {
            "search": ["fashion.search", path, image, "-o", str(out)],
            "search by style": ["fashion.search", path, image, "-o", str(out), "--style"],
            "spot": ["fashion.spot", path, video, "-o", str(out)],
            "index add": ["fashion.index", "add", path, inputs],
            "index remove": ["fashion.index", "remove", path, image],
        }
    package, _, data = case.kind.partition(":")
    return {"check_data": [f"{package}.check_data", data, path]}


def give(folder: Path, name: str, command: Sequence[str], case: Case) -> Outcome:
    """Run a command in this process and look at what it did."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    before, there = snapshot(folder / "victim"), snapshot(case.path)
    out, err = io.StringIO(), io.StringIO()
    code: int | None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            code = call(command)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except Exception as error:  # which a user would see as a traceback
            code = None
            print(f"{type(error).__name__}: {error}", file=err)
    printed = err.getvalue().splitlines()
    lines = [line for line in printed if line.strip() and not _is_of_the_data(line)]
    told = [*lines, *out.getvalue().splitlines()]
    line = (told or [""])[0 if not lines else -1 if code is None else 0]
    if code == 0 and case.kind == "index" and name in NEEDS_A_PART:
        return Outcome(code, "did not need the damaged part", [])
    faults = [*_wrong_answer(name, case, code, lines, told)]
    if any(folder.rglob(f"*{VALUE}*")) or any(VALUE in said for said in told):
        faults.append("the secret is told")
    if snapshot(folder / "victim") != before:
        faults.append("the victim was changed")
    if snapshot(case.path) != there:
        faults.append("the file itself was changed")
    is_run = name in ("resume", "weights")  # whose folder has its config by then
    if not is_run and any(path.is_file() for path in (folder / "out").rglob("*")):
        faults.append("an output was written")
    return Outcome(code, line, faults)


def _is_of_the_data(line: str) -> bool:
    return any(words in line for words in OF_THE_DATA)


def _wrong_answer(
    name: str, case: Case, code: int | None, lines: Sequence[str], told: Sequence[str]
) -> Iterator[str]:
    """Yield what is wrong with an exit code and what was printed."""
    if code != 2:
        yield "a traceback" if code is None else f"exit code {code}"
    longest = max(map(len, lines), default=0)
    if name != "check_data" and code is not None and (len(lines) != 1 or longest > MAX_LENGTH):
        yield f"{len(lines)} lines, the longest of {longest} letters"
    if any("Traceback" in said for said in told) and "two lines" not in case.name:
        yield "the word Traceback"


def call(command: Sequence[str]) -> int:
    """Run a module's command line in this process; return its exit code."""
    module, *arguments = command
    if not module.endswith(".train"):
        return int(importlib.import_module(module).main(arguments))
    from hydra import compose, initialize_config_module

    from vision_shared.run import train
    from vision_shared.training_command import run_training

    with initialize_config_module(module.replace(".train", ".conf"), version_base="1.3"):
        cfg = compose("train", arguments)
    run_training(train, cfg)
    return 0


def snapshot(path: Path) -> dict[str, int]:
    """Return the files of a folder, or a file, and hashes of what is in them; a lock is none."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.name != "lock"]
    return {str(file): zlib.crc32(file.read_bytes()) for file in files if file.is_file()}


def _video(folder: Path) -> Path:
    path = folder / "video.mkv"
    if not path.exists():
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.6", path)
    return path
