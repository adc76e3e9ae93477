"""Files that somebody made up: all hostile checkpoints, indexes and data sets of some tasks."""

import contextlib
import importlib
import io
import json
import os
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hostile_records import PACKAGES, SECRET, Case, records, working_checkpoint
from PIL import Image
from safetensors.torch import save_file

from vision_shared.checkpoints import ENTRY


def generate(folder: Path, tasks: Sequence[str] = tuple(PACKAGES)) -> Iterator[Case]:
    """Write the hostile files, what they are aimed at (``victim``) and the inputs of commands."""
    victim, inputs = folder / "victim", folder / "inputs"
    victim.mkdir(parents=True)
    (victim / "private.txt").write_text("private")
    (victim / "private.yaml").write_text("_target_: os.getcwd\n")
    inputs.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 80, 3), np.uint8)
    for number, image in enumerate(noise):
        Image.fromarray(image).save(inputs / f"{number}.png")
    for task in tasks:
        place = folder / "checkpoints" / task
        place.mkdir(parents=True)
        yield from records(place, victim, task)
        for name, path in _other_checkpoints(place, working_checkpoint(task), victim):
            yield Case(name, "checkpoint", path, task)
    if "fashion" in tasks:
        pickled = folder / "checkpoints" / "fashion" / "pickle.ckpt"
        yield from _indexes(folder / "indexes", _working_index(folder), victim, pickled)
    yield from (case for case in _data_sets(folder / "data_sets", victim) if case.task in tasks)


