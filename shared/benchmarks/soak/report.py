"""The three tables of the campaign."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attacks import Attacked
from damage import OUTCOMES, Damaged
from kills import Lives
from tables import markdown_table


def report(
    lives: Sequence[Lives], damaged: Sequence[Damaged], attacked: Sequence[Attacked], title: str
) -> str:
    """Return a title and a table of each part that was run, in Markdown."""
    tables = (
        (lives, _kill_table(lives)),
        (damaged, _damage_table(damaged)),
        (attacked, _attack_table(attacked)),
    )
    return "\n\n".join([title, *("\n".join(table) for part, table in tables if part)])


def _damage_table(damaged: Sequence[Damaged]) -> Iterator[str]:
    rows = [
        [d.name, *map(str, (d.outcomes.total(), *(d.outcomes[outcome] for outcome in OUTCOMES)))]
        for d in damaged
    ]
    total = [sum(int(row[column]) for row in rows) for column in range(1, len(OUTCOMES) + 2)]
    yield from markdown_table(["damaged", "mutants", *OUTCOMES], [*rows, ["all", *map(str, total)]])


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


def _attack_table(attacked: Sequence[Attacked]) -> Iterator[str]:
    rows = []
    for command in dict.fromkeys(part.command for part in attacked):
        parts = [part for part in attacked if part.command == command]
        given, bad = sum(p.given for p in parts), sum(len(p.faults) for p in parts)
        tasks = ", ".join(sorted(part.task for part in parts)) if len(parts) < 4 else "all tasks"
        rows.append([command, tasks, *map(str, (given, given - bad, bad))])
    total = [sum(int(row[column]) for row in rows) for column in range(2, 5)]
    heading = ["given hostile files", "of", "files", "as it should be", "faults"]
    yield from markdown_table(heading, [*rows, ["all", "", *map(str, total)]])
