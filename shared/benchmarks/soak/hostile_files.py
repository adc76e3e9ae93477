"""Files that somebody made up: checkpoints, indexes and data sets that want something called,
written, told or filled. Each is a whole working file but for what its name says.
"""

import copy
import io
import json
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import save_file

from vision_shared.checkpoints import ENTRY
from vision_shared.tasks import find_task

PACKAGES = {
    "voxel-flow": "voxel_flow",
    "segmentation": "segmentation",
    "face-attributes": "face_attributes",
    "fashion": "fashion",
}

FACTS: dict[str, dict[str, Any]] = {
    "voxel-flow": {},
    "segmentation": {"classes": {"names": ["a", "b"], "palette": [[0, 0, 0], [200, 0, 0]]}},
    "face-attributes": {"attributes": ["Male", "Young"]},
    "fashion": {
        "categories": ["Tee", "Dress"],
        "attributes": ["red", "striped"],
        "attribute_types": [],
        "type_names": [],
    },
}
"""What a datamodule tells the module."""

SECRET = "HOSTILE_SECRET"
"""Name of the environment variable that no output may hold."""


class Case(NamedTuple):
    """A hostile file.

    Attributes:
        name: what is hostile about it.
        kind: ``checkpoint``, ``index`` or a data set of `check_data`, as ``segmentation:sbd``.
        path: of the file or folder.
        task: whose commands take it.
    """

    name: str
    kind: str
    path: Path
    task: str


Change = Callable[[dict[str, Any]], None]


def checkpoints(folder: Path, victim: Path, tasks: tuple[str, ...]) -> Iterator[Case]:
    """Write hostile checkpoints; ``victim`` is a folder that none may touch."""
    for task in tasks:
        whole = working_checkpoint(task)
        place = folder / task
        place.mkdir(parents=True)
        for name, change in record_changes(victim).items():
            content = copy.deepcopy(whole)
            change(content)
            stem = place / re.sub(r"\W+", "_", name)
            torch.save(content, stem.with_suffix(".ckpt"))
            yield Case(f"{name} (.ckpt)", "checkpoint", stem.with_suffix(".ckpt"), task)
            if _write_weights(stem.with_suffix(".safetensors"), content):
                yield Case(f"{name} (.safetensors)", "checkpoint", stem.with_suffix(".safetensors"),
                           task)  # fmt: skip
        for name, path in _other_files(place, whole, victim):
            yield Case(name, "checkpoint", path, task)


def working_checkpoint(task: str) -> dict[str, Any]:
    """Return what a training of the task's smallest network would have saved."""
    with initialize_config_module(f"{PACKAGES[task]}.conf", version_base="1.3"):
        cfg = compose("train", ["experiment=smoke", "output_dir=."])
    settings = OmegaConf.to_container(cfg.module, resolve=True)
    values = OmegaConf.to_container(cfg.data, resolve=True)
    assert isinstance(settings, dict) and isinstance(values, dict)
    settings = {**{k: v for k, v in settings.items() if k != "_target_"}, **FACTS[task]}
    module = find_task(task).load()(**copy.deepcopy(settings))
    choice = {"voxel-flow": "rendered", "segmentation": "scenes", "face-attributes": "portraits",
              "fashion": "garments"}[task]  # fmt: skip
    data = {k: v for k, v in values.items() if k != "_target_"}
    return {
        ENTRY: {"format": 1, "task": task, "commit": None,
                "data": {"choice": choice, "values": data}},
        "hyper_parameters": settings,
        "state_dict": dict(module.state_dict()),
        "pytorch-lightning_version": "2.6.6",
        "epoch": 0,
        "global_step": 0,
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
    }  # fmt: skip


