"""Every command with hostile files, a process for each task, and what became of it.

attacks.py TASK SHARE SEED gives that share of the hostile files, drawn by chance, to each of the
task's commands, and prints what each made of one as JSON.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Attacked:
    """What a command made of hostile files.

    Attributes:
        task: whose.
        command: its name.
        given: how many files.
        faults: what should not have happened, a line for each file; none where all were refused.
    """

    task: str
    command: str
    given: int = 0
    faults: list[str] = field(default_factory=list)


def attack_all(share: float, jobs: int, seed: int) -> Iterator[Attacked]:
    """Give hostile files to the commands of every task; yield what each made of them.

    Args:
        share: of the files; 1 is all.
        jobs: tasks at a time.
        seed: of the choice.
    """
    from hostile_records import PACKAGES

    with ThreadPoolExecutor(jobs) as pool:
        # fashion first: it has the most commands
        for attacked in pool.map(lambda task: _attack(task, share, seed), reversed(PACKAGES)):
            yield from attacked


def _attack(task: str, share: float, seed: int) -> list[Attacked]:
    results: dict[str, Attacked] = {}
    command = [sys.executable, __file__, task, str(share), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer: dict[str, Any] = {"command": "any", "case": "any"}
        for line in process.stdout:
            answer = json.loads(line)
            result = results.setdefault(answer["command"], Attacked(task, answer["command"]))
            result.given += 1
            if answer["faults"]:
                result.faults.append(f"{answer['case']}: {answer['faults']}: {answer['line']}")
    if process.returncode:
        ended = Attacked(task, answer["command"])
        fault = f"after {answer['case']}: the process ended with {process.returncode}"
        results.setdefault(answer["command"], ended).faults.append(fault)
    return list(results.values())


def main() -> None:
    task, share, seed = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # what is attacked prints
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import hostile

    rng = random.Random(f"{seed} {task}")
    with tempfile.TemporaryDirectory(prefix="soak-hostile-") as temporary:
        folder = Path(temporary)
        os.chdir(folder)  # where a command writes that was told no place
        for case, command, outcome in hostile.run(
            folder, [task], chosen=lambda _: rng.random() < share
        ):
            answer = {"command": command, "case": case.name, "line": outcome.line}
            print(json.dumps({**answer, "faults": ", ".join(outcome.faults)}), file=answers)


if __name__ == "__main__":
    main()
