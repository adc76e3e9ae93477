"""Turn weights of torchvision's segmentation networks into a checkpoint of ours.

    python -m segmentation.import_weights deeplabv3_resnet101_coco-586e9e4e.pth -o deeplab.ckpt

FCN and DeepLab-v3 on ResNet-50 or -101, of the 21 classes of PASCAL VOC; predict, evaluate and
``weights=`` take what is written (``module=deeplab_v3 trunk=resnet50`` trains it further).
torchvision's auxiliary head, which evaluation does not use, is left out.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.checkpoints import CheckpointError, load_torch
from vision_shared.commands import run_command
from vision_shared.importing import Imported, import_command
from vision_shared.inputs import CommandParser, check_input

if TYPE_CHECKING:
    from torch import Tensor

MODELS = {6: "resnet50", 23: "resnet101"}
"""By the number of blocks of the third group."""

TRUNK = {
    "backbone.conv1.": "trunk.stages.0.1.",
    "backbone.bn1.": "trunk.stages.0.2.",
    "backbone.layer1.": "trunk.stages.0.5.",
    "backbone.layer2.": "trunk.stages.0.6.",
    "backbone.layer3.": "trunk.stages.1.0.",
    "backbone.layer4.": "trunk.stages.2.0.",
}
HEADS = {
    "fcn": {
        "classifier.0.": "head.0.0.",
        "classifier.1.": "head.0.1.",
        "classifier.4.": "head.2.",
    },
    "deeplab_v3": {
        **{f"classifier.0.convs.{n}.": f"head.0.branches.{n}." for n in range(4)},
        "classifier.0.convs.4.1.": "head.0.whole.0.",
        "classifier.0.convs.4.2.": "head.0.whole.1.",
        "classifier.0.project.": "head.0.project.",
        "classifier.1.": "head.2.0.",
        "classifier.2.": "head.2.1.",
        "classifier.4.": "head.3.",
    },
}
"""Beginnings of torchvision's names, and of ours."""

LEFT_OUT = ("aux_classifier.", "backbone.fc.")
# the objective plays no part until the network is trained further; these are module=deeplab_v3's
OBJECTIVE: dict[str, Any] = {
    "phases": [{"name": "whole", "share": 1.0, "learning_rate": 1e-3}],
    "optimizer": "adamw",
    "weight_decay": 1e-4,
    "poly_power": 0.9,
    "hardest": 1.0,
    "class_weights": None,
}


def import_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a state dict of torchvision; nothing in the file is executed.

    Returns:
        The settings for `segmentation.models.build_network` but for the classes, and the network's
        state dict.

    Raises:
        InputError: no such file, another network, or other classes than VOC's 21.
    """
    import torch

    check_input(path, "weights")
    content = load_torch(path)
    if not isinstance(content, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise CheckpointError(f"{path}: expected a state dict, the tensors of a network by name")
    try:
        settings = _settings(content)
        weights = convert(content, HEADS[settings["head"]])
        _expect_to_fit(settings, weights)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return settings, weights


def _settings(content: Mapping[str, Tensor]) -> dict[str, Any]:
    blocks = {name.split(".")[2] for name in content if name.startswith("backbone.layer3.")}
    last = content.get("classifier.4.weight")
    if len(blocks) not in MODELS or last is None or "backbone.layer3.0.conv3.weight" not in content:
        raise ValueError("expected FCN or DeepLab-v3 of torchvision on ResNet-50 or -101")
    if last.shape[:1] != (21,):
        raise ValueError(f"expected the 21 classes of PASCAL VOC, got {tuple(last.shape)[:1]}")
    trunk = {"name": "timm", "model": MODELS[len(blocks)], "cuts": ["layer2", "layer3"]}
    head = "deeplab_v3" if "classifier.0.convs.0.0.weight" in content else "fcn"
    return {"name": "dilated", "trunk": trunk, "head": head}


def convert(content: Mapping[str, Tensor], head: Mapping[str, str]) -> dict[str, Tensor]:
    """Rename torchvision's tensors to ours.

    Raises:
        ValueError: a tensor of another network.
    """
    table, ours = {**TRUNK, **head}, {}
    for name, value in content.items():
        if name.startswith(LEFT_OUT):
            continue
        start = next((start for start in table if name.startswith(start)), None)
        if start is None:
            raise ValueError(f"{name} is of another network")
        ours[table[start] + name.removeprefix(start)] = value
    return ours


def _expect_to_fit(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    import torch

    from segmentation.models import build_network

    with torch.device("meta"):
        expected = build_network(num_classes=21, **settings).state_dict()
    for name in sorted(expected.keys() ^ weights.keys()):
        raise ValueError(f"{name} is {'missing' if name in expected else 'of another network'}")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            shapes = tuple(expected[name].shape), tuple(value.shape)
            raise ValueError(f"expected {name} of shape {shapes[0]}, got {shapes[1]}")


def read_torchvision(path: Path) -> Imported:
    """Return a file of torchvision's as a checkpoint has it; raises as `import_weights`."""
    from segmentation.data.labels import VOC

    settings, weights = import_weights(path)
    classes = {"names": list(VOC.names), "palette": [list(colour) for colour in VOC.palette]}
    summary = f"{settings['head']} on {settings['trunk']['model']}, 21 classes"
    return Imported({"classes": classes, "network": settings, **OBJECTIVE}, weights, summary)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, import, check that the weights fit; return the exit code."""
    parser = CommandParser(
        prog="python -m segmentation.import_weights",
        description="Turn weights of torchvision's FCN or DeepLab-v3 into a checkpoint of ours.",
    )
    return import_command(parser, "segmentation", read_torchvision, arguments)


if __name__ == "__main__":
    run_command(main)
