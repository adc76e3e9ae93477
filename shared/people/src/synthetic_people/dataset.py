"""Sets of samples on disk: rendered once by all cores, in shards, and read back.

A set lies in a folder named by what it holds, so that another recipe is another folder. Its shards
appear whole or not at all: a killed run loses at most those that it was at.
"""

import hashlib
import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from synthetic_people import catalogue, scene
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.sample import Garment, Labels, Sample

VERSION = 3  # raise it when an image or a label would differ; sets are then rendered again
SHARD = 64  # samples
RECIPE = "recipe.json"
KINDS = ("portraits", "faces", "bodies", "motion", "items")


@dataclass(frozen=True)
class Recipe:
    """Contents of a set; sample `i` of it follows from the seed and `i` alone.

    Args:
        kind: "portraits" (faces of all sizes), "faces" (one that fills the image), "bodies"
            (whole people), "motion" (bodies, each with optical flow to its next moment) or "items"
            (`catalogue.SHOTS` of each item of clothing).
        count: number of samples.
        size: height and width of images in pixels.
        seed: number of the set among its kind.
        split: split of the background photographs; the people of a split are in no other.
        per_identity: images in a row of one person.
        backgrounds: folder of photographs without people, None for those of the package.

    Raises:
        ValueError: naming the first of these that cannot be.
    """

    kind: str
    count: int
    size: int = 128
    seed: int = 0
    split: str = "train"
    per_identity: int = 6
    backgrounds: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"expected a kind of {', '.join(KINDS)}, got {self.kind!r}")
        if self.split not in _SPLITS:
            raise ValueError(f"expected a split of {', '.join(_SPLITS)}, got {self.split!r}")
        for name, least in (("count", 1), ("size", 16), ("seed", 0), ("per_identity", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"expected a {name} of {least} or more, got {getattr(self, name)}")

    def folder_name(self) -> str:
        """Return the name of the set's folder: its kind and a hash of all that it follows from."""
        text = json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


_SPLITS = {"train": 0, "val": 1, "test": 2}


def sample(recipe: Recipe, index: int, backgrounds: Backgrounds) -> Sample:
    """Return sample number `index` of a set."""
    # people of different splits have different numbers, strangers too
    seed = recipe.seed * len(_SPLITS) + _SPLITS[recipe.split]
    identity = seed * 100_000 + index // recipe.per_identity
    size = recipe.size
    if recipe.kind in ("portraits", "faces"):
        close = recipe.kind == "faces"
        return scene.portrait(seed, index, size, backgrounds, identity, close)
    if recipe.kind == "bodies":
        return scene.street(seed, index, size, size, backgrounds, identity)
    if recipe.kind == "items":
        return catalogue.photograph_item(seed, index, size, backgrounds, identity)
    return scene.motion(seed, index, size, size, backgrounds, identity, frames=2)[0]


def open_backgrounds(recipe: Recipe) -> Backgrounds:
    """Return the photographs that stand behind the people of a set."""
    return Backgrounds(recipe.backgrounds, recipe.split)


def render_set(recipe: Recipe, root: Path, workers: int | None = None) -> Path:
    """Render what is missing of a set and return its folder.

    Args:
        recipe: its contents.
        root: folder of sets.
        workers: processes; None for one a core.
    """
    folder = root / recipe.folder_name()
    folder.mkdir(parents=True, exist_ok=True)
    open_backgrounds(recipe)  # a fault of the user's folder is told before processes start
    missing = [n for n in range(_num_shards(recipe)) if not _shard(folder, n).exists()]
    if missing:
        _remove_abandoned(folder)
        (folder / RECIPE).write_text(json.dumps(asdict(recipe), indent=2) + "\n")
        workers = workers or _usable_cores()
        _render_shards(recipe, folder, missing, min(workers, len(missing)))
    return folder


def read_set(folder: Path) -> Iterator[Sample]:
    """Yield the samples of a rendered set in order.

    Raises:
        FileNotFoundError: not a set, or not rendered to its end.
        ValueError: a damaged shard.
    """
    path = folder / RECIPE
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found, expected a folder of rendered people")
    for number in range(_num_shards(Recipe(**json.loads(path.read_text())))):
        yield from read_shard(_shard(folder, number))


def _render_shards(recipe: Recipe, folder: Path, missing: list[int], workers: int) -> None:
    total = sum(len(_rows(recipe, number)) for number in missing)
    with tqdm(total=total, unit="sample", desc=f"rendering {recipe.kind}") as bar:
        if workers == 1:
            for number in missing:
                bar.update(_render_shard(recipe, folder, number))
            return
        # not forked: the caller may hold threads, locks and a GPU
        with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
            with _callers_script_left_out():
                jobs = [pool.submit(_render_shard, recipe, folder, number) for number in missing]
            for job in as_completed(jobs):
                bar.update(job.result())


@contextmanager
def _callers_script_left_out() -> Iterator[None]:
    """Start processes that do not run the caller's script again: it need not be guarded."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _end_with_parent() -> None:
    """End this process when the one that started it does, however that ends."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished shards of processes that have ended."""
    for path in folder.glob(".shard-*"):
        process = path.suffix.removeprefix(".")
        if not process.isdecimal() or not _is_alive(int(process)):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _rows(recipe: Recipe, number: int) -> range:
    """Return the samples of a shard."""
    return range(number * SHARD, min((number + 1) * SHARD, recipe.count))


def _num_shards(recipe: Recipe) -> int:
    return -(-recipe.count // SHARD)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.zip"


def _render_shard(recipe: Recipe, folder: Path, number: int) -> int:
    """Render a shard and return how many samples it holds."""
    backgrounds = open_backgrounds(recipe)
    rows, path = _rows(recipe, number), _shard(folder, number)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w") as file:
            for row in rows:
                for name, content in encode(sample(recipe, row, backgrounds)).items():
                    # without the time of writing, so that a shard is the same whenever it is made
                    file.writestr(zipfile.ZipInfo(f"{row:06d}.{name}"), content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(rows)


# ------------------------------------------------------------------------------ bytes
def encode(sample: Sample) -> dict[str, bytes]:
    """Return a sample as files: image.jpg, maps.png, labels.json, and arrays.npz.

    maps.png holds part, person, garment and edge in its four channels; arrays.npz depth and, for
    a motion, flow and occlusion, as float16.
    """
    maps = np.dstack([sample.parts, sample.person, sample.garment, sample.edge * np.uint8(255)])
    arrays: dict[str, Any] = {"depth": sample.depth.astype(np.float16)}
    if sample.flow is not None and sample.occluded is not None:
        arrays |= {"flow": sample.flow.astype(np.float16), "occluded": sample.occluded}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    labels = json.dumps([asdict(label) for label in sample.people], default=_plain)
    return {
        "image.jpg": _picture(sample.image, "JPEG", quality=95, subsampling=0),
        "maps.png": _picture(maps, "PNG"),
        "labels.json": labels.encode(),
        "arrays.npz": stream.getvalue(),
    }


def read_shard(path: Path) -> Iterator[Sample]:
    """Yield the samples of a shard.

    Raises:
        ValueError: the file is no shard, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            rows = sorted({name.split(".")[0] for name in file.namelist()})
            for row in rows:
                yield decode({part: file.read(f"{row}.{part}") for part in _FILES})
    except (zipfile.BadZipFile, KeyError, OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: expected a shard of rendered people; remove it, and it is rendered again "
            f"({error})"
        ) from None


_FILES = ("image.jpg", "maps.png", "labels.json", "arrays.npz")


def decode(files: dict[str, bytes]) -> Sample:
    """Return the sample of the files that `encode` makes."""
    maps = np.asarray(Image.open(io.BytesIO(files["maps.png"])))
    arrays = dict(np.load(io.BytesIO(files["arrays.npz"]), allow_pickle=False))
    flow = arrays.get("flow")
    return Sample(
        image=np.asarray(Image.open(io.BytesIO(files["image.jpg"]))),
        parts=maps[..., 0],
        person=maps[..., 1],
        garment=maps[..., 2],
        edge=maps[..., 3] > 0,
        depth=arrays["depth"].astype(np.float32),
        people=[_labels(row) for row in json.loads(files["labels.json"])],
        flow=None if flow is None else flow.astype(np.float32),
        occluded=arrays.get("occluded"),
    )


def _labels(row: dict) -> Labels:
    garments = [Garment(**_typed(Garment, garment)) for garment in row.pop("garments")]
    return Labels(**_typed(Labels, row), garments=garments)


def _typed(kind: type, row: dict) -> dict:
    """Return the fields of a row as their class has them, not as the lists of JSON."""
    out = {field.name: row[field.name] for field in fields(kind) if field.name in row}
    for name, value in out.items():
        if name == "landmarks":
            out[name] = np.array(value, np.float64)
        elif name == "visibility":
            out[name] = np.array(value, np.uint8)
        elif isinstance(value, list):
            out[name] = tuple(value)
    return out


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"not a plain value: {value!r}")


def _picture(array: np.ndarray, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()
