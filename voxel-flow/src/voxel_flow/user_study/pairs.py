"""Pairs of clips of two methods, in an order and on sides that tell a viewer nothing."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from pathlib import Path

from vision_shared.faults import name_some
from vision_shared.inputs import InputError, natural_order

SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".ogv", ".gif", ".webp", ".png", ".jpg", ".jpeg")
"""What browsers show."""

Pairs = Mapping[str, Mapping[str, Path]]
"""By the clips' names, the files of "A" and of "B"."""


def find_pairs(first: Path, second: Path) -> Pairs:
    """Return the clips that two folders have under one name, whatever their suffixes.

    Raises:
        InputError: a folder that is not there, a clip without its other, or none at all.
    """
    found = {"A": _clips(first), "B": _clips(second)}
    alone = sorted(found["A"].keys() ^ found["B"].keys())
    if alone:
        raise InputError(f"only in one of {first} and {second}: {name_some(alone)}")
    if not alone and not found["A"]:
        raise InputError(f"{first}: no clip that a browser shows ({' '.join(SUFFIXES)})")
    return {name: {key: found[key][name] for key in found} for name in found["A"]}


def _clips(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of clips")
    paths = natural_order(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    clips = {path.stem: path for path in paths if not path.name.startswith(".")}
    if len(clips) < sum(not path.name.startswith(".") for path in paths):
        raise InputError(f"{folder}: two clips of one name, which differ in their suffix alone")
    return clips


def next_pair(pairs: Pairs, viewer: str, done: Collection[str]) -> tuple[str, str] | None:
    """Return the next clip of a viewer and the method on the left; None after the last.

    Order and sides are random, other ones for each viewer, and the same when one comes back.

    Args:
        pairs: pairs of the study.
        viewer: any text.
        done: the clips that this viewer has seen.
    """
    order = random.Random(f"order of {viewer}").sample(sorted(pairs), len(pairs))
    left = next((clip for clip in order if clip not in done), None)
    return None if left is None else (left, random.Random(f"{viewer}, {left}").choice("AB"))
