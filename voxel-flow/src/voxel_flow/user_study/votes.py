"""Votes of a study: a line of JSON each, written whole before the next clip is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt
from pathlib import Path

from vision_shared.inputs import InputError
from vision_shared.tables import Table

CHOICES = ("A", "B", "same")
Z = 1.959964  # of the normal distribution, for an interval of 95 %


@dataclass(frozen=True)
class Vote:
    """What a viewer said of a pair of clips.

    Attributes:
        viewer: a number of the browser's, no name.
        clip: the name that both files have, without suffix.
        left: the method on the left, "A" or "B".
        choice: the method that looked better, or "same".
        seconds: seconds from when both clips could be seen.
    """

    viewer: str
    clip: str
    left: str
    choice: str
    seconds: float


def append_vote(path: Path, vote: Vote) -> None:
    """Add a line to the file; it is on the disk when this returns."""
    with path.open("a+b") as file:
        if file.tell() and not _ends_a_line(file.fileno(), file.tell()):
            file.write(b"\n")  # after a line that a kill cut off
        file.write(json.dumps(asdict(vote)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_a_line(number: int, size: int) -> bool:
    return os.pread(number, 1, size - 1) == b"\n"


def read_votes(path: Path) -> list[Vote]:
    """Return the votes of a file; a line that a kill cut off is no vote.

    Raises:
        InputError: no such file, or a whole line that is no vote.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of votes")
    votes = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError:  # of text that is not JSON, or not UTF-8
            continue
        try:
            vote = Vote(**record)
        except TypeError as error:
            raise InputError(f"{path}:{number}: expected a vote, got {record!r:.80}") from error
        if vote.choice not in CHOICES or vote.left not in CHOICES[:2]:
            raise InputError(f"{path}:{number}: expected a choice of {', '.join(CHOICES)}")
        votes.append(vote)
    return votes


def preference(votes: Sequence[Vote]) -> tuple[float, float, float]:
    """Return the share of A among the decided votes, and its 95 % interval (Wilson 1927).

    Args:
        votes: votes, of which those for "same" do not count.

    Returns:
        Share, lower and upper end; half, nought and one without a decided vote.

    >>> votes = [Vote("v", str(i), "A", "A" if i < 8 else "B", 1.0) for i in range(10)]
    >>> [round(value, 2) for value in preference(votes)]
    [0.8, 0.49, 0.94]
    """
    wins, n = _decided(votes)
    if n == 0:
        return 0.5, 0.0, 1.0
    share = wins / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return share, centre - half, centre + half


def sign_test(votes: Sequence[Vote]) -> float:
    """Return how likely votes as one-sided as these, or more, are by chance (two-sided)."""
    wins, n = _decided(votes)
    tail = sum(comb(n, k) for k in range(max(wins, n - wins), n + 1))
    return min(1.0, 2 * tail / 2**n)


def _decided(votes: Sequence[Vote]) -> tuple[int, int]:
    chosen = [vote.choice for vote in votes]
    return chosen.count("A"), chosen.count("A") + chosen.count("B")


def result_table(votes: Sequence[Vote]) -> Table:
    """Return the table of a study: each clip, all of them, and which side was preferred."""
    clips = sorted({vote.clip for vote in votes})
    groups = {clip: [vote for vote in votes if vote.clip == clip] for clip in clips}
    rows = [_row(name, group) for name, group in {**groups, "all": votes}.items()]
    sides = [vote for vote in votes if vote.choice != "same"]
    left = sum(vote.choice == vote.left for vote in sides)
    note = (
        f"{len(votes)} votes of {len({vote.viewer for vote in votes})} viewers; share of A among "
        "those that decided, with Wilson's 95 % interval, which takes votes for independent; by "
        f"chance as one-sided (sign test): p = {sign_test(votes):.3g}; the left was preferred in "
        f"{left} of {len(sides)}"
    )
    return Table("Preferred clips", ["clip", "A", "B", "same", "A preferred"], rows, note)


def _row(name: str, votes: Sequence[Vote]) -> list[str]:
    chosen = [vote.choice for vote in votes]
    share, low, high = preference(votes)
    counts = [str(chosen.count(choice)) for choice in CHOICES]
    return [name, *counts, f"{100 * share:.0f} % ({100 * low:.0f}-{100 * high:.0f})"]
