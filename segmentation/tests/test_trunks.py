"""Trunks: grids, counts that are known, and stages that are the whole."""

from typing import Any

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segmentation.models import build_network
from segmentation.models.inception import InceptionResNet
from segmentation.models.timm_trunk import TimmTrunk
from segmentation.models.trunk import SmallTrunk
from vision_shared.inputs import InputError


def test_small_trunk_keeps_an_eighth_and_stays_small() -> None:
    trunk = SmallTrunk().eval()
    assert sum(p.numel() for p in trunk.parameters()) < 2_000_000
    assert trunk(torch.rand(1, 3, 97, 128)).shape == (1, 128, 13, 16)


def test_small_trunk_with_strides_ends_at_a_32nd() -> None:
    trunk = SmallTrunk(16, (1, 1, 1), strides=(2, 2)).eval()
    assert trunk(torch.rand(1, 3, 128, 96)).shape == (1, 16, 4, 3)


def test_inception_has_the_released_networks_arithmetic() -> None:
    """Counted on the released network at 512x512, in 10^9 multiply-adds a group."""
    with torch.device("meta"):
        groups = ("stem", "a", "reduction_a", "b", "reduction_b")
        trunk = InceptionResNet(cuts=groups).eval()
        x = torch.empty(1, 3, 512, 512)
    macs = []
    for stage in trunk.stages:
        with FlopCounterMode(display=False) as counter:
            x = stage(x)
        macs.append(round(counter.get_total_flops() / 2e9, 1))
    assert macs == [7.2, 2.8, 11.9, 47.9, 14.5, 41.1]
    assert trunk.channels == (384, 384, 1152, 1152, 2048, 2048)
    weights = sum(m.weight.numel() for m in trunk.modules() if isinstance(m, nn.Conv2d))
    assert round(weights / 1e6, 1) == 29.4


def test_inception_refuses_a_cut_that_is_no_group() -> None:
    with pytest.raises(ValueError, match="expected cuts among"):
        InceptionResNet(cuts=("b", "a"))


@pytest.mark.parametrize(("size", "grid"), [((512, 65), (64, 9)), ((100, 41), (13, 6))])
def test_timm_inception_keeps_an_eighth_of_any_size(
    size: tuple[int, int], grid: tuple[int, int]
) -> None:
    trunk = TimmTrunk("inception_resnet_v2", ["mixed_6a", "mixed_7a"])
    weights = trunk.state_dict()
    assert len(weights) > 100
    with torch.device("meta"), torch.no_grad():
        trunk.to("meta")
        assert trunk.eval()(torch.empty(1, 3, *size)).shape == (1, 1536, *grid)


def test_timm_resnet_in_stages_is_timms_network() -> None:
    torch.manual_seed(0)
    trunk = TimmTrunk("resnet18", ["layer2", "layer3"]).eval()
    network: Any = timm.create_model("resnet18", output_stride=8).eval()
    own = dict(zip(network.state_dict(), trunk.state_dict().values(), strict=False))
    network.load_state_dict({**network.state_dict(), **own})
    image = torch.rand(1, 3, 64, 64)
    normalised = trunk.stages[0][0](image)  # type: ignore[index]
    with torch.no_grad():
        torch.testing.assert_close(trunk(image), network.forward_features(normalised))


@pytest.mark.parametrize("size", [(64, 96), (50, 75)])
@pytest.mark.parametrize(
    "model", ["test_efficientnet", "mobilenetv2_050", "mobilenetv3_small_050", "test_convnext"]
)
def test_timm_trunks_keep_an_eighth_of_any_size(model: str, size: tuple[int, int]) -> None:
    trunk = TimmTrunk(model).eval()
    assert len(trunk.stages) == 3
    x = torch.rand(1, 3, *size)
    for stage, channels in zip(trunk.stages, trunk.channels, strict=True):
        x = stage(x)
        assert x.shape == (1, channels, -(-size[0] // 8), -(-size[1] // 8))


def test_timm_efficientnet_in_stages_is_timms_network() -> None:
    torch.manual_seed(0)
    trunk = TimmTrunk("test_efficientnet", ["blocks.2", "blocks.3"]).eval()
    network: Any = timm.create_model("test_efficientnet", output_stride=8).eval()
    own = dict(zip(network.state_dict(), trunk.state_dict().values(), strict=False))
    network.load_state_dict({**network.state_dict(), **own})
    normalised = trunk.stages[0][0](image := torch.rand(1, 3, 64, 64))  # type: ignore[index]
    with torch.no_grad():
        expected = network.blocks(network.bn1(network.conv_stem(normalised)))
        torch.testing.assert_close(trunk(image), expected)


def test_what_cannot_run_on_regions_is_said_before_a_training() -> None:
    with pytest.raises(InputError, match=r"stage 1.* cannot run on a region: .*trunk=pyramid"):
        build_network("cascade", 3, {"name": "timm", "model": "test_convnext"})


@pytest.mark.parametrize(
    ("model", "cuts", "message"),
    [
        ("resnet18", ["layer1", "layer3"], "behind its last stride"),
        ("resnet18", ["layer9"], "expected cuts among"),
        ("resnet0", [], "expected a model that timm has"),
    ],
)
def test_timm_trunk_refuses(model: str, cuts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimmTrunk(model, cuts)
