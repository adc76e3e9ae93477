"""SBD (Hariharan et al., ICCV 2011): masks of VOC's photographs, in MATLAB files.

cls/2008_000002.mat          GTcls.Segmentation: class numbers, uint8 (H, W)
CACHE/2008_000002.png        the same as an index PNG
CACHE/sources.json           size and time of the file that each of them was made from

A damaged MATLAB file can crash scipy, and the process with it: so all are converted once, in
processes of their own (`vision_shared.isolation`), which loads four times as fast besides.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segmentation.data.labels import VOC, ClassList
from segmentation.data.masks import Mask, check_numbers, write_mask
from vision_shared.faults import Report, stop
from vision_shared.inputs import InputError, check_input, new_file
from vision_shared.isolation import convert_each
from vision_shared.plain import PlainError, parse_json

SOURCES = "sources.json"


def convert_masks(
    folder: Path, names: Sequence[str], cache: Path, report: Report = stop
) -> dict[str, Path]:
    """Return the index PNGs of SBD's masks, made of the files that are new or have changed.

    Args:
        folder: SBD's ``cls``.
        names: names of the masks.
        cache: folder for the PNGs of this and other folders.
        report: function that takes the fault of a file that cannot be used, which is left out.

    Raises:
        InputError: as ``report`` does.
    """
    digest = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
    cache = cache / f"sbd-{digest}"
    made_from = _read_sources(cache / SOURCES)
    sources = {name: folder / f"{name}.mat" for name in names}
    stats = {name: _stat(path) for name, path in sources.items()}
    targets = {name: cache / f"{name}.png" for name in names}
    new = [n for n in names if made_from.get(n) != stats[n] or not targets[n].is_file()]
    if new:
        cache.mkdir(parents=True, exist_ok=True)
        faulty = _convert(new, sources, targets, stats, made_from, cache)
        for name, fault in faulty.items():
            del targets[name]
            report(fault)
    return targets


def _convert(
    names: Sequence[str],
    sources: dict[str, Path],
    targets: dict[str, Path],
    stats: dict[str, list[int] | None],
    made_from: dict[str, list[int] | None],
    cache: Path,
) -> dict[str, str]:
    """Convert masks and note what they were made from; return the faults by name."""
    from vision_shared.progress import show_progress

    faults = {}
    pairs = [(sources[name], targets[name]) for name in names]
    try:
        with show_progress("SBD's masks", len(names), "masks") as advance:
            for source, fault in convert_each(convert_mask, pairs, min(8, os.cpu_count() or 1)):
                if fault is None:
                    made_from[source.stem] = stats[source.stem]
                else:
                    faults[source.stem] = fault
                advance()
    finally:
        with new_file(cache / SOURCES, overwrite=True) as temporary:
            temporary.write_text(json.dumps(made_from))
    return {name: faults[name] for name in names if name in faults}


def convert_mask(source: Path, target: Path) -> None:
    """Write a mask of SBD as an index PNG; raises as `read_sbd_mask`."""
    write_mask(target, read_sbd_mask(source), VOC)


def read_sbd_mask(path: Path, classes: ClassList = VOC) -> Mask:
    """Read a mask of SBD, ``GTcls.Segmentation`` in a .mat file; it ignores no pixel.

    A damaged file can crash the process: see `convert_masks`.

    Raises:
        InputError: not there, empty, damaged, without that variable, or with a number that is no
            class.
    """
    import scipy.io
    from scipy.io.matlab import MatReadError

    check_input(path, "MATLAB file")
    damaged = (MatReadError, OSError, TypeError, ValueError, IndexError, OverflowError, zlib.error)
    try:
        content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
        mask = np.asarray(content["GTcls"].Segmentation)
    except (KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: without GTcls.Segmentation, expected a mask of SBD's folder cls (inst holds "
            "others)"
        ) from error
    except damaged as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: a damaged MATLAB file ({reason}): get SBD again") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise InputError(f"{path}: expected a uint8 mask (H, W), got {mask.dtype} {mask.shape}")
    check_numbers(path, mask, classes)
    return mask


def _stat(path: Path) -> list[int] | None:
    if not path.is_file():
        return None
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _read_sources(path: Path) -> dict[str, list[int] | None]:
    """Return what the PNGs were made from; nothing where that is not known."""
    try:
        content = parse_json(path.read_bytes())
    except (FileNotFoundError, PlainError):
        return {}  # then all are converted again
    return content if isinstance(content, dict) else {}
