"""What a user meets first: help, and one line for a mistake."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from vision_shared.commands import NO_READER
from vision_shared.inputs import InputError
from vision_shared.overrides import check_overrides
from vision_shared.tasks import find_task


def run(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["vision_shared.evaluate", "vision_shared.export"])
def test_help_names_the_checkpoint_and_imports_nothing_heavy(module: str, tmp_path: Path) -> None:
    assert "checkpoint" in run(module, "--help", cwd=tmp_path).stdout
    loaded = f"import {module}, sys; print([m for m in ('torch', 'hydra') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vision_shared.evaluate", "nothing.ckpt"], "nothing.ckpt: no such checkpoint"),
        (["vision_shared.evaluate", "last"], "--task"),
        (
            ["vision_shared.export", "nothing.ckpt", "-o", "x.pt2"],
            "nothing.ckpt: no such checkpoint",
        ),
        (["vision_shared.export", "nothing.ckpt"], "-o/--output"),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_unknown_task_is_named() -> None:
    with pytest.raises(InputError, match="no installed task is named 'nothing'"):
        find_task("nothing")


PRINTING = """
import sys
from vision_shared.commands import run_command
def main():
    try:
        for _ in range({}):
            print("a line of many")
    finally:
        open("cleaned", "w").close()
    return 3
run_command(main)
"""


@pytest.mark.parametrize("num_lines", [1, 100_000])
def test_command_ends_silently_with_its_reader(num_lines: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINTING.format(num_lines)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()  # as `| head` does
        assert process.stderr.read() == b""
    assert process.returncode == NO_READER
    assert (tmp_path / "cleaned").exists()


def test_broken_pipe_of_another_is_no_end(tmp_path: Path) -> None:
    code = (
        "import os\nfrom vision_shared.commands import run_command\n"
        "def main():\n    r, w = os.pipe(); os.close(r)\n"
        "    try: os.write(w, b'x')\n    except BrokenPipeError: print('went on')\n"
        "run_command(main)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


@pytest.mark.parametrize(
    "value", ["/a=b", "/My (x)/ü", "/a,b", "it's (x)", "C:\\x (1)\\", 'a "q" (b)', '\\" =']
)
def test_value_that_needs_quotes_is_shown_with_them(value: str) -> None:
    check_overrides(["seed=1", "data.folder=/My Projects/x", "-m", "~data", "seed=1,2"])
    with pytest.raises(InputError, match="need quotes: write ") as caught:
        check_overrides([f"data.folder={value}"])
    (hint,) = shlex.split(str(caught.value).partition("write ")[2].partition("; --multi")[0])
    check_overrides([hint])
    assert OverridesParser.create().parse_override(hint).value() == value


def test_renamed_key_is_refused_with_its_new_name() -> None:
    with pytest.raises(InputError, match=r"pictures=wild: the key pictures is called images now"):
        check_overrides(["data.pictures=wild"])
