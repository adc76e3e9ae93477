"""Networks compiled as for a GPU, by the backend that runs what was traced on a CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from face_attributes.models import build_network
from vision_shared.compiling import parts_of
from vision_shared.testing import expect_compiled_alike, graphs_of_a_step

LITE = {"name": "lite", "channels": (4, 4, 4, 4, 4)}
NETWORKS: dict[str, dict[str, Any]] = {"lite": LITE, "lnet": {"name": "lnet"}}
SIZES = (67, 83), (80, 72), (91, 70)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_pictures_compile_for_three_sizes(name: str) -> None:
    torch.manual_seed(0)
    net = build_network(num_outputs=3, **NETWORKS[name]).eval()
    expect_compiled_alike(net, [(torch.rand(2, 3, *size),) for size in SIZES], parts=1)


def test_the_finder_s_trunk_compiles_stage_by_stage() -> None:
    torch.manual_seed(0)
    net: Any = build_network("tag_maps", 3, width=4).eval()
    images = [(torch.rand(1, 3, *size),) for size in SIZES]
    # a hundred operators: to trace them three times is a matter of seconds
    expect_compiled_alike(net, images, parts=6, backend="eager")


def test_the_parts_of_the_method_are_compiled_one_by_one() -> None:
    net: Any = build_network(
        "lnets_anet", 3, lnet_o=LITE, lnet_s=LITE, anet={"width": 8, "patch": (55, 47)}
    )
    assert parts_of(net) == [net.lnet_o, net.lnet_s, net.anet]
    expect_compiled_alike(net.anet.eval(), [(torch.rand(n, 3, 55, 47),) for n in (2, 5)], parts=1)


def test_a_training_step_runs_a_graph(config: Callable[..., DictConfig], rendered: Path) -> None:
    cfg = config("face_attributes", "experiment=smoke", "module=anet", f"data.root={rendered}")
    assert graphs_of_a_step(cfg) > 0
