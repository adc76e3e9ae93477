"""What is left when a writer is killed, and what is left alone while one is at work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vision_shared.inputs import ExitCode, InputError, new_file, new_folder
from vision_shared.unfinished import PREFIX, remove_strays

WRITER = """
import sys, time
from pathlib import Path
from vision_shared.inputs import ExitCode, {context}
from vision_shared.prediction import answer

def work():
    with {context}(Path(sys.argv[1])) as temporary:
        {write}
        print("writing", flush=True)
        time.sleep(60)
    return ExitCode.DONE

sys.exit(answer(work, lambda line: print(line, file=sys.stderr)))
"""
WRITE = {
    "new_file": 'temporary.write_text("half")',
    "new_folder": '(temporary / "00001.png").write_text("half")',
}


class Writer:
    """A process that has written half of its output."""

    def __init__(
        self, target: Path, context: str = "new_file", *, is_shielded: bool = False
    ) -> None:
        script = WRITER.format(context=context, write=WRITE[context])
        ignored = "trap '' HUP; " if is_shielded else ""
        self.process = subprocess.Popen(
            ["sh", "-c", ignored + 'exec "$@"', "sh", sys.executable, "-c", script, str(target)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "writing\n"

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def writers() -> Iterator[list[Writer]]:
    started: list[Writer] = []
    yield started
    for writer in started:
        if writer.process.poll() is None:
            writer.end(signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "context", "code"),
    [
        (signal.SIGTERM, "new_file", ExitCode.TERMINATED),
        (signal.SIGHUP, "new_folder", ExitCode.HUNG_UP),
    ],
)
def test_ending_signals_leave_nothing_behind(
    tmp_path: Path, number: signal.Signals, context: str, code: ExitCode
) -> None:
    writer = Writer(tmp_path / "out", context)
    assert writer.end(number) == (code, f"ended by {number.name}; no half-written file is left\n")
    assert list(tmp_path.iterdir()) == []


def test_ignored_signal_stays_ignored(tmp_path: Path, writers: list[Writer]) -> None:
    writers.append(Writer(tmp_path / "out", is_shielded=True))
    writers[0].process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        writers[0].process.wait(timeout=0.3)


def test_next_writer_removes_what_a_killed_one_left(tmp_path: Path, writers: list[Writer]) -> None:
    for context in WRITE:
        Writer(tmp_path / "killed", context).end(signal.SIGKILL)
    writers.append(Writer(tmp_path / "alive"))  # and has removed what the two left
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(PREFIX)
    with new_file(tmp_path / "own") as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == [left, tmp_path / "own"]


def test_folder_without_a_lock_is_removed_once_it_is_old(tmp_path: Path) -> None:
    young, old = (tmp_path / f"{PREFIX}{n}" for n in ("young", "old"))
    for folder in (young, old):
        folder.mkdir()
    long_ago = time.time() - 3600
    os.utime(old, (long_ago, long_ago))
    remove_strays(tmp_path)
    assert list(tmp_path.iterdir()) == [young]


def test_folder_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def write() -> None:
        with new_folder(target):
            target.mkdir()
            (target / "letter.txt").write_text("another process was faster")

    with pytest.raises(InputError, match="is not empty"):
        write()
    assert (target / "letter.txt").is_file() and list(tmp_path.iterdir()) == [target]
