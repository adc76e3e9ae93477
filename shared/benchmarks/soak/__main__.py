"""The long campaign: kills, hostile files, damaged files. ``python shared/benchmarks/soak -h``"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from kills import Lives, kill_all
from tables import markdown_table, write_section
from victims import make_victims

MEMORY = Path("/dev/shm")


def main() -> int:
    """Run what is asked for, print one table; return 1 where something was wrong."""
    options = _parse()
    places = options.on or [Path.cwd(), *([MEMORY] if MEMORY.is_dir() else [])]
    lines: list[str] = []
    faults: list[str] = []
    if options.kills:
        lives = list(_killed(options, places))
        lines += [*_kill_table(lives), ""]
        faults += [f"{life.victim}, {life.place}: {fault}" for life in lives for fault in life.faults]
    text = "\n".join([f"Of {date.today()}, seed {options.seed}.", "", *lines]).rstrip()
    print(f"\n{text}")
    if options.write is not None:
        write_section(options.write, "soak", text)
    return 1 if faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--kills", type=int, default=8, help="of each victim in each place (default: 8)")
    add("--on", type=Path, nargs="*", metavar="FOLDER",
        help="a folder on each file system (default: this one and /dev/shm)")  # fmt: skip
    add("--victims", nargs="*", metavar="NAME", help="of the kill campaign (default: all)")
    add("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    add("--seed", type=int, default=0, help="of the moments and of the damage")
    add("--write", type=Path, metavar="FILE", help="put the table into this document")
    return parser.parse_args()


def _killed(options: argparse.Namespace, places: Sequence[Path]) -> Iterator[Lives]:
    with tempfile.TemporaryDirectory(prefix="soak-inputs-") as inputs:
        victims = make_victims(Path(inputs))
        if options.victims is not None:
            victims = [victim for victim in victims if victim.name in options.victims]
        for lives in kill_all(victims, places, options.kills, options.jobs, options.seed):
            print(f"{lives.victim}, {lives.place}: {lives.kills} kills, "
                  f"{lives.equal} of {lives.lives} as without", flush=True)  # fmt: skip
            for fault in lives.faults:
                print(f"  {fault}", flush=True)
            yield lives


def _kill_table(lives: Sequence[Lives]) -> Iterator[str]:
    heading = ["killed", "on", "kills", "left to end", "as without a kill"]
    rows = [
        [life.victim, _file_system(life.place), *map(str, (life.kills, life.lives, life.equal))]
        for life in lives
    ]
    total = [sum(getattr(life, name) for life in lives) for name in ("kills", "lives", "equal")]
    yield from markdown_table(heading, [*rows, ["all", "", *map(str, total)]])


def _file_system(place: Path) -> str:
    """Return the type of the file system that a folder is on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [(len(at), kind) for at, kind in mounts if place.resolve().is_relative_to(at)]
    return max(inside)[1] if inside else "?"


if __name__ == "__main__":
    raise SystemExit(main())
