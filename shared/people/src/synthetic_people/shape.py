"""Shape targets: what makes the base mesh a particular body, face and expression.

A target moves some vertices of the base mesh. `phenotype` weighs those of the whole body; the
others ("nose/...", "unit/..." for expressions) are weighed one by one.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people import assets
from synthetic_people.basemesh import base_vertices, group_faces

AGES = {"child": 10.0, "young": 25.0, "old": 90.0}  # years at which MakeHuman's ages stand
LID = 1.06  # radii of an eyeball, as thick as the lids of the neutral face are there


@dataclass(frozen=True)
class _Targets:
    where: dict[str, int]  # rows of `start`, shared by targets that are equal
    start: np.ndarray  # (T + 1,) int64 into index and offset
    index: np.ndarray  # (M,) uint16 vertices
    offset: np.ndarray  # (M, 3) int16 multiples of the quantum
    quantum: np.ndarray  # (T,) float32 metres


@functools.cache
def _targets() -> _Targets:
    packed = assets.arrays("targets")
    start = np.concatenate([[0], np.cumsum(packed["length"], dtype=np.int64)])
    return _Targets(
        {str(name): int(i) for name, i in zip(packed["names"], packed["where"], strict=True)},
        start,
        _summed(packed["index"][None], start)[0],
        np.ascontiguousarray(_summed(packed["offset"], start).T),
        packed["quantum"],
    )


def _summed(differences: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Undo `np.diff` within each target, (C, M): sums that wrap around, as 16-bit integers do."""
    sums = np.cumsum(differences, axis=1, dtype=differences.dtype)
    before = np.where(start[:-1] > 0, sums[:, start[:-1] - 1], 0).astype(differences.dtype)
    return sums - np.repeat(before, np.diff(start), axis=1)


def target_names(folder: str = "") -> list[str]:
    """Return the names of shape targets that begin with a folder: "nose", "unit", "eyes" ...

    >>> target_names("unit")[:2]
    ['unit/browDownLeft', 'unit/browDownRight']
    """
    return [name for name in _targets().where if name.startswith(f"{folder}/" if folder else "")]


def shape(weights: Mapping[str, float]) -> np.ndarray:
    """Return the base mesh (19158, 3) float32 with weighted targets added.

    >>> shape(phenotype(sex=1, age=40) | {"unit/jawOpen": 0.5}).shape
    (19158, 3)
    """
    units = {name: weight for name, weight in weights.items() if name.startswith("unit/")}
    neutral = base_vertices().copy()
    _add_targets(neutral, {n: w for n, w in weights.items() if n not in units})
    if not units:
        return neutral
    out = neutral.copy()
    _add_targets(out, units)
    _slide_lids(out, neutral)
    return out


def _add_targets(out: np.ndarray, weights: Mapping[str, float]) -> None:
    targets = _targets()
    for name, weight in weights.items():
        if name not in targets.where:
            raise ValueError(f"expected a shape target, got {name!r}")
        i = targets.where[name]
        rows = slice(targets.start[i], targets.start[i + 1])
        factor = np.float32(weight * targets.quantum[i])
        _add(out, targets.index[rows], targets.offset[rows], factor)


def _slide_lids(out: np.ndarray, neutral: np.ndarray) -> None:
    """Keep what an expression moves into an eyeball on its surface, where lids slide."""
    for eye, around in _eyes():
        centre = out[eye].mean(0)
        surface = LID * np.linalg.norm(out[eye] - centre, axis=1).mean()
        before = np.linalg.norm(neutral[around] - neutral[eye].mean(0), axis=1)
        offset = out[around] - centre
        distance = np.linalg.norm(offset, axis=1)
        # The inner rims of the lids lie within the surface from the start and stay as deep.
        least = np.minimum(before, surface)
        out[around] = centre + offset * np.maximum(least / distance, 1)[:, None]