def record_changes(victim: Path) -> dict[str, Change]:  # noqa: C901 (a table)
    """Return the changes that make a checkpoint hostile, by what they want."""
    source, target = victim / "private.txt", victim / "copied.txt"
    copies = {"_target_": "shutil.copyfile", "src": str(source), "dst": str(target)}
    folder = {"_target_": "os.mkdir", "_args_": [str(victim / "made")]}
    shell = {"_target_": "os.system", "command": f"touch {victim / 'touched'}"}
    partial = {"_target_": "subprocess.run", "_partial_": True, "args": ["touch", str(target)]}
    deep: Any = copies
    for _ in range(20):
        deep = {"a": [deep]}
    bottomless: Any = []
    for _ in range(400):
        bottomless = [bottomless]
    secret = f"${{oc.env:{SECRET}}}"

    def values(**changed: Any) -> Change:
        return lambda content: content[ENTRY]["data"]["values"].update(changed)

    def settings(**changed: Any) -> Change:
        return lambda content: content["hyper_parameters"].update(changed)

    def network(**changed: Any) -> Change:
        return lambda content: content["hyper_parameters"]["network"].update(changed)

    def record(**changed: Any) -> Change:
        return lambda content: content[ENTRY].update(changed)

    def data(**changed: Any) -> Change:
        return lambda content: content[ENTRY]["data"].update(changed)

    def whole(**changed: Any) -> Change:
        return lambda content: content.update(changed)

    def without(*keys: str) -> Change:
        def change(content: dict[str, Any]) -> None:
            for key in keys[:-1]:
                content = content[key]
            del content[keys[-1]]

        return change

    return {
        "a value that is called": values(root=copies),
        "a value that runs a shell": values(folder=shell),
        "a called value in a list": values(scale=[0.9, folder]),
        "a called value deep inside": values(jitter=deep),
        "a partial call": values(seed=partial),
        "values that are a call": data(values=copies),
        "another target for the data": values(_target_="os.system", command="true"),
        "arguments of the data's target": values(_args_=[str(target)]),
        "convert and recursive": values(_recursive_=True, _convert_="object"),
        "a key in an unknown value": values(nothing={"_target_": "os.getcwd"}),
        "a value from the environment": values(root=f"{victim}/{secret}"),
        "a nested value from the environment": values(size=[secret]),
        "a value by interpolation": values(root="${hydra:runtime.cwd}"),
        "a missing mandatory value": values(root="${nothing.there}"),
        "a choice outside of the package": data(choice="../../x"),
        "an absolute choice": data(choice=str(victim / "private")),
        "a choice with an override": data(choice="sample,+x=1"),
        "a choice that is a list": data(choice=["sample"]),
        "a choice from the environment": data(choice=secret),
        "a choice with a line end": data(choice="sample\nx"),
        "a called hyper-parameter": settings(network=copies),
        "a called setting of the network": network(trunk=shell),
        "an instantiator": settings(_instantiator="os.system"),
        "a class path": settings(_class_path="os.system"),
        "a setting from the environment": network(name=secret),
        "settings nested without end": settings(network=bottomless),
        "a network of another name": network(name="nothing"),
        "a network's name that is a list": network(name=["compact"]),
        "a network's name that is a module": network(name="os.system"),
        "a setting that no network has": network(nothing=1),
        "hyper-parameters that are a list": whole(hyper_parameters=[1]),
        "hyper-parameters with numbers for keys": settings(network={1: 2}),
        "a tensor among the hyper-parameters": settings(network=torch.ones(2)),
        "a path with a NUL": values(root="a\0b"),
        "no format": without(ENTRY, "format"),
        "a format that is text": record(format="1"),
        "a format that is a list": record(format=[1]),
        "a format that is true": record(format=True),
        "a negative format": record(format=-1),
        "a newer format": record(format=2**70),
        "no task": without(ENTRY, "task"),
        "a task that is a number": record(task=3),
        "a task that is a module": record(task="os:system"),
        "a task that is not installed": record(task="nothing"),
        "a task of two lines": record(task="voxel-flow\nTraceback"),
        "no hyper-parameters": without("hyper_parameters"),
        "no state dict": without("state_dict"),
        "a state dict that is a list": whole(state_dict=[1]),
        "a state dict of numbers": whole(state_dict={"net.weight": 3}),
        "a state dict with numbers for keys": whole(state_dict={1: torch.ones(1)}),
        "an empty state dict": whole(state_dict={}),
        "sparse tensors": whole(state_dict={"net.weight": torch.ones(3).to_sparse()}),
        "tensors of other shapes": lambda content: content["state_dict"].update(
            {name: torch.ones(1, 2, 3) for name in list(content["state_dict"])}
        ),
        "data that is a list": record(data=[1]),
        "values that are a list": data(values=[1]),
        "an entry that is a list": whole(**{ENTRY: [1]}),
        "no entry": without(ENTRY),
    }


def _write_weights(path: Path, content: dict[str, Any]) -> bool:
    """Write the same as safetensors, where that format can hold it."""
    entry, tensors = content.get(ENTRY), content.get("state_dict")
    if not isinstance(tensors, dict):
        return False
    if not all(isinstance(k, str) and _is_dense(v) for k, v in tensors.items()):
        return False
    if isinstance(entry, dict) and "hyper_parameters" in content:
        entry = {**entry, "hyper_parameters": content["hyper_parameters"]}
    try:
        text = json.dumps(entry)
    except TypeError:
        return False
    dense = {name: value.clone() for name, value in tensors.items() if name[:4] == "net."}
    save_file(dense, path, metadata={ENTRY: text} if entry is not None else None)
    return True


def _is_dense(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.layout is torch.strided


class _Call:
    """Pickled as a call."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def _other_files(place: Path, whole: dict[str, Any], victim: Path) -> Iterator[tuple[str, Path]]:
    """Write files that are no checkpoint as torch or safetensors writes them."""
    import os

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


def indexes(folder: Path, index: Path, victim: Path, pickled: Path) -> Iterator[Case]:
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


def data_sets(folder: Path, victim: Path) -> Iterator[Case]:
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
