"""The long campaign: kills, hostile files, damaged files. ``python shared/benchmarks/soak -h``"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from attacks import Attacked, attack_all
from damage import Damaged, damage_all
from file_samples import all_formats
from inputs import make_inputs
from kills import Lives, kill_all
from report import report
from tables import write_section
from victims import make_victims

MEMORY = Path("/dev/shm")
QUICK = {"kills": 1, "mutants": 3, "attacks": 0.02, "victims": ["index build", "clip cache"]}
USUAL = {"kills": 7, "mutants": 40, "attacks": 0.2, "victims": None}


def main() -> int:
    """Run all of it, print one table of each part; return 1 where something was wrong."""
    options = _parse()
    inputs = Path(tempfile.mkdtemp(prefix="soak-inputs-"))
    try:
        make_inputs(inputs)
        lives = list(_killed(options, inputs))
        damaged = list(_damaged(options, inputs))
        attacked = list(_attacked(options))
    finally:
        shutil.rmtree(inputs)
    text = report(lives, damaged, attacked, f"Of {date.today()}, seed {options.seed}.")
    print(f"\n{text}")
    if options.write is not None:
        write_section(options.write, "soak", text)
    return 1 if any(part.faults for part in (*lives, *damaged, *attacked)) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0])
    places = [Path.cwd(), *([MEMORY] if MEMORY.is_dir() else [])]
    add = parser.add_argument
    add("--quick", action="store_true", help="minutes: few kills and mutants")
    add("--kills", type=int, help="of each victim in each place; 0 for none")
    add("--mutants", type=int, help="of each file format; 0 for none")
    add("--attacks", type=float, help="share of the hostile files; 0 for none, 1 for all")
    add("--victims", nargs="*", metavar="NAME", help="of the kill campaign")
    add("--formats", nargs="*", metavar="NAME", help="those whose name begins so")
    add("--on", type=Path, nargs="*", default=places, metavar="FOLDER",
        help="a folder on each file system (default: this one and /dev/shm)")  # fmt: skip
    add("--limit", type=float, default=60, help="seconds that a mutant may take")
    add("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    add("--seed", type=int, default=0, help="of the moments and of the damage")
    add("--write", type=Path, metavar="FILE", help="put the tables into this document")
    options = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        parser.error("no command `ffmpeg`, which makes the clips: install FFmpeg")
    for name, value in (QUICK if options.quick else USUAL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _killed(options: argparse.Namespace, inputs: Path) -> Iterator[Lives]:
    victims = [
        victim
        for victim in make_victims(inputs)
        if options.victims is None or victim.name in options.victims
    ]
    if not options.kills:
        return
    for lives in kill_all(victims, options.on, options.kills, options.jobs, options.seed):
        print(f"{lives.victim}, {lives.place}: {lives.kills} kills, "
              f"{lives.equal} of {lives.lives} as without", flush=True)  # fmt: skip
        for fault in lives.faults:
            print(f"  {fault}", flush=True)
        yield lives


def _damaged(options: argparse.Namespace, inputs: Path) -> Iterator[Damaged]:
    wanted = tuple(options.formats or [""])
    names = [name for name in all_formats() if name.startswith(wanted)]
    if not options.mutants:
        return
    arguments = {"jobs": options.jobs, "seed": options.seed, "limit": options.limit}
    for damaged in damage_all(names, inputs, options.mutants, **arguments):
        counts = ", ".join(f"{number} {what}" for what, number in damaged.outcomes.items())
        print(f"{damaged.name}: {counts}", flush=True)
        for fault in damaged.faults.values():
            print(f"  {fault}", flush=True)
        yield damaged


def _attacked(options: argparse.Namespace) -> Iterator[Attacked]:
    if not options.attacks:
        return
    for attacked in attack_all(options.attacks, options.jobs, options.seed):
        print(f"{attacked.task}, {attacked.command}: {attacked.given} hostile files, "
              f"{len(attacked.faults)} faults", flush=True)  # fmt: skip
        for fault in attacked.faults:
            print(f"  {fault}", flush=True)
        yield attacked


if __name__ == "__main__":
    raise SystemExit(main())