class _Call:
    """Pickled as a call."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def _other_checkpoints(
    place: Path, whole: dict[str, Any], victim: Path
) -> Iterator[tuple[str, Path]]:
    """Write files that are no checkpoint as torch or safetensors writes them."""
    torch.save({**whole, "x": _Call(os.mkdir, str(victim / "made"))}, place / "pickle.ckpt")
    yield "a pickled call in a checkpoint", place / "pickle.ckpt"
    (place / "plain.ckpt").write_bytes(
        pickle.dumps(_Call(os.system, f"touch {victim / 'touched'}"))
    )
    yield "a pickle alone", place / "plain.ckpt"
    (place / "protocol0.ckpt").write_bytes(b"cos\nsystem\n(S'touch " + bytes(victim) + b"/t'\ntR.")
    yield "a pickle of protocol 0", place / "protocol0.ckpt"
    (place / "empty.ckpt").touch()
    yield "an empty file", place / "empty.ckpt"
    (place / "text.ckpt").write_text("no checkpoint\n" * 3)
    yield "a text", place / "text.ckpt"
    buffer = io.BytesIO()
    torch.save(whole, buffer)
    (place / "cut.ckpt").write_bytes(buffer.getvalue()[:-300])
    yield "a checkpoint that is cut off", place / "cut.ckpt"
    with (
        zipfile.ZipFile(buffer) as archive,
        zipfile.ZipFile(place / "bomb.ckpt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for info in archive.infolist():
            bomb.writestr(info.filename, archive.read(info))
    yield "a compressed archive", place / "bomb.ckpt"
    with zipfile.ZipFile(place / "escape.ckpt", "w") as archive:
        archive.writestr("../../../escaped.txt", "x")
    yield "an archive that leaves its folder", place / "escape.ckpt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for TorchScript is on its way out
        scripted = torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1))
        torch.jit.save(scripted, place / "script.ckpt")
    yield "a TorchScript archive", place / "script.ckpt"
    tensors = {"net.weight": torch.ones(1)}
    save_file(tensors, place / "deep.safetensors", metadata={ENTRY: "[" * 10_000 + "]" * 10_000})
    yield "JSON nested 10,000 deep", place / "deep.safetensors"
    save_file(tensors, place / "nojson.safetensors", metadata={ENTRY: "{'a': 1}"})
    yield "metadata that is no JSON", place / "nojson.safetensors"
    save_file(tensors, place / "number.safetensors", metadata={ENTRY: "1" * 6000})
    yield "a number of 6,000 digits", place / "number.safetensors"
    header = (
        b'{"net.weight": {"dtype": "F32", "shape": [99999999, 99999999], "data_offsets": [0, 4]}}'
    )
    (place / "huge.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    yield "a tensor larger than its file", place / "huge.safetensors"
    (place / "header.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    yield "a header larger than its file", place / "header.safetensors"
    (place / "folder.ckpt").mkdir()
    yield "a folder", place / "folder.ckpt"


def _indexes(folder: Path, index: Path, victim: Path, pickled: Path) -> Iterator[Case]:
    """Write hostile indexes.

    Args:
        folder: for them.
        index: one that works.
        victim: a folder that none may touch.
        pickled: a hostile checkpoint.
    """
    manifest = json.loads((index / "index.json").read_text())
    inverted = {"covers": 3, "num_lists": 4, "num_probes": 1, "recall": 0.9}
    changes: dict[str, dict[str, Any]] = {
        "a transform that is called": {"transform": {"_target_": "os.system", "command": "true"}},
        "a checkpoint from the environment": {"checkpoint": f"${{oc.env:{SECRET}}}"},
        "a pickled checkpoint": {"checkpoint": str(pickled)},
        "a checkpoint that is a list": {"checkpoint": ["x"]},
        "lists outside of the index": {"inverted": {"file": "../../private.txt", **inverted}},
        "absolute lists": {"inverted": {"file": str(victim / "private.txt"), **inverted}},
        "lists that are not there": {"inverted": {"file": "inverted.0.9.lists", **inverted}},
        "a number of lists that is text": {
            "inverted": {**inverted, "file": "inverted.0.9.lists", "num_lists": "4"}
        },
        "a generation that is a path": {"generation": "../../x"},
        "more garments than there are": {"num": 10**12},
        "a negative number of garments": {"num": -1},
        "a number of garments that is text": {"num": "3"},
        "a dimension that does not fit": {"dimension": 10**9},
        "categories that are numbers": {"categories": [1, 2]},
        "no categories": {"categories": []},
        "attributes that are a text": {"attributes": "red"},
        "no format": {"format": None},
        "a newer format": {"format": 99},
    }
    contents: dict[str, bytes] = {
        name: json.dumps({**manifest, **change}).encode() for name, change in changes.items()
    }
    contents["a manifest nested 10,000 deep"] = b"[" * 10_000 + b"]" * 10_000
    contents["a manifest that is no JSON"] = b"\xff\xfe{"
    files = {name: {"index.json": content} for name, content in contents.items()}
    line = (index / "garments.0.jsonl").read_bytes()
    rows = np.fromfile(index / "rows.0.bin", np.uint8)
    files |= {
        "lines nested deep": {"garments.0.jsonl": (b"[" * len(line))},
        "lines without a file": {"garments.0.jsonl": line.replace(b'"file"', b'"fyle"')},
        "lines with other kinds": {"garments.0.jsonl": line.replace(b'"id": ', b'"id":"').replace(
            b', "file"', b'","file"')},
        "rows of nonsense": {"rows.0.bin": bytes(rows[::-1])},
        "rows of ones": {"rows.0.bin": b"\xff" * len(rows)},
        "vectors that are no numbers": {"vectors.0.f32": b"\xff" * (index / "vectors.0.f32").stat(
        ).st_size},
    }  # fmt: skip
    for number, (name, changed) in enumerate(files.items()):
        copied = Path(shutil.copytree(index, folder / f"index{number}"))
        for file, content in changed.items():
            (copied / file).write_bytes(content)
        yield Case(f"an index: {name}", "index", copied, "fashion")


def _working_index(folder: Path) -> Path:
    checkpoint, index = folder / "working.ckpt", folder / "working_index"
    torch.save(working_checkpoint("fashion"), checkpoint)
    command = [
        "build",
        "--checkpoint",
        str(checkpoint),
        str(folder / "inputs"),
        "-o",
        str(index),
        "--whole",
    ]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if importlib.import_module("fashion.index").main(command) != 0:
            raise RuntimeError("expected a working index")
    return index


def _data_sets(folder: Path, victim: Path) -> Iterator[Case]:
    """Write hostile data sets for `check_data`."""
    call = f"!!python/object/apply:os.mkdir ['{victim / 'made'}']\n"
    for name, text in {
        "classes that are a call": call,
        "classes that refer to themselves": "&a [*a]\n",
        "classes nested deep": "[" * 3000 + "]" * 3000,
        "a class of every bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    }.items():
        root = folder / name.replace(" ", "_")
        for part in ("images", "masks"):
            (root / part).mkdir(parents=True)
            Image.new("L", (8, 8)).save(root / part / "1.png")
        (root / "classes.yaml").write_text(text)
        yield Case(name, "segmentation:folder", root, "segmentation")
    deep = "[" * 10_000 + "]" * 10_000
    for name, text in {
        "COCO nested deep": deep,
        "COCO of numbers": "[1, 2]",
        "no COCO": "{",
    }.items():
        root = folder / name.replace(" ", "_")
        (root / "annotations").mkdir(parents=True)
        for split in ("train2017", "val2017"):
            (root / split).mkdir()
            (root / "annotations" / f"instances_{split}.json").write_text(text)
        yield Case(name, "segmentation:coco", root, "segmentation")
    for name, text in {"DeepFashion2 nested deep": deep, "DeepFashion2 of lists": "[[]]"}.items():
        root = folder / name.replace(" ", "_")
        for part in ("train", "validation"):
            (root / part / "annos").mkdir(parents=True)
            (root / part / "annos" / "1.json").write_text(text)
        yield Case(name, "fashion:deepfashion2", root, "fashion")
    for name, content in {"LFWA of nonsense": b"\x89HDF\r\n\x1a\n" + b"\xff" * 500,
                          "LFWA of text": b"text"}.items():  # fmt: skip
        root = folder / name.replace(" ", "_")
        (root / "lfw").mkdir(parents=True)
        for file in ("lfw_att_40.mat", "indices_train_test.mat"):
            (root / file).write_bytes(content)
        yield Case(name, "face_attributes:lfwa", root, "face-attributes")
