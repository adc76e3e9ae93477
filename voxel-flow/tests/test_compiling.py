"""Networks compiled as for a GPU, by the backend that runs what was traced on a CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from vision_shared.testing import expect_compiled_alike, graphs_of_a_step
from voxel_flow.models import build_network

NETWORKS: dict[str, dict[str, Any]] = {
    "compact": {"width": 4},
    "paper": {"width": 4},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_compiles_for_three_sizes(name: str) -> None:
    torch.manual_seed(0)
    net = build_network(name, **NETWORKS[name]).eval()
    sizes = (33, 47), (40, 56), (51, 39)
    pairs = [(torch.rand(2, 2, 3, *size), torch.tensor([0.5, 0.25])) for size in sizes]
    expect_compiled_alike(net, pairs, parts=1)


def test_a_training_step_runs_a_graph(config: Callable[..., DictConfig]) -> None:
    assert graphs_of_a_step(config("voxel_flow", "experiment=smoke", "data.size=32")) == 1