@functools.cache
def _eyes() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the vertices of each eyeball, and those of the body around it."""
    skin = np.unique(group_faces("body")[0])
    eyes = [np.unique(group_faces(f"helper-{side}-eye")[0]) for side in "lr"]
    near = [
        np.linalg.norm(base_vertices()[skin] - base_vertices()[eye].mean(0), axis=1) < 0.035
        for eye in eyes
    ]
    return [(eye, skin[around]) for eye, around in zip(eyes, near, strict=True)]


@njit(cache=True, nogil=True)
def _add(out: np.ndarray, index: np.ndarray, offset: np.ndarray, factor: np.float32) -> None:
    for row in range(len(index)):
        vertex = index[row]
        for axis in range(3):
            out[vertex, axis] += factor * offset[row, axis]


def phenotype(
    sex: float = 0.5,
    age: float = 25.0,
    muscle: float = 0.5,
    weight: float = 0.5,
    height: float = 0.5,
    ancestry: Mapping[str, float] | None = None,
    *,
    proportions: float = 0.5,
    cup: float = 0.5,
    firmness: float = 0.5,
) -> dict[str, float]:
    """Return weights of the whole-body targets, for `shape`: MakeHuman's macro interpolation.

    Args:
        sex: 0 female, 1 male, and between.
        age: years in [10, 90].
        muscle, weight, height, proportions, cup, firmness: muscle, weight, height, proportions, cup
            and firmness in [0, 1], .5 the average.
        ancestry: shares of "african", "asian" and "caucasian", equal by default; any sum.
    """
    if not 10 <= age <= 90:
        raise ValueError(f"expected an age in [10, 90] years, got {age}")
    shares = dict(ancestry) if ancestry else dict.fromkeys(("african", "asian", "caucasian"), 1.0)
    total = sum(shares.values())
    size = {
        f"{m}-{w}": share_m * share_w
        for m, share_m in _thirds("muscle", muscle)
        for w, share_w in _thirds("weight", weight)
    }
    chest = [
        (f"{c}-{f}", share_c * share_f)
        for c, share_c in _thirds("cup", cup)
        for f, share_f in _thirds("firmness", firmness)
    ]
    extremes = [
        *((f"macrodetails/height/{{}}-{h}", share) for h, share in _thirds("height", height)),
        *((f"macrodetails/proportions/{{}}-{p}", share) for p, share in _proportions(proportions)),
        *((f"breast/{{}}-{c}", share) for c, share in chest),
    ]
    out: dict[str, float] = {}
    for person, share in _people(sex, age):
        for name, part in shares.items():
            out[f"macrodetails/{name}-{person}"] = share * part / total
        for kind, part in size.items():
            out[f"macrodetails/universal-{person}-{kind}"] = share * part
            for pattern, extreme in extremes:
                out[pattern.format(f"{person}-{kind}")] = share * part * extreme
    # Averages are the base mesh and have no target; neither have men a cup.
    known = _targets().where
    return {name: value for name, value in out.items() if value > 1e-4 and name in known}


def _people(sex: float, age: float) -> list[tuple[str, float]]:
    years = list(AGES.values())
    ages = {name: np.interp(age, years, np.eye(3)[i]) for i, name in enumerate(AGES)}
    return [
        (f"{gender}-{name}", float(share * part))
        for gender, share in (("female", 1 - sex), ("male", sex))
        for name, part in ages.items()
        if share * part > 1e-4
    ]


def _thirds(what: str, value: float) -> list[tuple[str, float]]:
    """Shares of the least, the average and the most of something."""
    if not 0 <= value <= 1:
        raise ValueError(f"expected {what} in [0, 1], got {value}")
    low, high = max(1 - 2 * value, 0.0), max(2 * value - 1, 0.0)
    shares = [(f"min{what}", low), (f"average{what}", 1 - low - high), (f"max{what}", high)]
    return [(name, share) for name, share in shares if share > 0]


def _proportions(value: float) -> list[tuple[str, float]]:
    names = {"minproportions": "uncommonproportions", "maxproportions": "idealproportions"}
    return [(names.get(name, name), share) for name, share in _thirds("proportions", value)]
