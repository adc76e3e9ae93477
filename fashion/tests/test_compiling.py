"""Networks compiled as for a GPU, by the backend that runs what was traced on a CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from fashion.models import build_pipeline
from vision_shared.compiling import compile_network, parts_of
from vision_shared.testing import expect_compiled_alike, graphs_of_a_step

TRUNK = {"name": "small"}
NETWORKS: dict[str, tuple[dict[str, Any], int]] = {
    "fashionnet": ({"pose_width": 8, "local_width": 8, "global_width": 8, "fusion_width": 8}, 1),
    "dfa": ({"num_labels": 3, "width": 8, "previous_width": 8, "branches": [1, 2]}, 3),
}


def pipeline(name: str, *, detector: bool) -> Any:
    torch.manual_seed(0)
    network = {"name": name, "trunk": TRUNK, **NETWORKS[name][0]}
    finds = {"trunk": TRUNK, "size": 64, "width": 32} if detector else None
    return build_pipeline(3, 2, network, finds)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_compiles_for_batches_of_three_sizes(name: str) -> None:
    net: nn.Module = pipeline(name, detector=False).eval()
    expect_compiled_alike(net, [(torch.rand(n, 3, 32, 32),) for n in (2, 3, 5)], NETWORKS[name][1])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_the_detector_s_layers_are_compiled_and_its_choices_are_not() -> None:
    net = pipeline("fashionnet", detector=True)
    fcos = net.detector.fcos
    assert parts_of(net) == [net.network, fcos.backbone, fcos.head]
    images, boxes = torch.rand(2, 3, 64, 48), [torch.tensor([[4.0, 8, 40, 50]])] * 2
    types = [torch.zeros(1, dtype=torch.long)] * 2
    torch.manual_seed(0)
    expected = net.detector.loss(images, boxes, types)
    compile_network(net, backend="aot_eager")
    torch.testing.assert_close(net.detector.loss(images, boxes, types), expected)
    torch.compiler.reset()


def test_a_training_step_runs_graphs(
    config: Callable[..., DictConfig], rendered: Path, render: dict[str, Any]
) -> None:
    recipe = (f"data.render.{key}={value}" for key, value in render.items())
    cfg = config("fashion", "experiment=smoke", f"data.folder={rendered}", *recipe)
    assert graphs_of_a_step(cfg) >= 3  # the network, the detector's trunk and its heads
