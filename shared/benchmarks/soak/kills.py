"""The kill campaign: SIGKILL at random moments, the same command again, the same end state."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from victims import Digest, Victim, strays

KILLS_PER_LIFE = 4
"""At most, before a victim is left to end."""

MAX_LIVES = 3
"""For each kill: a victim may end before its moment, then it has lived in vain."""

POLL = 0.02
"""Seconds between two looks at a victim's folder."""

LIMIT = 600
"""Seconds that a victim may take to end."""


@dataclass(frozen=True)
class Unkilled:
    """A victim that nobody killed.

    Attributes:
        seconds: that it took.
        first: seconds until it wrote something.
        digest: of what it made.
        strays: that even it leaves.
    """

    seconds: float
    first: float
    digest: Digest
    strays: set[str]


@dataclass
class Lives:
    """What became of a victim on a file system.

    Attributes:
        victim: its name.
        place: the file system's folder.
        kills: how often it was killed.
        lives: how often it was then left to end.
        equal: how often its end state was that of an unkilled run.
        faults: what was wrong, a line each.
    """

    victim: str
    place: Path
    kills: int = 0
    lives: int = 0
    equal: int = 0
    faults: list[str] = field(default_factory=list)


def kill_all(
    victims: Sequence[Victim], places: Sequence[Path], kills: int, jobs: int, seed: int
) -> Iterator[Lives]:
    """Kill each victim in each place; yield what became of it.

    Args:
        victims: all of them.
        places: folders, one on each file system.
        kills: of one victim in one place, at least.
        jobs: lives at a time.
        seed: of the moments.
    """
    for victim in victims:
        for place in places:
            with tempfile.TemporaryDirectory(dir=place, prefix="soak-") as folder:
                yield _kill(victim, Path(folder), place, kills, jobs, seed)


def _kill(victim: Victim, folder: Path, place: Path, kills: int, jobs: int, seed: int) -> Lives:
    lives = Lives(victim.name, place)
    try:
        unkilled = _measure(victim, folder)
    except RuntimeError as error:
        lives.faults.append(str(error))
        return lives
    rng = random.Random(f"{seed} {victim.name} {place}")
    with ThreadPoolExecutor(jobs) as pool:
        while lives.kills < kills and lives.lives < MAX_LIVES * kills:
            plans = [_plan(rng, unkilled) for _ in range(jobs)]
            for result in pool.map(lambda plan: _live(victim, folder, unkilled, plan), plans):
                lives.kills += result.kills
                lives.lives += 1
                lives.equal += not result.faults
                lives.faults += result.faults
    return lives


def _plan(rng: random.Random, unkilled: Unkilled) -> list[float]:
    return [_moment(rng, unkilled) for _ in range(rng.randint(1, KILLS_PER_LIFE))]


def _moment(rng: random.Random, unkilled: Unkilled) -> float:
    """Draw seconds after the start: of the whole run, two of three after it first writes."""
    first = max(unkilled.first - POLL, 0) if rng.random() < 2 / 3 else 0
    return rng.uniform(first, unkilled.seconds)


def _measure(victim: Victim, folder: Path) -> Unkilled:
    """Run a victim to its end.

    Raises:
        RuntimeError: it fails without being killed.
    """
    home = folder / "unkilled"
    home.mkdir()
    start, first = time.monotonic(), None
    process = _start(victim, home)
    while process.poll() is None and (seconds := time.monotonic() - start) < LIMIT:
        if first is None and any(home.iterdir()):
            first = seconds
        time.sleep(POLL)
    if process.returncode != 0:
        os.killpg(process.pid, signal.SIGKILL) if process.returncode is None else None
        raise RuntimeError(f"{victim.name} failed unkilled: {_last_line(home)}")
    return Unkilled(seconds, first or seconds, victim.digest(home), strays(home))


@dataclass
class _Life:
    kills: int = 0
    faults: list[str] = field(default_factory=list)


def _live(victim: Victim, folder: Path, unkilled: Unkilled, plan: Sequence[float]) -> _Life:
    life, home = _Life(), Path(tempfile.mkdtemp(dir=folder))
    moments = ", ".join(f"{moment:.1f}" for moment in plan)
    try:
        for moment in (*plan, None):
            if not _run(victim, home, moment):  # it has ended, maybe before its moment
                break
            if moment is None:
                life.faults.append(f"does not end within {LIMIT} s")
            life.kills += moment is not None
            if torn := victim.torn(home, unkilled.digest):
                life.faults.append(f"after a kill not whole: {', '.join(torn[:3])}")
        fault = _compare(victim, home, unkilled)
        life.faults += [fault] if fault else []
    finally:
        shutil.rmtree(home, ignore_errors=True)
    when = f"(killed after {moments} of {unkilled.seconds:.1f} s)"
    life.faults = [f"{fault} {when}" for fault in dict.fromkeys(life.faults)]
    return life


def _run(victim: Victim, home: Path, moment: float | None) -> bool:
    """Start a victim and kill it with all its children, at the latest after `LIMIT`.

    Returns:
        Whether it was still there to be killed.
    """
    process = _start(victim, home)
    try:
        process.wait(LIMIT if moment is None else moment)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def _compare(victim: Victim, home: Path, unkilled: Unkilled) -> str | None:
    """Return what is not as without a kill.

    A command that finds all of its work done may refuse to do it again: its exit code is not
    compared.
    """
    try:
        digest = victim.digest(home)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return f"no end state ({_first_line(error)}); its last line: {_last_line(home)}"
    names = {*digest, *unkilled.digest}
    differing = sorted(n for n in names if digest.get(n) != unkilled.digest.get(n))
    if differing:
        return f"differs: {', '.join(differing[:3])}; its last line: {_last_line(home)}"
    left = strays(home) - unkilled.strays
    return f"leaves {', '.join(sorted(left)[:3])}" if left else None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _start(victim: Victim, home: Path) -> subprocess.Popen[bytes]:
    with _log(home).open("wb") as log:
        return subprocess.Popen(
            victim.command(home),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _log(home: Path) -> Path:
    return home.with_name(f"{home.name}.log")


def _last_line(home: Path) -> str:
    lines = _log(home).read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no word"
