"""The data sets by their names, which are those of their configs: where they lie, how to read."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fashion.data.annotation_cache import cached
from fashion.data.deepfashion.cap import find_cap, read_cap
from fashion.data.deepfashion.cap_fine import find_cap_fine, read_cap_fine
from fashion.data.deepfashion.consumer2shop import find_consumer2shop, read_consumer2shop
from fashion.data.deepfashion.deepfashion2 import find_deepfashion2, read_deepfashion2
from fashion.data.deepfashion.files import Files
from fashion.data.deepfashion.fld import find_fld, read_fld
from fashion.data.deepfashion.inshop import find_inshop, read_inshop
from fashion.data.folder import read_folder
from fashion.data.garments import Garments, joined, stacked
from fashion.data.people.others import read_others
from vision_shared.faults import Report, stop
from vision_shared.inputs import InputError


class Benchmark(NamedTuple):
    """Where a data set lies unless it is said, and how its files are found there and read."""

    root: Path
    find: Callable[[Path], Files]
    read: Callable[[Files, Report], Garments]


DEEPFASHION = Path("data/deepfashion")

OFFICIAL = {
    "cap": Benchmark(DEEPFASHION / "cap", find_cap, read_cap),
    "cap_fine": Benchmark(DEEPFASHION / "cap", find_cap_fine, read_cap_fine),
    "inshop": Benchmark(DEEPFASHION / "inshop", find_inshop, read_inshop),
    "consumer2shop": Benchmark(
        DEEPFASHION / "consumer2shop", find_consumer2shop, read_consumer2shop
    ),
    "fld": Benchmark(DEEPFASHION / "fld", find_fld, read_fld),
    "deepfashion2": Benchmark(Path("data/deepfashion2"), find_deepfashion2, read_deepfashion2),
}

PEOPLE = ("cap", "fld", "inshop", "consumer2shop")
"""What items of synthetic people are listed as, each in a folder of its name."""

ROOTS = {
    **{name: benchmark.root for name, benchmark in OFFICIAL.items()},
    "people": Path("data/fashion/people"),
    "folder": Path("data/fashion/folder"),
}
BENCHMARKS = tuple(ROOTS)


def load_garments(name: str, root: Path, cache: Path) -> Garments:
    """Read a data set, or what is kept of it in the cache.

    Args:
        name: one of `BENCHMARKS`.
        root: folder of the data set.
        cache: a folder for `fashion.data.annotation_cache`.

    Raises:
        FileNotFoundError: it is not there; says where to get it.
        InputError: a list that cannot be used, or an unknown name.
    """
    if name == "folder":
        return read_folder(root, stop)
    if name == "people":
        items = joined(*(load_garments(name, root / name, cache) for name in PEOPLE))
        return stacked(items, read_others(root, items))
    if name not in OFFICIAL:
        raise InputError(f"expected one of {', '.join(BENCHMARKS)}, got {name!r}")
    _, find, read = OFFICIAL[name]
    return cached(cache, name, find(root), read)


def read_garments(name: str, root: Path, report: Report) -> Garments:
    """Read a data set from its files, and report every fault; raises as `load_garments`."""
    if name == "folder":
        return read_folder(root, report)
    if name == "people":
        items = joined(*(read_garments(name, root / name, report) for name in PEOPLE))
        return stacked(items, read_others(root, items))
    _, find, read = OFFICIAL[name]
    return read(find(root), report)
