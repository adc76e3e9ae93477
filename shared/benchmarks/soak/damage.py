"""Mutants of files: bytes changed, cut off, left out or repeated; and what readers make of them."""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
START = 180
"""Seconds for a worker to import what it needs and to make its sample."""

HEAD = 512
"""Bytes at a file's start that half of the changes are in: formats say there what they are."""

CRASH, HANG = "native crash", "hang"
BAD = ("several lines", "traceback", CRASH, HANG)
OUTCOMES = ("fine", "one line", *BAD)


@dataclass
class Damaged:
    """What became of a format's mutants.

    Attributes:
        name: of the format.
        outcomes: how many of each of `OUTCOMES`.
        faults: one of each bad reason.
    """

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)


def damage_all(
    names: Sequence[str], inputs: Path, number: int, *, jobs: int, seed: int, limit: float
) -> Iterator[Damaged]:
    """Damage each format; yield what became of it.

    Args:
        names: of `file_samples.all_formats`.
        inputs: folder of `inputs.make_inputs`.
        number: of mutants of each format.
        jobs: formats at a time.
        seed: of the damage.
        limit: seconds that one mutant may take.
    """
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda name: _damage(name, inputs, number, seed, limit), names)


def _damage(name: str, inputs: Path, number: int, seed: int, limit: float) -> Damaged:
    result = Damaged(name)
    with tempfile.TemporaryDirectory(prefix="soak-damage-") as folder:
        worker = _Worker(name, Path(folder), inputs)
        try:
            worker.start()
            for answer in _answers(worker, f"{seed} {name}", number, limit):
                result.outcomes[answer["outcome"]] += 1
                if answer["outcome"] in BAD:
                    key = " ".join(answer["why"].split()[:3]) or answer["outcome"]
                    place = result.outcomes.total() - 1
                    result.faults.setdefault(key, f"mutant {place}: {answer['why']}")
        except RuntimeError as error:
            result.faults["sound"] = str(error)
        finally:
            worker.stop()
    return result


def _answers(worker: "_Worker", seed: str, number: int, limit: float) -> Iterator[dict[str, Any]]:
    """Damage the files of a sample in turn; yield what the worker says of each mutant."""
    sound = {path: path.read_bytes() for path in worker.files}
    for place in range(number):
        path = worker.files[place % len(worker.files)]
        path.write_bytes(mutate(sound[path], random.Random(f"{seed} {place}")))
        answer = worker.read(limit)
        path.write_bytes(sound[path])
        yield answer
        if answer["outcome"] in (CRASH, HANG):
            worker.stop()
            worker.start()


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy of a file's bytes."""
    data, size = bytearray(content), len(content)
    kind = rng.choice(("change", "change", "change", "cut", "leave out", "repeat"))
    if kind == "cut":
        return bytes(data[: rng.randrange(size)])
    if kind == "change":
        for _ in range(rng.choice((1, 1, 2, 8, 32))):
            end = min(HEAD, size) if rng.random() < 0.5 else size
            data[rng.randrange(end)] = rng.randrange(256)
        return bytes(data)
    start, length = rng.randrange(size), rng.randrange(1, 65)
    if kind == "leave out":
        del data[start : start + length]
    else:
        data[start:start] = data[start : start + length]
    return bytes(data)


class _Worker:
    """A process that reads one format; see worker.py."""

    def __init__(self, name: str, folder: Path, inputs: Path) -> None:
        self._name, self._folder, self._inputs = name, folder, inputs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with a sample of its own.

        Raises:
            RuntimeError: it does not read the sound sample.
        """
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), self._name, str(self._folder), str(self._inputs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        first = self._answer(START)
        if first["outcome"] != "fine":
            raise RuntimeError(f"{self._name}, sound: {first}")
        self.files = [Path(path) for path in first["files"]]

    def read(self, limit: float) -> dict[str, Any]:
        """Let it read the sample as it is now."""
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died after its last answer, which `_answer` finds
        return self._answer(limit)

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        output = self._process.stdout
        if not select.select([output], [], [], limit)[0]:
            return {"outcome": HANG, "why": f"no answer after {limit:g} s"}
        line = output.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return {"outcome": CRASH, "why": name}
