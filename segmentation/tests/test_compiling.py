"""Networks compiled as for a GPU, by the backend that runs what was traced on a CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from segmentation.models import build_network
from vision_shared.testing import expect_compiled_alike, graphs_of_a_step

TRUNK = {"name": "small", "width": 8, "blocks": [1, 1, 1]}
UNARY = {"head": "large_fov", "width": 8, "dilations": [2]}
NETWORKS: dict[str, dict[str, Any]] = {
    "adelaide": {"name": "adelaide", "width": 4, "unary": UNARY, "crf": {"iterations": 1}},
    "cascade": {"name": "cascade", "head_width": 4},
    "dpn": {"name": "dpn", "stride": 2, "window": 5, "context_size": 3, "unary": UNARY},
    "fcn": {"name": "fcn", "trunk": {**TRUNK, "strides": [2, 2]}},
}  # the network of the kinds of DeepLab is Adelaide's unary
PARTS = {"adelaide": 3, "cascade": 4, "dpn": 1, "fcn": 1}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_compiles_for_three_sizes(name: str) -> None:
    torch.manual_seed(0)
    made_with: dict[str, Any] = {"trunk": TRUNK, **NETWORKS[name]}
    net = build_network(num_classes=3, **made_with).eval()
    images = [(torch.rand(2, 3, *size),) for size in ((33, 47), (40, 56), (51, 39))]
    backend = "eager" if name in ("adelaide", "fcn") else "aot_eager"  # a matter of seconds
    expect_compiled_alike(net, images, PARTS[name], backend)


def test_a_training_step_runs_graphs(config: Callable[..., DictConfig], people: Path) -> None:
    tiny = ("experiment=smoke", "data.size=32", "data.crop_size=32", "module.network.trunk.width=8")
    cfg = config("segmentation", *tiny, f"data.root={people}")
    # three stages and three classifiers, of which those that are alike share a graph
    assert 2 <= graphs_of_a_step(cfg) <= 6
