"""A second Ctrl-C ends a command that does not react to the first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HELD = """
import multiprocessing, signal, sys, time
from pathlib import Path
from vision_shared.interrupts import end_at_second_interrupt
from vision_shared.unfinished import unfinished

end_at_second_interrupt("train")
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
child.start()
signal.signal(signal.SIGINT, lambda *_: None)
with unfinished(Path(sys.argv[1]) / "output"):
    print(child.pid, flush=True)
    time.sleep(60)
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_second_interrupt_ends_the_process_its_children_and_its_half_written_output(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # passed on twice: one
        time.sleep(0.8)
        assert process.poll() is None and list(tmp_path.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b"\ntrain: ended at once\n"
    assert not list(tmp_path.iterdir())
    deadline = time.monotonic() + 30
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline
