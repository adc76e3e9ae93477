"""What the tests of finding and predicting share: untrained networks, a picture, the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face_attributes.models import build_network
from face_attributes.predict import main
from vision_shared.checkpoints import write_checkpoint

NAMES = ["Bangs", "Male", "Smiling"]
LITE = {"name": "lite", "channels": [4, 4, 4, 4, 4]}
ANET = {"name": "anet", "patch": [55, 47]}
ALL = {"name": "lnets_anet", "lnet_o": LITE, "lnet_s": LITE, "anet": {"patch": [55, 47]}}


def write(
    path: Path,
    network: dict[str, Any],
    threshold: float | None,
    data: dict[str, Any] | None = None,
    **others: Any,
) -> Path:
    """A checkpoint of an untrained network; one that looks for faces if there is a threshold."""
    torch.manual_seed(0)
    people = {key: n for key, n in others.items() if key == "num_identities"}
    net: Any = build_network(num_outputs=len(NAMES), **network, **people)
    if threshold is not None:
        getattr(net, "lnet_o", net).threshold.fill_(threshold)
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={
            "attributes": NAMES,
            "network": network,
            **others,
            "localizer": None if threshold is None else {"score": "contrast", "image_side": None},
        },
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": "people", "values": {"size": [48, 48], "context": 1.2}, **(data or {})},
    )
    return path


def blob(height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with something bright at its upper left."""
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[8:40, 12:40] = (230, 180, 150)
    return picture


def run(checkpoint: Path, *arguments: str | Path) -> int:
    return main([str(a) for a in ("--checkpoint", checkpoint, *arguments)])


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]
