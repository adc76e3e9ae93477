"""Damaged files of every format: are they read, or refused in a line, whatever bytes are wrong?

python shared/benchmarks/soak/damaged.py [--only NAME...] [--mutants 1000] [--seed 0]
"""

import argparse
import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from formats import FORMATS

from vision_shared.isolation import convert_each

UNFORESEEN = re.compile(r": damaged(: its reader| \(\w+: )")
"""What `convert_each` says of a process that ended, or of an exception that is not ours."""


class Outcome(NamedTuple):
    """What became of the damaged files of a format.

    Attributes:
        format: its name.
        read: read as if nothing were wrong.
        refused: one line of ours.
        crashed: the reader's process ended, of itself or by an exception.
        examples: of these lines: what happened, and to which mutant.
    """

    format: str
    read: int
    refused: int
    crashed: int
    examples: list[str]


def run(name: str, number: int, seed: int = 0, num_workers: int = 1) -> Outcome:
    """Damage a file of a format in many ways and read each."""
    form = FORMATS[name]
    with tempfile.TemporaryDirectory(prefix="damaged-") as temporary:
        folder = Path(temporary)
        whole = form.make(folder)
        content = whole.read_bytes()
        damaged = folder / "damaged"
        pairs = []
        for i in range(number):
            path = damaged / f"{i}{whole.suffix}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(damage(content, np.random.default_rng((seed, i))))
            pairs.append((path, path.with_suffix(".out")))
        results = dict(convert_each(form.read, pairs, num_workers))
    crashes = {p.name: str(f) for p, f in results.items() if f and UNFORESEEN.search(f)}
    many = {path.name: f for path, f in results.items() if f and ("\n" in f or len(f) > 600)}
    read = sum(fault is None for fault in results.values())
    kinds = Counter(line.split(": damaged", 1)[1] for line in crashes.values())
    examples = [f"{kind} x{count}" for kind, count in kinds.most_common(4)]
    examples += [f"{crash}" for crash in list(crashes)[:3]] + [
        f"long: {line!r}" for line in many.values()
    ]
    return Outcome(name, read, number - read - len(crashes), len(crashes), examples)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bytes, cut off the end, leave out or repeat a part, or write an extreme number."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        kind, at = rng.integers(6), int(rng.integers(len(data)))
        if kind <= 2:
            for place in rng.integers(0, len(data), rng.integers(1, 9)):
                data[place] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            data = data[: max(at, 1)]
        elif kind == 4:
            stop = min(at + int(rng.integers(1, 64)), len(data))
            data[at:stop] = data[at:stop] * int(rng.integers(0, 3)) or b"\0"
        else:
            number = int(rng.choice([0, 0x7F, 0xFF, 0x80]))
            width = int(rng.choice([1, 2, 4, 8]))
            data[at : at + width] = bytes([number]) * width
    return bytes(data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Damage and read; print a table; return 1 where a reader's process ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=FORMATS, metavar="NAME")
    parser.add_argument("--mutants", type=int, default=1000, help="of each format (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    print("| format | damaged | read | refused in a line | crashed |\n|---|---|---|---|---|")
    crashed = 0
    for name in options.only or FORMATS:
        outcome = run(name, options.mutants, options.seed, options.jobs)
        counts = (options.mutants, outcome.read, outcome.refused, outcome.crashed)
        print(f"| {name} | {' | '.join(map(str, counts))} |", *outcome.examples[:8], flush=True)
        crashed += outcome.crashed
    return 1 if crashed else 0


if __name__ == "__main__":
    raise SystemExit(main())
