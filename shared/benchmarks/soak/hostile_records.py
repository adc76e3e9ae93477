"""Checkpoints that somebody made up, of which the record wants something called, written or told.

Each is a whole working file but for what its name says.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
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


def records(place: Path, victim: Path, task: str) -> Iterator[Case]:
    """Write hostile checkpoints of a task; ``victim`` is a folder that none may touch."""
    whole = working_checkpoint(task)
    for name, change in record_changes(victim).items():
        content = copy.deepcopy(whole)
        change(content)
        path = place / f"{re.sub(r'[^a-z]+', '_', name)}.ckpt"
        torch.save(content, path)
        yield Case(f"{name} (.ckpt)", "checkpoint", path, task)
        if _write_weights(path.with_suffix(".safetensors"), content):
            path = path.with_suffix(".safetensors")
            yield Case(f"{name} (.safetensors)", "checkpoint", path, task)


def working_checkpoint(task: str) -> dict[str, Any]:
    """Return what a training of the task's smallest network would have saved."""
    with initialize_config_module(f"{PACKAGES[task]}.conf", version_base="1.3"):
        cfg = compose("train", ["experiment=smoke", "output_dir=."])
    settings = OmegaConf.to_container(cfg.module, resolve=True)
    values = OmegaConf.to_container(cfg.data, resolve=True)
    assert isinstance(settings, dict) and isinstance(values, dict)
    settings = {**{k: v for k, v in settings.items() if k != "_target_"}, **FACTS[task]}
    module = find_task(task).load()(**copy.deepcopy(settings))
    choice = {"voxel-flow": "rendered", "segmentation": "people", "face-attributes": "portraits",
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
