"""Commands that are killed, and what has to be the same after a kill as without one."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs import PREPARE, checkpoint_of, module

Digest = dict[str, str]
"""What an end state is compared by: a name and a digest of each thing in it."""


@dataclass(frozen=True)
class Victim:
    """A command, started in a folder of its own, which it writes to.

    Attributes:
        name: for the table.
        command: of the folder as it is: a training that has a checkpoint resumes.
        digest: of what the command has made there.
        torn: names what stands there under its final name without being whole.
    """

    name: str
    command: Callable[[Path], list[str]]
    digest: Callable[[Path], Digest]
    torn: Callable[[Path, Digest], list[str]]


def make_victims(inputs: Path) -> list[Victim]:
    """Return all victims; they use what `inputs.make_inputs` has made."""
    images, clip = inputs / "images", inputs / "clips" / "clip.mp4"
    segmentation, fashion = (checkpoint_of(inputs, task) for task in ("segmentation", "fashion"))

    def index(home: Path) -> list[str]:
        return module(
            "fashion.index",
            "build",
            "--checkpoint",
            fashion,
            images,
            "-o",
            home / "index",
            "--whole",
        )

    def segment(home: Path) -> list[str]:
        chosen = ("--checkpoint", segmentation, "--overwrite")
        return module("segmentation.predict", images, "-o", home / "out", *chosen)

    def interpolate(home: Path) -> list[str]:
        return module("voxel_flow.predict", clip, "-o", home / "out.mp4", "--overwrite")

    return [
        Victim("training", _train, _checkpoints, _torn_checkpoints),
        Victim("index build", index, _index, lambda home, expected: []),  # all that counts is read
        Victim("predict: images", segment, _files, _torn_files),
        Victim("predict: video", interpolate, _files, _torn_files),
        _preparation("rendered people", "segmentation", "data.num_train=60"),
        _preparation("rendered portraits", "face-attributes", "data.render.people=[12,2,2]"),
        _preparation("rendered garments", "fashion", "data.render.items=[24,4,4]"),
        _preparation("clip cache", "voxel-flow", "data=video", f"data.folder={clip.parent}"),
    ]


def _preparation(name: str, task: str, *overrides: str) -> Victim:
    def command(home: Path) -> list[str]:
        smoke = [] if "data=video" in overrides else ["experiment=smoke"]
        return [*PREPARE, task, *smoke, *overrides, f"data.root={home / 'data'}"]

    return Victim(name, command, _files, _torn_files)


def _train(home: Path) -> list[str]:
    last = home / "run/checkpoints/last.ckpt"
    return [
        *module("voxel_flow.train", "experiment=smoke", "logger=csv", "seed=0"),
        *("trainer.max_epochs=8", "trainer.limit_train_batches=4", "data.epoch_size=8"),
        f"hydra.run.dir={home / 'run'}",
        *([f"resume={last}"] if last.is_file() else []),
    ]


def _checkpoints(home: Path) -> Digest:
    """Weights, optimiser and place of both checkpoints, and the results of the test."""
    import torch

    found = {}
    for name in ("best", "last"):
        path = home / "run" / "checkpoints" / f"{name}.ckpt"
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")
        for key in kept if name == "last" else kept[:1]:
            found[f"{name}.ckpt {key}"] = _digest_of(_plain(content[key]))
    results = json.loads((home / "run" / "results.json").read_text())
    return found | {"results.json": _digest_of(repr(results))}


def _plain(node: Any) -> str:
    """Write tensors in all their bits, and containers in the order of their keys."""
    if hasattr(node, "numpy"):
        return f"{node.dtype}{tuple(node.shape)}{_digest_of(node.numpy().tobytes())}"
    if isinstance(node, Mapping):
        return repr(sorted((repr(key), _plain(value)) for key, value in node.items()))
    return repr([_plain(v) for v in node]) if isinstance(node, list | tuple) else repr(node)


def _torn_checkpoints(home: Path, expected: Digest) -> list[str]:
    return [path.name for path in home.rglob("*.ckpt") if not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    if any(part.startswith(".") for part in path.parts[-2:]):
        return True  # no final name
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        return False


def _index(home: Path) -> Digest:
    """Everything that counts of an index; the files hold no byte more."""
    from fashion.retrieval.storage import IndexFiles

    files = IndexFiles(home / "index")
    lines = list(files.all_lines())
    return {
        "ids": _digest_of(files.rows["id"].tobytes()),
        "files": _digest_of(repr([line["file"] for line in lines])),
        "garments": _digest_of(repr(lines)),
        "vectors": _digest_of(files.vectors().tobytes()),
        "attributes": _digest_of(files.attributes().tobytes()),
        "size": str(files.path("vectors").stat().st_size),
        "thumbnails": str(len(list((home / "index").rglob("*.jpg")))),
    }


def _files(home: Path) -> Digest:
    return {str(path.relative_to(home)): _digest_of(_content(path)) for path in _all(home)}


def _content(path: Path) -> bytes:
    """Read a file, without the seconds that a JSON of predict says it took."""
    return re.sub(rb'"seconds": [0-9.e-]+', b"", path.read_bytes())


def _torn_files(home: Path, expected: Digest) -> list[str]:
    there = _files(home)
    return [name for name in there if name in expected and there[name] != expected[name]]


def _all(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(home).parts)
        if path.is_file() and not hidden:
            yield path


def strays(home: Path) -> set[str]:
    """Return the hidden files and folders below a folder, which no command shows its user."""
    return {str(p.relative_to(home)) for p in home.rglob(".*") if p.name != ".hydra"}


def _digest_of(content: bytes | str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:16]
